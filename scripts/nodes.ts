import { askEngine } from "./recovery/engines";
import { SetupError } from "./setup/shell";
import { Docker, StackHost, Target, dockyardLabel, exportedStack, stackHosts } from "./stack";

/** A node's container, and the host that it is on. */
export interface StackNode {
  /** Name of the node, `mysql-2`. */
  readonly name: string;
  readonly host: StackHost;
  /** Name on the engine. */
  readonly container: string;
  /** `running`, `exited`, … as the engine says. */
  readonly state: string;
}

/** The nodes of one component, and the hosts that do not answer and may have more of them. */
export interface ComponentNodes {
  readonly nodes: readonly StackNode[];
  readonly silent: readonly { readonly host: StackHost; readonly reason: string }[];
}

/**
 * Finds a component's nodes on all hosts of a stack, in the order of their names.
 *
 * @throws {SetupError} where the stack, or a component of that name, is not there.
 */
export async function nodesOf(target: Target, component: string): Promise<ComponentNodes> {
  const exported = await exportedStack(target);
  const resources = exported === undefined ? [] : ((JSON.parse(exported) as Exported).deployment?.resources ?? []);
  const components = [...new Set(resources.flatMap(({ inputs }) => dockyardLabel(inputs, "component") ?? []))].sort();
  if (!components.includes(component)) {
    const there = components.length === 0 ? "nothing runs there; `npm run up` brings it up" : `there are ${components.join(", ")}`;
    throw new SetupError(`The stack ${target.stack} has no component ${component}: ${there}.`);
  }
  const hosts = stackHosts(resources);
  const filter = [`stack=${target.label}`, `component=${component}`].flatMap((label) => ["--filter", `label=dockyard.${label}`]);
  const format = ["--filter", "label=dockyard.node", "--format", '{{.Label "dockyard.node"}}\t{{.Names}}\t{{.State}}'];
  const answers = await Promise.allSettled(hosts.map((host) => askEngine(host, "ps", "--all", ...filter, ...format)));
  const silent = hosts.flatMap((host, index) => {
    const answer = answers[index];
    return answer?.status === "rejected" ? [{ host, reason: (answer.reason as Error).message }] : [];
  });
  const nodes = hosts.flatMap((host, index) => {
    const answer = answers[index];
    return answer?.status === "fulfilled" ? rows(host, answer.value) : [];
  });
  return { nodes: nodes.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true })), silent };
}

interface Exported {
  readonly deployment?: { readonly resources?: Parameters<typeof stackHosts>[0] };
}

function rows(host: StackHost, lines: string): StackNode[] {
  return lines
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [name = "", container = "", state = ""] = line.split("\t");
      return { name, host, container, state };
    });
}

/** Arguments that run a command inside a node's container. */
export function execArguments({ host, container }: StackNode, command: readonly string[]): [string, ...string[]] {
  const [program, ...options]: Docker = host.docker;
  return [program, ...options, "exec", container, ...command];
}
