/** A resource of an exported stack, as far as the picture looks at it. */
export interface StackResource {
  readonly urn: string;
  readonly type: string;
  readonly parent?: string;
  readonly dependencies?: readonly string[];
  readonly inputs?: Record<string, unknown>;
  readonly outputs?: Record<string, unknown>;
}

interface Component {
  readonly urn: string;
  readonly name: string;
  readonly kind: string;
  readonly nodes: { name: string; address: string; ports: readonly string[] }[];
  /** Addresses that its nodes hold in turn. */
  readonly moving: readonly string[];
  /** Who it says that it sends to, `host:port` each. */
  readonly servers: readonly string[];
}

/**
 * The stack as a graph in Graphviz's language: components with their nodes, who is reached from outside, who sends requests to whom, and
 * who reads whose keys. Deterministic: the same stack gives the same text.
 */
export function renderArchitecture(resources: readonly StackResource[]): string {
  const components = findComponents(resources);
  const edges = [...outsideEdges(components), ...requestEdges(resources, components), ...addressEdges(resources, components)];
  return [
    "digraph architecture {",
    '  graph [rankdir=LR, fontname="Helvetica", nodesep=0.35, ranksep=1.1, bgcolor="white", pad=0.3]',
    '  node [shape=box, style="rounded,filled", fillcolor="#f4f7fb", color="#5b7fa6", fontname="Helvetica", fontsize=11, margin="0.35,0.15"]',
    '  edge [fontname="Helvetica", fontsize=10, color="#5b7fa6"]',
    '  outside [label="clients on the host", shape=plain, fillcolor="white"]',
    ...components.map(renderComponent),
    ...[...new Set(edges)].sort(),
    "}",
    "",
  ].join("\n");
}

function findComponents(resources: readonly StackResource[]): Component[] {
  const containers = resources.filter(({ type }) => type === "docker:index/container:Container");
  return resources
    .filter(
      ({ type }) => type.startsWith("dockyard:index:") && type !== "dockyard:index:RollingSet" && type !== "dockyard:index:ServiceNetwork",
    )
    .map(({ urn, type, outputs = {} }) => ({
      urn,
      moving: (outputs.virtualAddresses ?? []) as string[],
      servers: (outputs.servers ?? []) as string[],
      name: urn.split("::").pop() ?? "",
      kind: type.split(":").pop() ?? "",
      nodes: containers
        .filter((container) => ownerOf(container, resources) === urn)
        .map(containerNode)
        .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true })),
    }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** The component that a resource is part of, through its parents. */
function ownerOf({ parent }: StackResource, resources: readonly StackResource[]): string | undefined {
  const found = resources.find(({ urn }) => urn === parent);
  if (found === undefined || found.type !== "dockyard:index:RollingSet") return found?.urn;
  return ownerOf(found, resources);
}

function containerNode({ urn, inputs = {} }: StackResource): Component["nodes"][number] {
  const networks = inputs.networksAdvanced as { ipv4Address: string }[] | undefined;
  const ports = inputs.ports as { ip: string; external: number }[] | undefined;
  return {
    name: urn.split("::").pop() ?? "",
    address: networks?.[0]?.ipv4Address ?? "",
    ports: (ports ?? []).map(({ ip, external }) => `${ip}:${external}`),
  };
}

function renderComponent({ name, kind, nodes, moving }: Component): string {
  const rows = [...nodes.map((node) => `${node.name}  ${node.address}\\l`), ...moving.map((address) => `in turn  ${address}\\l`)].join("");
  return `  "${name}" [label="${kind}\\n${name}\\n\\n${rows}"]`;
}

function outsideEdges(components: readonly Component[]): string[] {
  return components.flatMap(({ name, nodes }) => {
    const ports = nodes.flatMap((node) => node.ports);
    return ports.length === 0 ? [] : [`  outside -> "${name}" [label="${ports.join("\\n")}"]`];
  });
}

/** A registration waits for the gateways that send requests to its instance. */
function requestEdges(resources: readonly StackResource[], components: readonly Component[]): string[] {
  return resources
    .filter(({ urn }) => urn.endsWith("-registration"))
    .flatMap((registration) => {
      const to = components.find(({ urn }) => urn === ownerOf(registration, resources));
      const from = components.filter(
        ({ kind, urn }) =>
          kind === "NginxUpsyncGateway" &&
          registration.dependencies?.some(
            (dependency) => ownerOf(resources.find((resource) => resource.urn === dependency) ?? registration, resources) === urn,
          ),
      );
      return to === undefined ? [] : from.map(({ name }) => `  "${name}" -> "${to.name}" [label="requests"]`);
    });
}

/** What a component is talked to about, where it is not keys. */
const TOLD: Readonly<Record<string, string>> = {
  RabbitmqCluster: "events",
  HaproxyKeepalivedPair: "events",
  NginxUpsyncGateway: "requests",
};

/**
 * Who is told a node's address, or one that the node may hold, talks to that node's component: in its environment, its configuration, or as a
 * server that its component says it sends to, where the configuration is a secret.
 */
function addressEdges(resources: readonly StackResource[], components: readonly Component[]): string[] {
  return components.flatMap((component) => {
    const told = resources
      .filter(
        (resource) =>
          ownerOf(resource, resources) === component.urn &&
          (resource.type === "docker:index/container:Container" || resource.urn.endsWith("-config")),
      )
      .map(({ inputs }) => JSON.stringify([inputs?.envs, inputs?.stdin]))
      .concat(component.servers)
      .join();
    return components
      .filter((other) => other !== component && addressesOf(other).some((address) => names(told, address)))
      .map((other) => `  "${component.name}" -> "${other.name}" [style=dashed, label="${TOLD[other.kind] ?? "keys"}"]`);
  });
}

function addressesOf({ nodes, moving }: Component): string[] {
  return [...nodes.map(({ address }) => address), ...moving].filter((address) => address !== "");
}

/** Whether a text names an address, and not a longer one that begins with it. */
function names(text: string, address: string): boolean {
  return new RegExp(`${address.replaceAll(".", "\\.")}(?!\\d)`).test(text);
}
