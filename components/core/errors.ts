import { RunError } from "@pulumi/pulumi/errors";

/** One thing wrong with what a component was given. */
export interface Fault {
  /** Where: the component's name and the argument's path, `discovery.servers`. */
  readonly path: string;
  readonly value: unknown;
  /** What is allowed and what to do: `must be 3, 5 or 7; an even number cannot hold a majority after a split`. */
  readonly remedy: string;
}

/**
 * Everything that is wrong with a component's arguments, found before anything is touched.
 *
 * A `RunError` is the user's to mend, so Pulumi prints it without a stack trace.
 */
export class ConfigError extends RunError {
  constructor(readonly faults: readonly Fault[]) {
    super(faults.map((fault) => `${fault.path}: ${fault.remedy}, got ${shown(fault.value)}`).join("\n"));
    this.name = "ConfigError";
  }
}

/** JSON has no NaN, no Infinity, no undefined and no functions; what an output holds is not known yet, and may be a secret. */
function shown(value: unknown): string {
  if (typeof value === "number" || value === undefined) return String(value);
  if (typeof value === "function") return "a function";
  if (isOutput(value)) return "an output";
  if (typeof value === "object" && value !== null && !isPlain(value)) return `a ${value.constructor.name}`;
  // An output writes itself as a warning; what it was before that is in its holder.
  return JSON.stringify(value, function (this: Record<string, unknown>, key, inner: unknown) {
    return isOutput(this[key]) ? "an output" : inner;
  });
}

function isOutput(value: unknown): boolean {
  return typeof value === "object" && value !== null && "__pulumiOutput" in value;
}

function isPlain(value: object): boolean {
  return Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
}

/** Collects faults in the order of the checks, so that one run tells all of them. */
export class Checks {
  private readonly faults: Fault[] = [];

  /** @param name Name of the component, the first part of every fault's path. */
  constructor(private readonly name: string) {}

  that(holds: boolean, argument: string, value: unknown, remedy: string): this {
    if (!holds) this.faults.push({ path: `${this.name}.${argument}`, value, remedy });
    return this;
  }

  /** @throws {ConfigError} when any check failed; inside {@link collectFaults} that comes at the program's end. */
  done(): void {
    reportFaults(this.faults.splice(0));
  }
}

/** A count as it is used after its check: one far out of its bounds would have a faulty program made up of millions of nodes before it ends. */
export function bounded(count: number, low: number, high: number): number {
  return Number.isInteger(count) ? Math.min(Math.max(count, low), high) : low;
}

/** @throws {ConfigError} naming the faults where there are any; inside {@link collectFaults} that comes at the program's end. */
export function reportFaults(faults: readonly Fault[]): void {
  if (faults.length === 0) return;
  if (collected === undefined) throw new ConfigError(faults);
  collected.push(...faults);
}

/** Whether a program is refused already, though it goes on for the sake of the faults behind. */
export function isRefused(): boolean {
  return collected !== undefined && collected.length > 0;
}

/** What the checks of a whole program have found so far; undefined outside of {@link collectFaults}. */
let collected: Fault[] | undefined;

/**
 * Runs a program and tells the faults of all its components at once, not only the first one's.
 *
 * A component with a fault is still made, so that those behind it are looked at as well; what it leads to is not told. Whoever calls this has
 * to see to it that nothing of such a program is sent, as `register.cjs` does. Only what comes before the program's first `await` is covered.
 *
 * @throws {ConfigError} naming every fault that any component found.
 */
export function collectFaults<T>(program: () => T): T {
  const faults = (collected = []) as Fault[];
  let result: T | undefined;
  try {
    result = program();
  } catch (error) {
    if (error instanceof ConfigError) faults.push(...error.faults);
    // After a fault it is only what the fault leads to.
    else if (faults.length === 0) throw error;
  } finally {
    collected = undefined;
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return result as T;
}
