import { describe, expect, it } from "vitest";
import { Host } from "../../components/core/host";
import { renderInstallCommand, renderStageScript } from "../../components/core/live-config";
import { recordResources } from "../mocks";

recordResources();

const config = {
  mountPath: "/etc/thing",
  files: [
    { path: "thing.conf", content: "" },
    { path: "keys/it's.key", content: "", mode: "0400" },
  ],
  check: (folder: string) => ["thing", "-t", `${folder}/thing.conf`],
  reload: ["thing", "reload"],
};

describe("a live configuration", () => {
  it("writes each file with its mode into a folder named after the content", async () => {
    await expect(renderStageScript("7:8", config, ["a = $b\n", "secret"])).toMatchFileSnapshot("golden/live-config-stage.sh");
  });

  it("has another folder for another content", () => {
    const folder = (content: string) => /echo (\S+)/.exec(renderStageScript("7:8", config, [content, "secret"]))?.[1];
    expect(folder("a")).toBe(folder("a"));
    expect(folder("a")).not.toBe(folder("b"));
  });

  it("checks before it swaps, swaps before it reloads, and reloads only what runs with this image", async () => {
    const node = { host: new Host({ name: "far", engine: "ssh://far" }), component: "thing", image: "thing:1", user: "7:8" };
    await expect(renderInstallCommand("unit-thing-1", "unit-thing-1-config", node, config)).toMatchFileSnapshot(
      "golden/live-config-install.sh",
    );
  });
});
