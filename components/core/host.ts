import { HOST, checkShape, instanceOf, listOf, maybe, shape, text } from "./argument-shape";
import { Provider } from "@pulumi/docker/provider";
import { stackId } from "./naming";
import { ConfigError, reportFaults } from "./errors";
import { HostInventory, askContainer, readInventory } from "./host-inventory";
import { askImage } from "./image-trial";

export interface HostArgs {
  /** Name in labels, tables and errors. */
  name: string;

  /** Address at which the host's published ports are reached. @default "127.0.0.1" */
  address?: string;

  /** Engine's address as in `DOCKER_HOST`: `ssh://deploy@10.0.0.2`. @default what the environment says, as the docker command itself does */
  engine?: string;

  /** What the host already has. @default asked of the engine at the first question */
  inventory?: HostInventory;
}

const ARGUMENTS = shape<HostArgs>({
  name: text,
  address: maybe(text),
  engine: maybe(text),
  inventory: maybe(instanceOf("inventory of a host")),
});

/** The node that wants a port, and the component that it belongs to. */
export interface PortClaim {
  readonly node: string;
  readonly component: string;
  /** Address of the host that the port is published on. @default "127.0.0.1" */
  readonly address?: string;
}

/** A machine with a container engine. */
export class Host {
  readonly name: string;
  readonly address: string;
  /** Engine's address; undefined is the one that the environment says, on the program's own machine. */
  readonly engine: string | undefined;
  /** Provider of the same engine as `docker`; undefined is Pulumi's default one. */
  readonly provider: Provider | undefined;
  /** Argument array that begins every docker command for this host. */
  readonly docker: readonly string[];
  private readonly claims: (PortClaim & { readonly port: number })[] = [];
  private known: HostInventory | undefined;
  private readonly given: boolean;

  constructor(args: HostArgs) {
    checkShape("host", args, ARGUMENTS);
    const { name, address = "127.0.0.1", engine, inventory } = args;
    this.name = name;
    this.address = address;
    this.engine = engine;
    this.provider = engine === undefined ? undefined : new Provider(`host-${name}`, { host: engine });
    this.docker = engine === undefined ? ["docker"] : ["docker", "-H", engine];
    this.known = inventory;
    this.given = inventory !== undefined;
  }

  /** What the host had before this program; read once. */
  get inventory(): HostInventory {
    // An engine elsewhere says what its containers publish; only this machine's own sockets can be asked for beside that.
    const local = this.docker.length === 1 && !/^(ssh|tcp):/.test(process.env.DOCKER_HOST ?? "");
    this.known ??= this.readInventory(local);
    return this.known;
  }

  private readInventory(local: boolean): HostInventory {
    try {
      return readInventory(this.docker, local);
    } catch (error) {
      const engine = this.engine ?? process.env.DOCKER_HOST ?? "the one of this machine";
      const remedy = `must answer, but does not: ${(error as Error).message}; ${local ? 'run "npm run up" to have an engine installed and started' : "bring the host back"}`;
      throw new ConfigError([{ path: `${this.name}.engine`, value: engine, remedy }]);
    }
  }

  /** Folder in which the engine keeps its containers and their logs. */
  get dataRoot(): string {
    const { dataRoot = "/var/lib/docker" } = this.inventory;
    return dataRoot;
  }

  /** Whether an image is on the engine, so that nobody has to pull it. */
  hasImage(reference: string): boolean {
    const { images = [] } = this.inventory;
    return images.includes(reference);
  }

  /**
   * What a command prints in a container that runs; undefined where it does not, or the command fails. It holds the program up, so it is for
   * checks that nothing else can tell before anything is touched.
   */
  saidBy(container: string, command: readonly string[]): string | undefined {
    // Who says what the host has does not want its engine asked.
    return this.given ? this.inventory.said?.(container, command) : askContainer(this.docker, container, command);
  }

  /**
   * What an image's software prints when it refuses its input; undefined where it takes it, or where the image is not on the engine yet. As
   * {@link saidBy}, it holds the program up.
   *
   * @param script Input of the shell that runs as the software's user in a container which is thrown away, without a network.
   */
  refusedBy(image: string, user: string, script: string): string | undefined {
    if (!this.hasImage(image)) return undefined;
    return this.given ? this.inventory.refused?.(image, script) : askImage(this.docker, image, user, script);
  }

  /**
   * Who will still hold a port when a node is made: a process, a container of another stack or another node; undefined where it is free.
   *
   * What this stack's own containers hold from the last `up` is free for the same node, and once its holder has been made anew without it:
   * nodes of one component follow each other in the order in which they take their ports.
   */
  portHolder(port: number, node: PortClaim): string | undefined {
    const claim = this.claims.find((each) => each.port === port && meets(each.address ?? LOOPBACK, node));
    if (claim !== undefined) return `node ${claim.node}`;
    const held = this.inventory.ports.find(
      (each) =>
        each.port === port &&
        meets(each.address, node) &&
        !(each.stack === stackId() && (each.node === node.node || this.isBefore(each, node))),
    );
    if (held === undefined) return undefined;
    return held.stack === stackId() ? `${held.owner} of this stack, until its own turn,` : held.owner;
  }

  /** Whose a container is that has a name already, in words; undefined where there is none, or it is this stack's. */
  nameHolder(container: string): string | undefined {
    const holder = this.inventory.containers?.find(({ name }) => name === container);
    if (holder === undefined || holder.stack === stackId()) return undefined;
    return holder.stack === "" ? "no stack of Dockyard" : `the stack ${holder.stack}`;
  }

  claimPort(port: number, node: PortClaim): void {
    this.claims.push({ ...node, port });
  }

  private isBefore(held: { readonly node: string; readonly component: string }, { component }: PortClaim): boolean {
    return held.component === component && this.claims.some((claim) => claim.node === held.node);
  }
}

const [LOOPBACK, EVERY_ADDRESS] = ["127.0.0.1", "0.0.0.0"];

/** Whether two can not listen on a port beside each other; undefined listens on every address. */
function meets(held: string | undefined, { address = LOOPBACK }: PortClaim): boolean {
  return held === undefined || held === EVERY_ADDRESS || address === EVERY_ADDRESS || held === address;
}

const PLACED = shape<{ hosts: unknown }>({ hosts: listOf(HOST) });

/** Hosts that a component's nodes are spread over, in turn. */
export class Placement {
  /** @throws {ConfigError} when it is given no list of hosts. */
  constructor(readonly hosts: readonly [Host, ...Host[]]) {
    checkShape("placement", { hosts }, PLACED);
    if (hosts.length === 0) reportFaults([{ path: "placement.hosts", value: hosts, remedy: "must name at least one host" }]);
  }

  /** How the hosts' engines are reached, each once. */
  get dockers(): readonly (readonly string[])[] {
    return [...new Map(this.hosts.map(({ docker }) => [docker.join(" "), docker])).values()];
  }

  /** The host of the node with this 0-based index: neighbours never share one while there is another. */
  hostFor(index: number): Host {
    return this.hosts[index % this.hosts.length] ?? this.hosts[0];
  }
}
