import { describe, expect, it } from "vitest";
import { lateFoundings } from "../../../scripts/recovery/foundings";
import type { StateResource } from "../../../scripts/state";

const NOW = 2_000_000_000_000;
const urn = (name: string) => `urn:pulumi:dev::shop::any::${name}`;

/** A founding so many minutes ago, what hands it on, and a volume behind it. */
function founded(said: string, ...others: StateResource[]): StateResource[] {
  const founding = urn("mysql-founding");
  return [
    { urn: founding, type: "command:local:Command", outputs: { stdout: said } },
    { urn: urn("mysql-1-config"), type: "command:local:Command", propertyDependencies: { stdin: [founding], create: null } },
    { urn: urn("mysql-1-data"), type: "docker:index/volume:Volume", dependencies: [founding] },
    ...others,
  ];
}

const minutesAgo = (minutes: number) => `found ${NOW / 1000 - minutes * 60}`;
const gate = (name: string): StateResource => ({ urn: urn(name), type: "command:local:Command" });

describe("a cluster that was to begin", () => {
  const again = [urn("mysql-founding"), urn("mysql-1-config")];

  it.each<[string, readonly StateResource[], readonly string[]]>([
    ["does so anew where a run was cut long ago", founded(minutesAgo(90)), again],
    ["is left alone a moment later", founded(minutesAgo(5)), []],
    ["is left alone where its first node was whole", founded(minutesAgo(90), gate("mysql-1-gate")), []],
    ["does so anew where another cluster's first node was whole", founded(minutesAgo(90), gate("queue-1-gate")), again],
    ["is left alone where there was data", founded("join"), []],
  ])("%s", (_, resources, urns) => {
    expect(lateFoundings(resources, NOW)).toEqual(urns);
  });
});
