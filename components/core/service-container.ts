import * as pulumi from "@pulumi/pulumi";
import { Container, ContainerArgs } from "@pulumi/docker/container";
import { ContainerTransform, transformed } from "./container-transform";
import { Checks } from "./errors";
import { HealthCheck, checkHealth, renderHealthCheck } from "./health-check";
import { Host } from "./host";
import { deliverImage } from "./host-images";
import { engineName, ownershipLabels } from "./naming";
import { dependencies } from "./resource-options";
import { ServiceNetwork } from "./service-network";

/** A port of the container that the host publishes. */
export interface PublishedPort {
  /** Port inside the container, TCP. */
  readonly internal: number;

  /** Port on the host. */
  readonly external: number;

  /** Address of the host to listen on. @default "127.0.0.1" */
  readonly address?: string;
}

/** A named volume inside the container. */
export interface Mount {
  /** Name of the volume on the engine. */
  readonly volume: string;
  readonly path: string;

  /** @default false */
  readonly readOnly?: boolean;
}

/** A folder of the host inside the container, which can only read it. */
export interface HostMount {
  /** Folder on the host. */
  readonly hostPath: string;
  readonly path: string;

  /** Whether the software may write there; the folder has to be there and its user's. @default false */
  readonly writable?: boolean;

  /** Why the software must see what belongs to the host. */
  readonly reason: string;
}

/** A parameter of the kernel that a container has for itself. */
export interface KernelParameter {
  readonly value: string;

  /** Why the software needs it. */
  readonly reason: string;
}

/** A volume that something else fills. */
export interface PreparedMount {
  readonly mount: Mount;

  /** What the container must depend on to find the volume filled. */
  readonly ready: pulumi.Resource;
}

export interface ServiceContainerArgs {
  host: Host;
  network: ServiceNetwork;

  /** Component that the container belongs to, for the labels. */
  component: string;

  /** Static address on the network. */
  address: string;

  /** Reference of the image. */
  image: string;

  /** Argument array that the container runs. */
  command: readonly string[];

  /** `uid:gid` that it runs as; root is refused unless `rootReason` says why. */
  user: string;

  /** Why the software must be root inside its container, where it still has no capability but those named. @default it must not */
  rootReason?: string;

  /** Why the software must write into its own image, where it cannot be given folders in memory. @default its root is read-only */
  writableRootReason?: string;

  /** Environment; never a secret, since `docker inspect` shows it. @default none */
  environment?: Readonly<Record<string, string>>;

  /** Digest of configuration that the software reads only when it starts: another one replaces the container. @default none */
  startConfiguration?: string;

  /** @default none */
  mounts?: readonly Mount[];

  /** Folders of the host that the software reads. @default none */
  hostMounts?: readonly HostMount[];

  /** Folders in memory that the software may write, with their mount options. @default /tmp */
  tmpfs?: Readonly<Record<string, string>>;

  /** Linux capabilities that it keeps, by their full names (`CAP_NET_ADMIN`), each with the reason. @default none */
  capabilities?: Readonly<Record<string, string>>;

  /** Parameters of the kernel in the container's own network, by their names (`net.ipv4.ip_forward`). @default the engine's */
  sysctls?: Readonly<Record<string, KernelParameter>>;

  /** Memory limit in MiB; swap is not added to it. */
  memoryMiB: number;

  /** Size of `/dev/shm` in MiB; what is in it counts as memory. @default the engine's, 64 */
  shmMiB?: number;

  /** CPUs that it may use. @default 1 */
  cpus?: number;

  /**
   * What the engine keeps of the container's log, in MiB, for a reader that was away: where it is given, no line is left out and no file is
   * compressed, whatever the host's daemon.json says. @default 30, otherwise as that says
   */
  logMiB?: number;

  /** @default none */
  ports?: readonly PublishedPort[];

  health: HealthCheck;

  /** Signal that asks the software to leave cleanly. @default "SIGTERM" */
  stopSignal?: string;

  /** Seconds until a container that is asked to stop is killed. @default 30 */
  stopGraceSeconds?: number;

  transform?: ContainerTransform;
}

/** What is writable where nothing else is said. */
export const DEFAULT_TMPFS = { "/tmp": "rw,noexec,nosuid,nodev,size=64m" } as const;

/** What the engine keeps of a log, in MiB, and in how many files at least. */
const [LOG_MIB, LOG_FILES] = [30, 3];

/** For whom every line counts: the engine waits until it is written, and leaves it as it is. */
const LOG_READ = { compress: "false", mode: "blocking" } as const;

/** What the engine gives `/dev/shm`, in MiB. */
const SHM_MIB = 64;

/**
 * One hardened container: unprivileged, nothing writable but what is named, limits on memory, CPU and log, published on loopback, and
 * asked about its health by its own software.
 *
 * The limit on processes is set by the node's gate, since the provider has no argument for it.
 *
 * @throws {ConfigError} when a published port is taken, naming by whom, or the transform overrides what the component owns.
 */
export function createServiceContainer(name: string, args: ServiceContainerArgs, opts: pulumi.CustomResourceOptions): Container {
  validateContainer(name, args);
  const containerArgs = hardenedArgs(name, args);
  return new Container(
    name,
    { ...containerArgs, ...transformed(name, containerArgs, args.transform) },
    {
      ...opts,
      dependsOn: [...dependencies(opts), ...deliverImage(args.host, args.image)],
      provider: args.host.provider,
      // Two containers cannot share a name and an address.
      deleteBeforeReplace: true,
    },
  );
}

function validateContainer(
  name: string,
  {
    host,
    network,
    component,
    user,
    rootReason,
    memoryMiB,
    health,
    cpus = 1,
    logMiB = LOG_MIB,
    shmMiB = SHM_MIB,
    ports = [],
    hostMounts = [],
  }: ServiceContainerArgs,
): void {
  const reached = network.placement.hosts;
  const holder = host.nameHolder(engineName(name));
  const checks = new Checks(name)
    .that(
      reached.includes(host),
      "placement",
      host.name,
      `must be a host of the network ${network.networkName}: ${reached.map((each) => each.name).join(", ")}; add it to the network's placement`,
    )
    .that(
      holder === undefined,
      "name",
      engineName(name),
      `must be free on host ${host.name}, but a container of that name is there that belongs to ${holder}; rename or remove it`,
    )
    .that(
      rootReason === undefined ? /^[1-9]\d*:[1-9]\d*$/.test(user) : user === "0:0",
      "user",
      user,
      rootReason === undefined ? "must be uid:gid in numbers, neither of them root's 0" : `must be 0:0, since ${rootReason}`,
    )
    .that(cpus > 0, "cpus", cpus, "must be more than 0")
    .that(Number.isInteger(memoryMiB), "memoryMiB", memoryMiB, "must be a whole number of MiB")
    .that(Number.isInteger(shmMiB) && shmMiB >= 1, "shmMiB", shmMiB, "must be a whole number of MiB, 1 or more")
    .that(Number.isInteger(logMiB) && logMiB >= LOG_FILES, "logMiB", logMiB, `must be a whole number of MiB, ${LOG_FILES} or more`);
  for (const { hostPath, reason } of hostMounts) {
    checks
      .that(/^(\/[^/:]+)+$/.test(hostPath), "hostMounts", hostPath, "must be the absolute path of a folder, and not the host's root")
      .that(reason !== "", "hostMounts", hostPath, "must say in reason why the software needs to see it");
  }
  checkHealth(checks, health);
  for (const { external, address } of ports) {
    const claim = { node: name, component, ...(address !== undefined && { address }) };
    const holder = host.portHolder(external, claim);
    checks
      .that(Number.isInteger(external) && external >= 1 && external <= 65_535, "ports", external, "must be a port from 1 to 65535")
      .that(
        holder === undefined,
        "ports",
        external,
        `must be free on host ${host.name}, but ${holder} listens there; choose another port or stop it`,
      );
    host.claimPort(external, claim);
  }
  checks.done();
}

function hardenedArgs(name: string, args: ServiceContainerArgs): ContainerArgs {
  const { environment = {}, mounts = [], hostMounts = [], tmpfs = DEFAULT_TMPFS, capabilities = {}, ports = [] } = args;
  const stopGrace = args.stopGraceSeconds ?? 30;
  return {
    name: engineName(name),
    hostname: name,
    image: args.image,
    command: [...args.command],
    user: args.user,
    envs: Object.entries(environment)
      .map(([key, value]) => `${key}=${value}`)
      .sort(),
    labels: [
      ...ownershipLabels(args.component, name),
      ...(args.startConfiguration === undefined ? [] : [{ label: "dockyard.configuration", value: args.startConfiguration }]),
    ],
    networksAdvanced: [{ name: args.network.networkName, ipv4Address: args.address, aliases: [name] }],
    ports: ports
      .map(({ internal, external, address = "127.0.0.1" }) => ({ internal, external, ip: address, protocol: "tcp" }))
      .sort((a, b) => a.internal - b.internal || a.external - b.external),
    volumes: [
      ...mounts.map(({ volume, path, readOnly = false }) => ({ volumeName: volume, containerPath: path, readOnly })),
      ...hostMounts.map(({ hostPath, path, writable = false }) => ({ hostPath, containerPath: path, readOnly: !writable })),
    ],
    tmpfs: { ...tmpfs },
    readOnly: args.writableRootReason === undefined,
    capabilities: { drops: ["ALL"], adds: Object.keys(capabilities).sort() },
    ...(args.sysctls !== undefined && { sysctls: renderSysctls(args.sysctls) }),
    securityOpts: ["no-new-privileges:true"],
    memory: args.memoryMiB,
    // The limit counts memory and swap together: equal to memory means none.
    memorySwap: args.memoryMiB,
    ...(args.shmMiB !== undefined && { shmSize: args.shmMiB }),
    // The provider reads it back with a decimal point, and a difference in writing alone would replace the container.
    cpus: decimal(args.cpus ?? 1),
    logDriver: "json-file",
    logOpts: { ...renderLogOpts(args.logMiB ?? LOG_MIB), ...(args.logMiB !== undefined && LOG_READ) },
    // An engine that comes back from a kill stops what it finds running, and takes that for a stop by hand: "unless-stopped" would stay down.
    restart: "always",
    init: false,
    healthcheck: renderHealthCheck(args.health),
    stopSignal: args.stopSignal ?? "SIGTERM",
    stopTimeout: stopGrace,
    // Without it the provider stops with a timeout of 0, which is a kill.
    destroyGraceSeconds: stopGrace,
    mustRun: true,
  };
}

function renderSysctls(sysctls: Readonly<Record<string, KernelParameter>>): Record<string, string> {
  return Object.fromEntries(Object.entries(sysctls).map(([name, { value }]) => [name, value]));
}

/** Files of 64 MiB at most: of a log that is full the oldest file goes as a whole. */
function renderLogOpts(logMiB: number): Record<string, string> {
  const files = Math.max(LOG_FILES, Math.ceil(logMiB / 64));
  return { "max-size": `${Math.floor(logMiB / files)}m`, "max-file": String(files) };
}

function decimal(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
