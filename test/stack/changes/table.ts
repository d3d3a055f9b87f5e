import type { Effect } from "./effects";

/** The changes that every component is put to. */
export const CHANGES = ["environment", "port", "label", "image", "configuration", "secret", "memory", "nodes"] as const;
export type Change = (typeof CHANGES)[number];

export type Args = Readonly<Record<string, unknown>>;

/** What becomes of a component's nodes, by their set where there is more than one. */
export type Effects = Effect | Readonly<Record<string, Effect>>;

/** How a change is made here, and what must come of it. */
export interface Made {
  /** Arguments of the component that change. */
  readonly args?: Args;

  /** What the component's transform adds, where it has no argument for it. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;

  /** Input of the container for which that is replaced. @default that of the change */
  readonly input?: string;

  /** Whether another component's change in the same `up` tells on it as well, so that preview is asked of it alone. @default false */
  readonly alone?: boolean;
  readonly effect: Effects;
}

/** What another test proves, by its file in `test/stack` and the name that it has there. */
export interface Elsewhere {
  readonly file: string;
  readonly test: string;
}

/** A change that another test proves. */
export interface MadeElsewhere extends Elsewhere {
  readonly effect: Effects;
}

/** Why a component has nothing of the kind. */
export interface Absent {
  readonly absent: string;
}

/** An image that passes the checks and never starts. */
export interface Spoilt {
  /** Shell commands that make it of the component's own image, as root; see {@link unstartable}. */
  readonly commands: string;

  /** In which `up` of those that must fail, since nodes that wait for others' are not tried where those fail. @default 1 */
  readonly turn?: number;
}

/** Arguments that must not go through, and what is said of them. */
export interface Refused {
  readonly args: Args;
  readonly said: string;

  /** As with {@link Spoilt}, where it is not preview that refuses. @default 1 */
  readonly turn?: number;
}

/** Nodes without which the first one cannot be spared. */
export interface Needed {
  readonly nodes: readonly string[];
}

/** How a component is put to what must stop a roll, or not let it begin: refused, each of them. */
export interface Faults {
  /** An image that never becomes healthy: refused by the first node's gate. */
  readonly image: Spoilt | Elsewhere | Absent;

  /** What the checks of arguments let pass and the software does not: refused by the first node's software. */
  readonly configuration: Refused | Elsewhere | Absent;

  /** What would leave no majority, or nobody to take over: refused in preview. */
  readonly majority: Refused | Elsewhere | Absent;

  /** A change while others are away: refused before the first node is touched. */
  readonly needed: Needed | Elsewhere | Absent;
}

/** A row of the table: a component, and what each change does to it. */
export interface Row {
  readonly args: Args;

  /** Sets of nodes, in the order in which they are rolled, and how many nodes the arguments give each. */
  readonly sets: (args: Args) => Readonly<Record<string, number>>;
  readonly changes: Readonly<Record<Change, Made | MadeElsewhere | Absent>>;
  readonly faults: Faults;

  /** Whether its data has to outlive the stack's end here, or what proves it. */
  readonly down: "kept" | Elsewhere | Absent;
}

export type Table = Readonly<Record<string, Row>>;

/** Whether a cell is for this suite to prove. */
export function isOwn<Cell extends object>(cell: Cell): cell is Exclude<Cell, Elsewhere | Absent> {
  return !("file" in cell) && !("absent" in cell);
}

/** What is to become of a set. */
export function effectOn(set: string, effect: Effects): Effect | undefined {
  return typeof effect === "string" ? effect : effect[set];
}

/** The one set of a component whose nodes are called by it. */
export function oneSet(component: string, argument: string): Row["sets"] {
  return (args) => ({ [component]: Number(args[argument]) });
}

/** Nodes of a set, in order. */
export function nodesOf(set: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${set}-${index + 1}`);
}

/** Addresses with a port, from a component's first one on. */
export function at(first: string, port: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${first.replace(/\d+$/, (host) => String(Number(host) + index))}:${port}`);
}
