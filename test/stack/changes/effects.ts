import type { PlannedStep } from "../support/test-stack";

/**
 * What a change does to the nodes of a set: they are replaced one by one, their limits are changed while they run, their software takes a new
 * configuration up while it runs, nothing happens to them, or others come and they stay as they are.
 */
export type Effect = "rolled" | "updated" | "reloaded" | "left" | "grown";

/** What becomes of one container; `limits` where they are set, by a change of its own or by its gate, which limits its processes. */
export interface Fate {
  readonly container: "replaced" | "created" | "removed" | "untouched";
  readonly limits: boolean;
}

const CONTAINER = "docker:index/container:Container";
const ROLLED = ["die", "destroy", "create", "start", "update"];

/** What preview says will become of the containers, by node; those that nothing happens to are left out. */
export function announced(steps: readonly PlannedStep[]): Record<string, Fate> {
  const operations = new Map<string, string[]>();
  const add = (node: string, op: string) => operations.set(node, [...(operations.get(node) ?? []), op]);
  for (const { op, name, type } of steps) {
    if (type === CONTAINER) add(name, op);
    else if (name.endsWith("-gate") && !op.startsWith("delete")) add(name.slice(0, -"-gate".length), "gate");
  }
  return Object.fromEntries([...operations].map(([node, ops]) => [node, fateOf(ops)]));
}

function fateOf(operations: readonly string[]): Fate {
  const has = (...ops: string[]) => operations.some((op) => ops.includes(op));
  const limits = has("create", "replace", "update", "gate");
  if (has("replace")) return { container: "replaced", limits };
  if (has("create")) return { container: "created", limits };
  if (has("delete")) return { container: "removed", limits: false };
  return { container: "untouched", limits };
}

/** What the engine's events say has become of them; what is none of these is told as it was. */
export function happened(events: readonly string[]): Record<string, Fate | string> {
  const actions = new Map<string, string[]>();
  for (const event of events) {
    const [action = "", node = ""] = event.split(" ");
    actions.set(node, [...(actions.get(node) ?? []), action]);
  }
  return Object.fromEntries([...actions].map(([node, all]) => [node, fateByEvents(all)]));
}

function fateByEvents(actions: readonly string[]): Fate | string {
  const limits = actions.includes("update");
  switch (actions.filter((action) => action !== "update").join(" ")) {
    case "die destroy create start":
      return { container: "replaced", limits };
    case "create start":
      return { container: "created", limits };
    case "die destroy":
      return { container: "removed", limits };
    case "":
      return { container: "untouched", limits };
    default:
      return actions.join(" ");
  }
}

/** What a change is told by, where others are made with it. */
export interface Told {
  /** Input of the containers that it replaces. */
  readonly input?: string;

  /** Whether it is one of limits, or else one of configuration. */
  readonly limits: boolean;
}

/**
 * What preview says of the nodes of a set as a whole: an {@link Effect}; else of each.
 *
 * @param before How many of the nodes are there already.
 * @param told What is asked about. @default whatever becomes of them
 */
export function announcedEffect(steps: readonly PlannedStep[], nodes: readonly string[], before: number, told?: Told): string {
  const fates = announced(steps);
  const each = nodes.map((node) => fates[node]?.container ?? "untouched");
  const all = (fate: string, some: readonly string[]) => some.every((one) => one === fate);
  if (all("replaced", each)) {
    const { input } = told ?? {};
    const by = nodes.filter((node) => input === undefined || steps.some((step) => step.name === node && step.replacing.includes(input)));
    if (by.length === nodes.length) return "rolled";
    return by.length === 0 ? "left" : `only ${by.join(", ")} replaced`;
  }
  if (nodes.length > before && all("untouched", each.slice(0, before)) && all("created", each.slice(before))) return "grown";
  if (!all("untouched", each)) return nodes.map((node, index) => `${node} ${each[index]}`).join(", ");
  const updates = steps.filter(({ op }) => op === "update");
  const limited = nodes.every((node) => updates.some(({ name, reasons }) => name === node && reasons.includes("memory")));
  if (limited && told?.limits !== false) return "updated";
  return nodes.every((node) => updates.some(({ name }) => isConfiguration(name, node))) && told?.limits !== true ? "reloaded" : "left";
}

/** Whether a resource is what a node's software takes up while it runs. */
function isConfiguration(resource: string, node: string): boolean {
  return ["config", "haproxy", "keepalived", "ssh", "server", "client"].some((role) => resource === `${node}-${role}`);
}

/** The events of nodes that are replaced in their order, each with its gate begun before the next one ends. */
export function rollOf(nodes: readonly string[]): string[] {
  return nodes.flatMap((node) => ROLLED.map((action) => `${action} ${node}`));
}
