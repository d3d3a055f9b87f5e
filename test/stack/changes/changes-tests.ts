import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ImageName } from "../../../components/core/images";
import { containersOf, eventsDuring } from "../support/engine";
import { freePorts } from "../support/test-stack";
import { ChangedStack } from "./changed-stack";
import type { Client } from "./clients";
import { describeFaults } from "./fault-tests";
import { tagImages } from "./made";
import { RoundName, roundOf } from "./rounds";
import type { Table } from "./table";

/** A group of the table's rows that are changed together, in a stack of their own. */
export interface Group {
  /** Name of the stack. */
  readonly name: string;

  /** Entry of its program, from the project's root. */
  readonly program: string;
  readonly network: { readonly subnet: string; readonly addresses: Readonly<Record<string, string>> };

  /** Host ports that the table takes, and the table from the first of them on. */
  readonly ports: number;
  readonly table: (port: number) => Table;

  /** Images of the components, which get another tag as well. */
  readonly images: Readonly<Record<string, ImageName>>;

  /** Who uses the components while they are changed; asked once, when the stack runs. */
  readonly clients: () => Promise<readonly Client[]>;

  /** Who uses those of a single container, and has to wait while that is replaced. @param port First of the host ports. @default nobody */
  readonly waiting?: (port: number) => readonly Client[];
}

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
    changed = await ChangedStack.create(group.name, group.program, group.network, group.table(port));
    await changed.stack.up();
    clients = await group.clients();
    waiting = group.waiting?.(port) ?? [];
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

    it("have nothing else to change under another parent, and the volumes that they had, also after `npm run down` and `up`", async () => {
      const { stack } = changed;
      const moved = await stack.preview({ moved: true });
      expect(moved.map(({ op, name }) => `${op} ${name}`)).toEqual(["create team"]);
      expect(await eventsDuring(stack.label, () => stack.up())).toEqual([]);
      expect(await changed.volumes()).toMatchObject(volumes);

      const data = Object.entries(await changed.volumes()).filter(([name]) => name.endsWith("-data"));
      expect(data).not.toEqual([]);
      await changed.run("down", "--non-interactive");
      expect(await containersOf(stack.label)).toEqual({});
      expect(await changed.volumes()).toEqual(Object.fromEntries(data));
      await stack.up();
      expect(await changed.volumes()).toMatchObject(Object.fromEntries(data));
      expect(await stack.preview()).toEqual([]);
    });
  });
}
