import type { Effect } from "./effects";
import { Change, Effects, Made, Table, isOwn } from "./table";

/** Changes that are made in one `up`. */
export interface Round {
  readonly name: string;

  /** How each component is put to which of them. */
  readonly made: Readonly<Record<string, Readonly<Partial<Record<Change, Made>>>>>;

  /** Changes that preview is asked of alone as well, since beside the others nothing tells them apart. */
  readonly alone: readonly Change[];
}

/** Inputs of a container by which preview names what it is replaced for. */
const REPLACING: Readonly<Partial<Record<Change, string>>> = { environment: "envs", port: "ports", label: "labels", image: "image" };

/** The input of a container that a change is told by, where it replaces one. */
export function inputOf(change: Change, { input = REPLACING[change] }: Made): string | undefined {
  return input;
}

/** By their names, the changes of each `up`; the first replaces nothing. */
const ROUNDS = {
  "in place": ["configuration", "secret", "memory"],
  replaced: ["environment", "port", "label", "image"],
  nodes: ["nodes"],
} as const satisfies Record<string, readonly Change[]>;
export type RoundName = keyof typeof ROUNDS;

/**
 * The changes of a table in as few `up`s as tell them apart: by the input that replaces a container, by its limits, by its configuration.
 *
 * What replaces containers comes with all else that does, whatever it changes. What only follows from another component's change comes with that.
 */
export function roundOf(table: Table, name: RoundName): Round {
  const made = Object.fromEntries(
    Object.entries(table).map(([component, { changes }]) => {
      const own = (Object.entries(changes) as [Change, Made][]).filter(([, cell]) => isOwn(cell));
      return [component, Object.fromEntries(own.filter(([change, cell]) => roundFor(change, cell) === name))] as const;
    }),
  );
  const unclear = Object.values(made).flatMap((cells) => unclearOf(Object.entries(cells) as [Change, Made][]));
  return { name, made, alone: [...new Set(unclear)] };
}

function roundFor(change: Change, { effect, ...given }: Made): string | undefined {
  const rolls = effectsOf(effect).includes("rolled");
  if (rolls && Object.keys(given).length > 0) return "replaced";
  if (change === "port" && !rolls) return "in place";
  return Object.entries(ROUNDS).find(([, changes]) => (changes as readonly Change[]).includes(change))?.[0];
}

/** Of a component's changes in one round those that nothing tells apart: several that are neither of a limit nor of an input that replaces. */
function unclearOf(cells: readonly [Change, Made][]): Change[] {
  const told = ([change, cell]: [Change, Made]) =>
    effectsOf(cell.effect).includes("rolled") ? inputOf(change, cell) !== undefined : change === "memory";
  const unclear = cells.filter((cell) => !told(cell)).map(([change]) => change);
  const replaces = cells.some(([, { effect }]) => effectsOf(effect).includes("rolled"));
  const alone = cells.filter(([, cell]) => cell.alone === true).map(([change]) => change);
  return unclear.length > 1 || (replaces && cells.length > 1) ? [...unclear, ...alone] : alone;
}

function effectsOf(effect: Effects): Effect[] {
  return typeof effect === "string" ? [effect] : Object.values(effect);
}

/** The part of a round that is of one change. */
export function only(round: Round, change: Change): Round["made"] {
  return Object.fromEntries(
    Object.entries(round.made).map(([component, cells]) => [component, cells[change] === undefined ? {} : { [change]: cells[change] }]),
  );
}
