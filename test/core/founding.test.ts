import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { renderFoundingCommand } from "../../components/core/founding";
import { recordResources } from "../mocks";

recordResources();

/** What the command prints on hosts whose engines list these volumes of the component. */
function founding(...hosts: readonly (readonly string[])[]): string {
  const dockers = hosts.map((_, index) => ["docker", "-H", `host-${index}`]);
  const cases = hosts.map((volumes, index) => `*host-${index}*) printf '%s\\n' ${volumes.map((name) => `'${name}'`).join(" ") || "''"} ;;`);
  const script = `docker() { case "$*" in ${cases.join(" ")} esac; }\n${renderFoundingCommand("mysql", { dockers })}`;
  return spawnSync("sh", ["-c", script], { encoding: "utf8" }).stdout.trim();
}

const FOUND = /^found \d{10}$/;

describe("a cluster", () => {
  it.each<[string, readonly (readonly string[])[], RegExp]>([
    ["begins where there is nothing, and says when", [[], []], FOUND],
    ["begins where the first node has a volume alone, as an interrupted run leaves it", [["dockyard-unit-mysql-1-data"], []], FOUND],
    ["begins beside volumes that keep no data of nodes", [["dockyard-unit-mysql-snapshots", "dockyard-unit-mysql-2-config"]], FOUND],
    ["is joined where another node has data", [["dockyard-unit-mysql-1-data"], ["dockyard-unit-mysql-2-data"]], /^join$/],
    ["is joined where a node of another kind has", [["dockyard-unit-mysql-controller-2-data"]], /^join$/],
    ["is joined where only another node has", [[], ["dockyard-unit-mysql-12-data"]], /^join$/],
  ])("%s", (_, hosts, said) => {
    expect(founding(...hosts)).toMatch(said);
  });

  it("is begun by another founder where that is asked for", () => {
    const options = { founder: "kafka-controller-1" };
    const command = renderFoundingCommand("kafka", { dockers: [["docker"]] }, options);
    const run = (volume: string) => spawnSync("sh", ["-c", `docker() { echo ${volume}; }\n${command}`], { encoding: "utf8" }).stdout.trim();
    expect(run("dockyard-unit-kafka-controller-1-data")).toMatch(FOUND);
    expect(run("dockyard-unit-kafka-1-data")).toBe("join");
  });

  it("is neither where an engine does not answer", () => {
    const script = `docker() { return 1; }\n${renderFoundingCommand("mysql", { dockers: [["docker"]] })}`;
    expect(spawnSync("sh", ["-c", script], { encoding: "utf8" })).toMatchObject({ status: 1, stdout: "" });
  });
});
