import { expect } from "vitest";
import { LIFE_AND_LIMITS, docker, eventsDuring, volumeIdentities } from "../support/engine";
import { PlannedStep, Settings, TestStack } from "../support/test-stack";
import { Client, Outcome, beside } from "./clients";
import { Effect, announced, announcedEffect, happened, rollOf } from "./effects";
import { Round, inputOf, only } from "./rounds";
import { Args, Change, Made, Table, effectOn, nodesOf } from "./table";

/** What a component is given: the table's arguments, and what its transform adds. */
interface Given {
  readonly args: Args;
  readonly environment?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A component's changes, without what must come of them. */
type Changes = Readonly<Record<string, readonly Omit<Made, "effect">[]>>;

/** What was seen of an `up`. */
export interface Seen {
  readonly outcomes: readonly Outcome[];
  readonly seconds: number;
}

/** How many of a client's failures a failed test tells. */
const MOST_TOLD = 5;

/** A stack of the table's components, to which its changes are made. */
export class ChangedStack {
  private given: Readonly<Record<string, Given>>;

  private constructor(
    readonly stack: TestStack,
    readonly table: Table,
  ) {
    this.given = givenAtFirst(table);
  }

  static async create(name: string, program: string, network: Settings, table: Table): Promise<ChangedStack> {
    const stack = await TestStack.create(name, { network, components: givenAtFirst(table) }, program);
    return new ChangedStack(stack, table);
  }

  /** Nodes of each set by now, by the set's name. */
  sets(): Record<string, string[]> {
    const sets = Object.entries(this.table).flatMap(([component, { sets: of }]) => Object.entries(of(this.argsOf(component))));
    return Object.fromEntries(sets.map(([set, count]) => [set, nodesOf(set, count)]));
  }

  /** The node with which a component's roll begins. */
  firstNode(component: string): string {
    const [set = component] = Object.keys(this.table[component]?.sets(this.argsOf(component)) ?? {});
    return nodesOf(set, 1).join();
  }

  /** Settings with which every component has what these changes say of it. */
  settingsWith(changes: Changes): Settings & { components: Readonly<Record<string, Given>> } {
    const components = Object.entries(this.given).map(([component, given]) => {
      const all = changes[component] ?? [];
      const merged = <K extends keyof Given>(key: K): Given[K] => Object.assign({}, given[key], ...all.map((one) => one[key])) as Given[K];
      return [component, { args: merged("args"), environment: merged("environment"), labels: merged("labels") }] as const;
    });
    return { components: Object.fromEntries(components) };
  }

  /** Back to what was given last. */
  async restore(): Promise<void> {
    await this.stack.configure({ components: this.given });
  }

  /**
   * Makes a round's changes in one `up`, and holds what the engine does against what preview has said, and that against the table.
   *
   * @param clients Who goes on using the components meanwhile.
   */
  async make(round: Round, clients: readonly Client[]): Promise<Seen> {
    const before = this.sets();
    for (const change of round.alone) {
      const made = only(round, change);
      this.expectEffects([change], made, await this.stack.preview(this.settingsWith(changesOf(made))), before);
    }
    const settings = this.settingsWith(changesOf(round.made));
    const steps = await this.stack.preview(settings);
    this.given = settings.components;
    const changes = [...new Set(Object.values(round.made).flatMap((row) => Object.keys(row) as Change[]))];
    this.expectEffects(
      changes.filter((change) => !round.alone.includes(change)),
      round.made,
      steps,
      before,
    );
    return this.expectEvents(steps, clients, () => this.stack.up());
  }

  /** Who the stack's volumes are, by their names. */
  async volumes(): Promise<Record<string, string>> {
    return volumeIdentities(
      (await docker("volume", "ls", "--quiet", "--filter", `label=dockyard.stack=${this.stack.label}`)).split("\n").filter(Boolean),
    );
  }

  private argsOf(component: string): Args {
    return this.given[component]?.args ?? {};
  }

  private expectEffects(
    changes: readonly Change[],
    made: Round["made"],
    steps: readonly PlannedStep[],
    before: Record<string, string[]>,
  ): void {
    const said: Record<string, string> = {};
    const expected: Record<string, Effect> = {};
    for (const [component, { sets }] of Object.entries(this.table))
      for (const set of Object.keys(sets(this.argsOf(component)))) {
        const [there = [], now = []] = [before[set], this.sets()[set]];
        for (const change of changes) {
          const cell = made[component]?.[change];
          const effect = cell && effectOn(set, cell.effect);
          if (effect === undefined) continue;
          expected[`${change} of ${set}`] = effect;
          const told = { input: cell && inputOf(change, cell), limits: change === "memory" };
          said[`${change} of ${set}`] = announcedEffect(steps, now, there.length, told);
        }
        // What is not changed itself may be told of others' change, but its containers stay.
        if (Object.keys(made[component] ?? {}).length > 0) continue;
        expected[set] = "left";
        said[set] = announcedEffect(steps, now, there.length).replace("reloaded", "left");
      }
    expect.soft(said).toEqual(expected);
  }

  private async expectEvents(steps: readonly PlannedStep[], clients: readonly Client[], work: () => Promise<unknown>): Promise<Seen> {
    let events: string[] = [];
    let seconds = 0;
    const outcomes = await beside(clients, async () => {
      const started = performance.now();
      events = await eventsDuring(this.stack.label, work, LIFE_AND_LIMITS);
      seconds = (performance.now() - started) / 1000;
    });
    const fates = announced(steps);
    expect.soft(happened(events)).toEqual(fates);
    for (const nodes of Object.values(this.sets())) {
      const own = events.filter((event) => nodes.includes(event.split(" ")[1] ?? ""));
      if (nodes.every((node) => fates[node]?.container === "replaced")) expect.soft(own).toEqual(rollOf(nodes));
    }
    expectServed(outcomes);
    return { outcomes, seconds };
  }
}

/** That every client was served, and nothing lost that it was told to be there. */
export function expectServed(outcomes: readonly Outcome[]): void {
  for (const { client, failures, lost, requests } of outcomes) {
    const said = [client, ...failures.slice(0, MOST_TOLD), ...lost.slice(0, MOST_TOLD).map((what) => `lost: ${what}`)].join("; ");
    expect.soft({ client, failures, lost }, said).toEqual({ client, failures: [], lost: [] });
    expect.soft(requests, client).toBeGreaterThan(0);
  }
}

function changesOf(made: Round["made"]): Changes {
  return Object.fromEntries(Object.entries(made).map(([component, cells]) => [component, Object.values(cells)]));
}

function givenAtFirst(table: Table): Record<string, Given> {
  return Object.fromEntries(Object.entries(table).map(([component, { args }]) => [component, { args }]));
}
