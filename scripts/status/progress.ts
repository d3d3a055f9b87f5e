import { dockyardLabel } from "../stack";
import { CONTAINER, PendingOperation, StateResource, nameOf } from "../state";

/** A run that changes the stack. */
export interface Run {
  /** When it began, in ms since 1970; undefined where the backend does not say. */
  readonly began: number | undefined;
  readonly pending: readonly PendingOperation[];
  readonly resources: readonly StateResource[];
}

/** What a run does, a line for each component that it is at: which node, what of it, and how many are done. */
export function renderProgress({ began, pending, resources }: Run): string[] {
  const nodes = resources.concat(pending.map(({ resource }) => resource)).filter(({ type }) => type === CONTAINER);
  const lines = pending.flatMap(({ type, resource }) => {
    const name = nameOf(resource.urn);
    // The longest, since `cache` and `cache-sentinel` may both have a first node.
    const node = nodes
      .filter((each) => name === nameOf(each.urn) || name.startsWith(`${nameOf(each.urn)}-`))
      .sort((a, b) => b.urn.length - a.urn.length)[0];
    if (node === undefined) return [`${name} is ${PLAIN[type] ?? type}`];
    const component = dockyardLabel(node.inputs, "component") ?? "";
    return [`${component}: ${nameOf(node.urn)} ${doing(type, name.slice(nameOf(node.urn).length))}${done(component, nodes, began)}`];
  });
  return [...new Set(lines)].sort();
}

const PLAIN: Readonly<Record<string, string>> = { creating: "being made", updating: "being changed", deleting: "being removed" };

/** What happens to a node, by what follows its name in that of the resource. */
function doing(type: string, part: string): string {
  const isDeleted = type === "deleting";
  if (part === "") return isDeleted ? "is being stopped" : "is being made";
  if (part === "-gate") return isDeleted ? "is asked whether it can be spared" : "is waited for until it is whole";
  if (part === "-registration") return isDeleted ? "is being drained" : "is being registered";
  if (part === "-membership") return isDeleted ? "leaves its cluster" : "joins its cluster";
  return `${part.slice(1)} is ${PLAIN[type] ?? type}`;
}

/** How many nodes of a component are those of this run; nothing where that is all of them, as in a first one. */
function done(component: string, nodes: readonly StateResource[], began: number | undefined): string {
  const all = new Map(nodes.filter(({ inputs }) => dockyardLabel(inputs, "component") === component).map((node) => [node.urn, node]));
  const made = [...all.values()].filter(({ created }) => began !== undefined && Date.parse(created ?? "") >= began).length;
  return began === undefined ? "" : `, ${made} of ${all.size} done`;
}
