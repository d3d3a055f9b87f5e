import { describe, expect, it } from "vitest";
import { Host } from "../../components/core/host";
import { deliverImage, renderDeliverCommand } from "../../components/core/host-images";
import { recordResources, settled } from "../mocks";

describe("an image on a host", () => {
  it("is copied from the program's machine, once however many nodes run it", async () => {
    const registered = recordResources();
    const [b, c] = ["b", "c"].map((name) => new Host({ name, engine: `ssh://${name}` }));
    const commands = [b, b, c].map((host) => (host === undefined ? [] : deliverImage(host, "dockyard/consul:1.22.0-abc")));
    await settled(registered);
    expect(commands[0]).toEqual(commands[1]);
    expect(registered.filter(({ type }) => type === "command:local:Command").map(({ name }) => name)).toEqual([
      "host-b-image-consul",
      "host-c-image-consul",
    ]);
  });

  it("is left to the engine where it was made, and where it comes from a registry", () => {
    expect(deliverImage(new Host({ name: "local" }), "dockyard/consul:1.22.0-abc")).toEqual([]);
    expect(deliverImage(new Host({ name: "b", engine: "ssh://b" }), "registry.example/web:1")).toEqual([]);
  });

  it("is not copied where it is already", async () => {
    await expect(renderDeliverCommand(["docker", "-H", "ssh://b"], "dockyard/consul:1.22.0-abc")).toMatchFileSnapshot(
      "golden/deliver-image.sh",
    );
  });
});
