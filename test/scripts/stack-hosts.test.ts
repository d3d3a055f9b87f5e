import { describe, expect, it } from "vitest";
import { stackHosts } from "../../scripts/stack";

const provider = (name: string, inputs: Record<string, unknown>) => ({
  urn: `urn:pulumi:dev::shop::pulumi:providers:docker::${name}`,
  type: "pulumi:providers:docker",
  inputs,
});
const container = (name: string, by: string) => ({
  urn: `urn:pulumi:dev::shop::docker:index/container:Container::${name}`,
  type: "docker:index/container:Container",
  provider: `urn:pulumi:dev::shop::pulumi:providers:docker::${by}::id`,
});

describe("the hosts of a stack", () => {
  it("are this machine alone where nothing says otherwise", () => {
    expect(stackHosts([])).toEqual([{ name: "local", docker: ["docker"] }]);
    expect(stackHosts([provider("default_5_2_0", {}), container("web-1", "default_5_2_0")])).toEqual([
      { name: "local", docker: ["docker"] },
    ]);
  });

  it("are those whose engines its providers reach", () => {
    const [a, b] = ["a", "b"].map((name) => ({ name, docker: ["docker", "-H", `ssh://${name}`] }));
    const others = [provider("host-a", { host: "ssh://a" }), provider("host-b", { host: "ssh://b" })];
    expect(stackHosts([...others, container("web-1", "host-a")])).toEqual([a, b]);
    expect(stackHosts([...others, container("web-1", "default_5_2_0")])).toEqual([{ name: "local", docker: ["docker"] }, a, b]);
  });
});
