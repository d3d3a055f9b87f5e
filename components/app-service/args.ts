import {
  CONSUL_CLIENT,
  FOLLOWER,
  NETWORK,
  PLACEMENT,
  anything,
  callback,
  checkShape,
  listOf,
  maybe,
  named,
  number,
  shape,
  text,
  textInput,
  texts,
} from "../core/argument-shape";
import type * as pulumi from "@pulumi/pulumi";
import { CONSUL_CHECK, ConsulCheck, normalizeConsulCheck } from "../core/consul-check";
import type { ConsulClient } from "../core/consul-client";
import { GatewayFollower, serviceName } from "../core/consul-registration";
import { checkEnvironment } from "../core/environment";
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";
import { DEFAULT_KV_PREFIX, checkKvPrefix } from "../core/kv-prefix";
import { NAME_PATTERN } from "../core/naming";
import { HEALTH_CHECK, HealthCheck } from "../core/health-check";
import type { ContainerTransform } from "../core/container-transform";
import type { PreparedMount } from "../core/service-container";
import type { ServiceNetwork } from "../core/service-network";
import { UPSTREAM_ENTRY, UpstreamEntry, normalizeUpstreamEntry } from "../core/upstream-entry";
import { instanceEnvironment } from "./instance-environment";

export interface AppServiceArgs {
  /** Network that the instances join; their addresses come from it. */
  network: ServiceNetwork;

  /** Hosts to spread the instances over. @default the network's */
  placement?: Placement;

  /** Image of the service, the same for every instance. */
  image: string;

  /** Argument array that the image runs. */
  command: readonly string[];

  /** `uid:gid` that it runs as. */
  user: string;

  /** Instances, 1 or more. @default 1 */
  instances?: number;

  /**
   * Ports that an instance listens on, by name; each instance is told them as `<NAME>_PORT`. The port `http` is found under the service's
   * own name, any other under `<service>-<name>`.
   */
  ports: Readonly<Record<string, number>>;

  /** Consul cluster that the instances are found through. */
  consul: ConsulClient;

  /** Gateways that follow the keys: an instance counts as served when they send to it, and stops only after they have stopped. @default none */
  followers?: readonly GatewayFollower[];

  /**
   * Who writes an instance's keys: the stack, or the instance itself at its start and stop. The latter is told `UPSTREAM_PREFIX`, `WEIGHT`,
   * `CHECK_INTERVAL` and `CHECK_TIMEOUT` beside what every instance is told, and drains itself. @default "stack"
   */
  registration?: "stack" | "self";

  /** Prefix of the keys in Consul. @default "upstreams" */
  kvPrefix?: string;

  /** What gateways are told of every instance. @default weight 1, maxFails 2, failTimeoutSeconds 10 */
  upstream?: UpstreamEntry;

  /** Consul's check of every port. @default TCP, every 10 s, timeout 2 s */
  check?: ConsulCheck;

  /** Environment of an instance beside what it is told of itself, which it may not change. @default none */
  environment?: Readonly<Record<string, string>>;

  /**
   * Secrets, by the name of the file in `/run/secrets/current` that each is: for the instance's user alone (mode 0400), and in no environment.
   * Another value replaces the file while the instance runs, so it should be read whenever it is needed. @default none
   */
  secrets?: Readonly<Record<string, pulumi.Input<string>>>;

  /** Folder of the image, owned by its user, whose content outlives an instance's container. @default none */
  dataPath?: string;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Volumes that an instance finds filled, such as its part of an `SshKeyMesh`, by the instance's name. @default none */
  mounts?: (instance: string) => readonly PreparedMount[];

  /** How the software is asked for its health; the command runs in the instance's own environment. */
  health: HealthCheck;

  /** Memory limit of an instance in MiB. @default 128 */
  memoryMiB?: number;

  /** CPUs that an instance may use. @default 1 */
  cpus?: number;

  /** Seconds that requests in flight get to end before an instance stops. @default 30 */
  drainTimeoutSeconds?: number;

  /** Last word on each instance's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<AppServiceArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  image: text,
  command: texts,
  user: text,
  instances: maybe(number),
  ports: named(number),
  consul: CONSUL_CLIENT,
  followers: maybe(listOf(FOLLOWER)),
  registration: maybe(text),
  kvPrefix: maybe(text),
  upstream: maybe(UPSTREAM_ENTRY),
  check: maybe(CONSUL_CHECK),
  environment: maybe(named(anything)),
  secrets: maybe(named(textInput)),
  dataPath: maybe(text),
  allowDataLoss: maybe(texts),
  mounts: maybe(callback),
  health: HEALTH_CHECK,
  memoryMiB: maybe(number),
  cpus: maybe(number),
  drainTimeoutSeconds: maybe(number),
  transform: maybe(callback),
});

/** Where an instance's secrets are mounted. */
export const SECRETS_PATH = "/run/secrets";

type Optional = "transform" | "dataPath";
export type NormalAppServiceArgs = Required<Omit<AppServiceArgs, Optional | "upstream" | "check">> &
  Pick<AppServiceArgs, Optional> & {
    readonly upstream: Required<UpstreamEntry>;
    readonly check: Required<ConsulCheck>;
  };

/** More than one gateway can hold in its memory of 8 MiB is not meant. */
const MOST_INSTANCES = 250;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeAppServiceArgs(name: string, args: AppServiceArgs): NormalAppServiceArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    instances = 1,
    followers = [],
    registration = "stack",
    kvPrefix = DEFAULT_KV_PREFIX,
    environment = {},
    secrets = {},
    allowDataLoss = [],
    mounts = () => [],
    memoryMiB = 128,
    cpus = 1,
    drainTimeoutSeconds = 30,
    upstream,
    check,
    ...given
  } = args;
  const ports = Object.entries(args.ports);

  const checks = new Checks(name)
    .that(
      NAME_PATTERN.test(name),
      "name",
      name,
      "must be lower-case letters, digits and inner hyphens, since keys and containers are called by it",
    )
    .that(
      Number.isInteger(instances) && instances >= 1 && instances <= MOST_INSTANCES,
      "instances",
      instances,
      `must be a whole number from 1 to ${MOST_INSTANCES}; leave the component out to have none`,
    )
    .that(ports.length > 0, "ports", args.ports, "must name at least one port, such as { http: 8000 }")
    .that(new Set(ports.map(([, port]) => port)).size === ports.length, "ports", args.ports, "must be different from each other")
    .that(["stack", "self"].includes(registration), "registration", registration, 'must be "stack" or "self"')
    .that(memoryMiB >= 16, "memoryMiB", memoryMiB, "must be 16 or more")
    .that(
      Number.isInteger(drainTimeoutSeconds) && drainTimeoutSeconds >= 1,
      "drainTimeoutSeconds",
      drainTimeoutSeconds,
      "must be a whole number of seconds from 1",
    )
    .that(
      args.dataPath === undefined || /^(\/[\w.-]+)+$/.test(args.dataPath),
      "dataPath",
      args.dataPath,
      "must be an absolute path below the root, such as /data",
    );
  for (const file of Object.keys(secrets)) {
    checks.that(
      /^[\w-][\w.-]*$/.test(file),
      `secrets.${file}`,
      file,
      "must be called by letters, digits, '.', '_' and '-', since it is a file",
    );
  }
  checkKvPrefix(checks, kvPrefix);
  checkEnvironment(checks, environment);
  const entry = normalizeUpstreamEntry(checks, "upstream", upstream);
  const normalCheck = normalizeConsulCheck(checks, check);
  checks.that(
    registration === "stack" || onlyWeight(upstream ?? {}, normalCheck),
    "registration",
    registration,
    'must be "stack" where more than the weight and the times of a TCP check are set: an instance is told no more than those',
  );
  for (const [port, number] of ports) {
    checks
      .that(
        /^[a-z][a-z0-9]*$/.test(port),
        `ports.${port}`,
        port,
        "must be called by lower-case letters and digits, since it becomes a variable and a service name",
      )
      .that(
        Number.isInteger(number) && number >= 1024 && number <= 65_535,
        `ports.${port}`,
        number,
        "must be 1024 to 65535: an unprivileged process cannot listen below",
      );
  }
  const found = ports.map(([port]) => serviceName(name, port));
  const routed = followers.flatMap(({ services }) => services);
  checks.that(
    followers.length === 0 || found.some((service) => routed.includes(service)),
    "followers",
    found,
    `must be among what the followers route: ${routed.join(", ")}; add the service to the gateway's or leave followers out`,
  );
  const own = instanceEnvironment(
    name,
    { name: "", address: "" },
    { ...given, registration, kvPrefix, upstream: entry, check: normalCheck },
  );
  for (const variable of Object.keys(environment).filter((key) => key in own)) {
    checks.that(
      false,
      `environment.${variable}`,
      environment[variable],
      "must be left out: it is what an instance is told of itself; change the argument that it comes from",
    );
  }
  checks.done();

  return {
    ...given,
    placement,
    instances: bounded(instances, 1, MOST_INSTANCES),
    followers,
    registration,
    kvPrefix,
    environment,
    secrets,
    allowDataLoss,
    mounts,
    memoryMiB,
    cpus,
    drainTimeoutSeconds,
    upstream: entry,
    check: normalCheck,
  };
}

/** Whether an instance that registers itself can be told all that is set. */
function onlyWeight({ weight: _, ...rest }: UpstreamEntry, { type }: Required<ConsulCheck>): boolean {
  return Object.keys(rest).length === 0 && type === "tcp";
}
