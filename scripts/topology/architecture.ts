import { registeredKeys } from "../../components/core/command-text";
import { COMMAND, CONTAINER, ROLLING_SET, StateResource, componentOf, nameOf, textOf } from "../state";

/** A component of a stack, with what is known of it without asking anybody. */
export interface Component {
  readonly urn: string;
  readonly name: string;
  readonly kind: string;
  readonly nodes: readonly ArchitectureNode[];
  /** Addresses that its nodes hold in turn. */
  readonly moving: readonly string[];
  /** Who it says that it sends to, `host:port` each. */
  readonly servers: readonly string[];
}

export interface ArchitectureNode {
  readonly name: string;
  readonly address: string;
  /** Published ports, `127.0.0.1:8080`. */
  readonly ports: readonly string[];
}

/** Who talks to whom, by the components' names. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly label: string;
  /** Whether it is looked up, and not handed on. */
  readonly dashed: boolean;
}

/** What a stack consists of, in an order that is always the same. */
export interface Architecture {
  readonly components: readonly Component[];
  readonly edges: readonly Edge[];
}

/** Components that are parts of others, or no systems. */
const INNER = [ROLLING_SET, "dockyard:index:ServiceNetwork"];

/** What the resources of a stack's state say of its components: their nodes, who sends requests to whom, and who reads whose keys. */
export function architectureOf(resources: readonly StateResource[]): Architecture {
  const components = findComponents(resources);
  const edges = [...requestEdges(resources, components), ...addressEdges(resources, components)];
  const byText = new Map(edges.map((edge) => [JSON.stringify(edge), edge]));
  return { components, edges: [...byText.keys()].sort().flatMap((text) => byText.get(text) ?? []) };
}

function findComponents(resources: readonly StateResource[]): Component[] {
  const containers = resources.filter(({ type }) => type === CONTAINER);
  return resources
    .filter(({ type }) => type.startsWith("dockyard:index:") && !INNER.includes(type))
    .map(({ urn, type, outputs = {} }) => ({
      urn,
      moving: (outputs.virtualAddresses ?? []) as string[],
      servers: (outputs.servers ?? []) as string[],
      name: nameOf(urn),
      kind: type.split(":").pop() ?? "",
      nodes: containers
        .filter((container) => componentOf(container, resources)?.urn === urn)
        .map(containerNode)
        .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true })),
    }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

function containerNode({ urn, inputs = {} }: StateResource): ArchitectureNode {
  const networks = inputs.networksAdvanced as { ipv4Address: string }[] | undefined;
  const ports = inputs.ports as { ip: string; external: number }[] | undefined;
  return {
    name: nameOf(urn),
    address: networks?.[0]?.ipv4Address ?? "",
    ports: (ports ?? []).map(({ ip, external }) => `${ip}:${external}`),
  };
}

/** A registration waits for the gateways that send requests to its instance. */
function requestEdges(resources: readonly StateResource[], components: readonly Component[]): Edge[] {
  const owner = (resource: StateResource | undefined) => resource && componentOf(resource, resources)?.urn;
  return resources
    .filter(({ type, inputs }) => type === COMMAND && registeredKeys(textOf(inputs?.create) ?? "").size > 0)
    .flatMap((registration) => {
      const to = components.find(({ urn }) => urn === owner(registration));
      const from = components.filter(
        ({ kind, urn }) =>
          kind === "NginxUpsyncGateway" &&
          registration.dependencies?.some((dependency) => owner(resources.find((resource) => resource.urn === dependency)) === urn),
      );
      return to === undefined ? [] : from.map(({ name }) => ({ from: name, to: to.name, label: "requests", dashed: false }));
    });
}

/** What a component is talked to about, where it is not keys. */
const TOLD: Readonly<Record<string, string>> = {
  EsCluster: "documents",
  KafkaBroker: "events",
  MysqlReplicaSet: "rows",
  RabbitmqCluster: "events",
  RedisCache: "values",
  HaproxyKeepalivedPair: "events",
  NginxUpsyncGateway: "requests",
};

/**
 * Who is told a node's address, or one that the node may hold, talks to that node's component: in its environment, its configuration, or as a
 * server that its component says it sends to, where the configuration is a secret.
 */
function addressEdges(resources: readonly StateResource[], components: readonly Component[]): Edge[] {
  return components.flatMap((component) => {
    const told = resources
      .filter(({ type, urn }) => type === CONTAINER || (type === COMMAND && urn.endsWith("-config")))
      .filter((resource) => componentOf(resource, resources)?.urn === component.urn)
      .map(({ inputs }) => JSON.stringify([inputs?.envs, inputs?.stdin]))
      .concat(component.servers)
      .join();
    return components
      .filter((other) => other !== component && addressesOf(other).some((address) => names(told, address)))
      .map((other) => ({ from: component.name, to: other.name, label: TOLD[other.kind] ?? "keys", dashed: true }));
  });
}

function addressesOf({ nodes, moving }: Component): string[] {
  return [...nodes.map(({ address }) => address), ...moving].filter((address) => address !== "");
}

/** Whether a text names an address, and not a longer one that begins with it. */
function names(text: string, address: string): boolean {
  return new RegExp(`${address.replaceAll(".", "\\.")}(?!\\d)`).test(text);
}
