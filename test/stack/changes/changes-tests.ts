import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf, eventsDuring } from "../support/engine";
import { freePorts } from "../support/test-stack";
import { ChangedStack } from "./changed-stack";
import type { Client } from "./clients";
import { describeFaults } from "./fault-tests";
import type { Group } from "./groups";
import { tagImages } from "./made";
import { RoundName, roundOf } from "./rounds";

/** Declares the tests of a group: its changes, what must not go through, and what nothing may touch. */
export function describeChanges(group: Group): void {
  let changed: ChangedStack;
  let clients: readonly Client[];
  let waiting: readonly Client[];
  let untag: () => Promise<void>;
  let volumes: Record<string, string>;

  beforeAll(async () => {
    untag = await tagImages(Object.values(group.images));
    const port = await freePorts(group.ports);
    changed = await ChangedStack.create(`test-${group.name}`, group.program, group.network, group.table(port));
    await changed.stack.up();
    clients = Object.values(group.clients(changed.stack.label));
    waiting = Object.values(group.waiting?.(port) ?? {});
    volumes = await changed.volumes();
  });

  afterAll(async () => {
    await changed?.stack.remove();
    await untag?.();
  });

  const make = (name: RoundName, does: string) =>
    it(does, async ({ skip }) => {
      const round = roundOf(changed.table, name);
      if (Object.values(round.made).every((cells) => Object.keys(cells).length === 0)) skip("other tests prove it for each of them");
      const { outcomes, seconds } = await changed.make(round, name === "in place" ? [...clients, ...waiting] : clients);
      const said = outcomes.map(({ client, requests, longestPause: pause }) =>
        pause === undefined ? `${client} ${requests}` : `${client} ${requests} (longest pause ${Math.round(pause)} ms)`,
      );
      console.log(`${group.name}, ${name}: ${seconds.toFixed(1)} s; ${said.join(", ")}`);
    });

  describe("the components of the table", () => {
    make("in place", "take another configuration, another secret and other limits as preview says, and nobody notices");
    make("replaced", "are replaced as preview says, one node at a time, and nobody notices");
    describeFaults(
      () => changed,
      () => clients,
      group.images,
    );
    make("nodes", "get more nodes as preview says, and nobody notices");

    it("have nothing else to change under another parent, and the volumes that they had", async () => {
      const { stack } = changed;
      const moved = await stack.preview({ moved: true });
      expect(moved.map(({ op, name }) => `${op} ${name}`)).toEqual(["create team"]);
      expect(await eventsDuring(stack.label, () => stack.up())).toEqual([]);
      expect(await changed.volumes()).toMatchObject(volumes);
    });

    it("have the volumes of their data after they were ended and brought up", async ({ skip }) => {
      const { stack, table } = changed;
      const kept = Object.keys(table).filter((component) => table[component]?.down === "kept");
      if (kept.length === 0) skip("other tests prove it for each of them");
      const isOf = (name: string) => kept.some((component) => name.startsWith(stack.container(`${component}-`)));
      const data = Object.entries(await changed.volumes()).filter(([name]) => isOf(name) && name.endsWith("-data"));
      expect(data).not.toEqual([]);
      await stack.destroy(...kept.flatMap((component) => ["--target", `**::${component}-**`]), "--target-dependents");
      expect(Object.keys(await containersOf(stack.label)).filter((node) => isOf(stack.container(node)))).toEqual([]);
      expect(Object.entries(await changed.volumes()).filter(([name]) => isOf(name))).toEqual(data);
      await stack.up();
      expect(await changed.volumes()).toMatchObject(Object.fromEntries(data));
      expect(await stack.preview()).toEqual([]);
    });
  });
}
