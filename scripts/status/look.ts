import { execa } from "execa";
import { askEngine } from "../recovery/engines";
import { SetupError, lastWords } from "../setup/shell";
import { StackHost, Target, dockyardLabel } from "../stack";
import { CONTAINER, StateResource, componentOf, hostOf, nameOf, ownResources, stateResources } from "../state";
import { Told, kindOf, questionFor, withLag } from "./roles";

/** A stack as its state has it. */
export interface Recorded {
  readonly resources: readonly StateResource[];
  readonly hosts: readonly StackHost[];
}

/** A node as its engine and its own software have it. */
export interface Node {
  readonly component: string;
  readonly node: string;
  /** Kind of its component, `ConsulCluster`; undefined where the state does not know it. */
  readonly kind: string | undefined;
  readonly host: string;
  /** `healthy`, `starting`, `exited (137)`, `missing`, or `unknown` where its host cannot be asked. */
  readonly health: string;
  readonly image: string;
  /** Address on the service network; empty where it has none now. */
  readonly address: string;
  /** Published ports, `127.0.0.1:8080`. */
  readonly ports: readonly string[];
  /** Milliseconds for which it has been running; undefined where it is not. */
  readonly uptime: number | undefined;
  /** What its software says of itself; undefined where it has no roles or does not run, `no answer` where it was asked in vain. */
  readonly told: Told | undefined;
}

/** The nodes, and why a host could not be asked for them. */
export interface Seen {
  readonly nodes: readonly Node[];
  readonly silent: readonly string[];
}

/** How long a node's software may take to answer, in ms. */
const PATIENCE = 5000;

/** @throws {SetupError} where there is no such stack. */
export async function recordedStack(target: Target): Promise<Recorded> {
  const resources = await stateResources(target);
  if (resources === undefined) throw new SetupError(`The stack ${target.stack} has not been brought up yet; \`npm run up\` does it.`);
  return ownResources(target, resources);
}

/** Whether a node does what it is there for, or has just started and is asked within seconds. */
export function isWell({ health }: Node): boolean {
  return ["healthy", "starting"].includes(health);
}

/** Looks at all nodes of a stack, on their engines and in their own words, in the order of their names. */
export async function lookAt(target: Target, { resources, hosts }: Recorded): Promise<Seen> {
  const kinds = kindsOf(resources);
  const answers = await Promise.all(hosts.map((host) => nodesOn(target, host, kinds)));
  const found = answers.flatMap(({ nodes }) => nodes);
  const mute = hosts.filter((_, index) => answers[index]?.silent !== undefined).map(({ name }) => name);
  const missing = resources
    .filter(({ type }) => type === CONTAINER)
    .flatMap((resource) => recordedNode(resource, hosts, kinds, mute))
    .filter(({ node }) => !found.some((each) => each.node === node));
  const nodes = [...found, ...missing].sort((a, b) => key(a).localeCompare(key(b), "en", { numeric: true }));
  const compared = nodes.map((node) => {
    const others = nodes.filter(({ component }) => component === node.component).flatMap(({ told }) => told ?? []);
    return { ...node, told: node.told && withLag(node.told, others) };
  });
  return { nodes: compared, silent: answers.flatMap(({ silent }) => silent ?? []) };
}

function key({ component, node }: Node): string {
  return `${component} ${node}`;
}

/** Kinds of the components of all nodes, by the nodes' names. */
function kindsOf(resources: readonly StateResource[]): ReadonlyMap<string, string> {
  return new Map(
    resources
      .filter(({ type }) => type === CONTAINER)
      .flatMap((resource) => {
        const component = componentOf(resource, resources);
        return component === undefined ? [] : [[nameOf(resource.urn), kindOf(component.type)] as const];
      }),
  );
}

/** None of a container that the program has beside our components. */
function recordedNode(
  resource: StateResource,
  hosts: readonly StackHost[],
  kinds: ReadonlyMap<string, string>,
  mute: readonly string[],
): Node[] {
  const { inputs = {} } = resource;
  const [component, node] = [dockyardLabel(inputs, "component"), dockyardLabel(inputs, "node")];
  if (component === undefined || node === undefined) return [];
  const host = hostOf(resource, hosts)?.name ?? "local";
  return [
    {
      ...{ component, node, kind: kinds.get(node), host, image: String(inputs.image) },
      health: mute.includes(host) ? "unknown" : "missing",
      ...{ address: "", ports: [], uptime: undefined, told: undefined },
    },
  ];
}

interface InspectedContainer {
  Name: string;
  Config: { Image: string; Labels: Record<string, string> };
  State: { Status: string; StartedAt: string; ExitCode: number; Health?: { Status: string } };
  HostConfig: { PortBindings: Record<string, { HostIp: string; HostPort: string }[] | null> | null };
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

async function nodesOn(
  { label }: Target,
  host: StackHost,
  kinds: ReadonlyMap<string, string>,
): Promise<{ nodes: Node[]; silent?: string }> {
  const filter = ["--filter", `label=dockyard.stack=${label}`, "--filter", "label=dockyard.node"];
  let ids: string[];
  try {
    ids = (await askEngine(host, "ps", "--all", "--quiet", ...filter)).split("\n").filter(Boolean);
  } catch (error) {
    return { nodes: [], silent: lastWords(error) };
  }
  if (ids.length === 0) return { nodes: [] };
  // One that is removed meanwhile is told as an error behind the others.
  const [program, ...options] = host.docker;
  const { stdout } = await execa(program, [...options, "inspect", ...ids], { stdin: "ignore", reject: false });
  const containers = JSON.parse(stdout) as InspectedContainer[];
  return { nodes: await Promise.all(containers.map((container) => nodeOf(container, host, kinds))) };
}

async function nodeOf(container: InspectedContainer, host: StackHost, kinds: ReadonlyMap<string, string>): Promise<Node> {
  const { Name, Config, State, HostConfig, NetworkSettings } = container;
  const node = Config.Labels["dockyard.node"] ?? "";
  const isRunning = State.Status === "running";
  const kind = kinds.get(node);
  return {
    ...{ component: Config.Labels["dockyard.component"] ?? "", node, kind, host: host.name, image: Config.Image },
    health: isRunning ? (State.Health?.Status ?? "running") : `${State.Status} (${State.ExitCode})`,
    address: Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? "",
    ports: Object.values(HostConfig.PortBindings ?? {})
      .flatMap((bindings) => bindings ?? [])
      .map(({ HostIp, HostPort }) => `${HostIp || "0.0.0.0"}:${HostPort}`)
      .sort((a, b) => a.localeCompare(b, "en", { numeric: true })),
    uptime: isRunning ? Date.now() - Date.parse(State.StartedAt) : undefined,
    told: isRunning ? await ask(host, Name.slice(1), node, kind) : undefined,
  };
}

async function ask(host: StackHost, container: string, node: string, kind: string | undefined): Promise<Told | undefined> {
  const question = questionFor(kind, node);
  if (question === undefined) return undefined;
  const [program, ...options] = host.docker;
  const args = [...options, "exec", container, ...question.command];
  try {
    const { stdout } = await execa(program, args, { stdin: "ignore", timeout: PATIENCE });
    return question.read(stdout, node);
  } catch {
    // That it does not tell is told; its health says more.
    return { role: "no answer", lag: "" };
  }
}
