import * as pulumi from "@pulumi/pulumi";
import type { LogProcessor } from "../components";
import { Subnet } from "../components/core/address";
import { Fault, reportFaults } from "../components/core/errors";
import { stackId } from "../components/core/naming";

/** What the stack's configuration says. What it leaves out is left to the components' own defaults, as ranges are to their checks. */
export interface StackConfig {
  readonly network: {
    /** Subnet of the service network. */
    readonly subnet: string;
    /** First address of each component's nodes. */
    readonly addresses: Readonly<Record<string, string>>;
  };
  /** Addresses that no node has for good, by what is reached at them. */
  readonly virtualAddresses: Readonly<Record<"proxy", string>>;
  readonly consul: Section<"consul">;
  readonly gateway: Section<"gateway">;
  /** The bucket of goods; without a rate there are no tiers. */
  readonly tiers: Section<"tiers">;
  readonly goods: Section<"goods">;
  readonly order: Section<"order">;
  readonly statistics: Section<"statistics">;
  readonly rabbitmq: Section<"rabbitmq">;
  readonly proxy: Section<"proxy">;
  readonly mysql: Section<"mysql">;
  readonly redis: Section<"redis">;
  readonly elasticsearch: Section<"elasticsearch">;
  readonly kafka: Section<"kafka">;
  readonly logs: Section<"logs">;
  readonly ops: Section<"ops">;
  readonly cdn: Section<"cdn">;
  readonly ci: Section<"ci">;
  /** Where nothing of it is set there are no backups. */
  readonly backup: Section<"backup">;
  /** Systems that the stack does without, with all that needs them. */
  readonly without: ReadonlySet<OptionalSystem>;
  /** Data volumes that may be deleted with all that is in them. */
  readonly allowDataLoss: readonly string[];
}

/** Settings of one shop service. */
const SHOP = { instances: 3, registration: "stack" as "stack" | "self", environment: { LOG: "1" } as Readonly<Record<string, string>> };

/** Every setting with an example of its type. */
const SETTINGS = {
  network: { subnet: "10.89.0.0/24" },
  consul: { servers: 3, apiPort: 8500, logLevel: "info", environment: SHOP.environment },
  gateway: { publishedPort: 8080, publishedAdminPort: 8081, workers: 2 },
  tiers: { rate: 50, capacity: 1000 },
  goods: SHOP,
  order: SHOP,
  statistics: { environment: SHOP.environment },
  rabbitmq: { brokers: 3, amqpPort: 5674, managementPort: 15_674, memoryMiB: 512 },
  proxy: { nodes: 2, statsPort: 8100 },
  mysql: { replicas: 2, port: 3306, memoryMiB: 640 },
  redis: { replicas: 2, port: 6379, memoryMiB: 256 },
  elasticsearch: { nodes: 3, httpPort: 9200, memoryMiB: 768 },
  kafka: { brokers: 3, controllers: 0, port: 9092, memoryMiB: 640 },
  logs: { processor: "filebeat" as LogProcessor, retentionDays: 30, gatewayMiB: 512, memoryMiB: 256, kibanaPort: 5601 },
  ops: { nodes: 3 },
  cdn: { accelerators: 1, port: 3128, cacheMiB: 256, memoryMiB: 128, logMiB: 128 },
  ci: { port: 8010, pollSeconds: 60, memoryMiB: 256 },
  backup: { schedule: "0 3 * * *", keep: 7, folder: "/srv/backup" },
};

type SectionName = keyof typeof SETTINGS;
type Section<K extends SectionName> = Readonly<Partial<(typeof SETTINGS)[K]>>;

/** Systems that nothing in the stack needs but what is left out with them. */
const OPTIONAL_SYSTEMS = ["rabbitmq", "ops", "mysql", "redis", "elasticsearch", "kafka", "cdn", "ci", "logs"] as const;
export type OptionalSystem = (typeof OPTIONAL_SYSTEMS)[number];

const DEFAULT_SUBNET = "10.89.0.0/24";

/** The longest prefix that leaves room for all of {@link FIRST_HOSTS}. */
const LONGEST_PREFIX = 24;

/** Where each component's nodes begin in the subnet, with room to grow up to the next. */
const FIRST_HOSTS = {
  gateway: 10,
  proxy: 15,
  discovery: 21,
  queue: 31,
  goods: 41,
  order: 81,
  statistics: 121,
  traffic: 131,
  ops: 151,
  indexing: 165,
  mysql: 171,
  search: 181,
  cache: 191,
  "cache-sentinel": 197,
  events: 201,
  "events-controller": 207,
  logs: 211,
  "logs-logstash": 215,
  "logs-kibana": 218,
  ci: 221,
  "ci-worker": 222,
  "ci-git": 226,
  "access-log": 228,
  backup: 230,
  cdn: 231,
};

/** Last parts of the addresses that move, behind the nodes that move them. */
const VIRTUAL_HOSTS = { proxy: 19 };

/**
 * Reads `dockyard:*` of the stack's configuration.
 *
 * What is unknown or of the wrong type is left out of what it returns, so that the components behind can be checked as well.
 *
 * @throws {ConfigError} naming every setting that is unknown or of the wrong type, see {@link reportFaults}.
 */
export function readStackConfig(given: Readonly<Record<string, string>> = pulumi.runtime.allConfig()): StackConfig {
  const faults: Fault[] = [];
  const settings = Object.fromEntries(
    Object.entries(given).flatMap(([key, text]) => (key.startsWith("dockyard:") ? [[key.slice("dockyard:".length), parse(text)]] : [])),
  ) as Record<string, unknown>;
  // What `npm run rotate` notes is read where secrets are made.
  const known = [...Object.keys(SETTINGS), "without", "allowDataLoss", "rotations"];
  for (const [name, value] of Object.entries(settings)) {
    if (!known.includes(name)) faults.push({ path: `dockyard:${name}`, value, remedy: `is not a setting; there are ${known.join(", ")}` });
  }
  const section = <K extends SectionName>(name: K) => readSection(name, settings[name] ?? {}, faults);
  const config = {
    ...readNetwork(section("network"), faults),
    consul: section("consul"),
    gateway: section("gateway"),
    tiers: section("tiers"),
    goods: section("goods"),
    order: section("order"),
    statistics: section("statistics"),
    rabbitmq: section("rabbitmq"),
    proxy: section("proxy"),
    mysql: section("mysql"),
    redis: section("redis"),
    elasticsearch: section("elasticsearch"),
    kafka: section("kafka"),
    logs: section("logs"),
    ops: section("ops"),
    cdn: section("cdn"),
    ci: section("ci"),
    backup: section("backup"),
    without: readWithout(settings.without ?? [], faults),
    allowDataLoss: readAllowDataLoss(settings.allowDataLoss ?? [], faults),
  };
  reportFaults(faults);
  return config;
}

/** Pulumi hands an object over as JSON and a string as it is. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readSection<K extends SectionName>(name: K, given: unknown, faults: Fault[]): Section<K> {
  const examples: Record<string, unknown> = SETTINGS[name];
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    faults.push({ path: `dockyard:${name}`, value: given, remedy: `must be settings, like ${JSON.stringify(examples)}` });
    return {} as Section<K>;
  }
  const read: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given) as [string, unknown][]) {
    const path = `dockyard:${name}.${key}`;
    const example = Object.hasOwn(examples, key) ? examples[key] : undefined;
    if (example === undefined) faults.push({ path, value, remedy: `is not a setting; there are ${Object.keys(examples).join(", ")}` });
    else if (typeof value !== typeof example || value === null || Array.isArray(value)) {
      const kind = typeof example === "object" ? "must be variables" : `must be a ${typeof example}`;
      faults.push({ path, value, remedy: `${kind}, like ${JSON.stringify(example)}` });
    } else read[key] = value;
  }
  return read as Section<K>;
}

function readNetwork(
  { subnet: given = DEFAULT_SUBNET }: Section<"network">,
  faults: Fault[],
): Pick<StackConfig, "network" | "virtualAddresses"> {
  const narrow = (Subnet.parse(given)?.prefix ?? 0) > LONGEST_PREFIX;
  if (narrow) {
    const remedy = `must have a prefix of ${LONGEST_PREFIX} or less: each component's nodes have a place of their own in 256 addresses`;
    faults.push({ path: "dockyard:network.subnet", value: given, remedy });
  }
  // What is behind is checked in the network around it.
  const subnet = narrow ? given.replace(/\d+\/\d+$/, `0/${LONGEST_PREFIX}`) : given;
  // A subnet that is none is told by the network itself; what the nodes get meanwhile is of no use, but checked.
  const parsed = Subnet.parse(subnet) ?? Subnet.parse(DEFAULT_SUBNET);
  const at = (host: number) => parsed?.at(host) ?? "";
  return {
    network: { subnet, addresses: Object.fromEntries(Object.entries(FIRST_HOSTS).map(([component, host]) => [component, at(host)])) },
    virtualAddresses: { proxy: at(VIRTUAL_HOSTS.proxy) },
  };
}

function readWithout(given: unknown, faults: Fault[]): ReadonlySet<OptionalSystem> {
  const names: unknown[] = Array.isArray(given) ? given : [given];
  for (const name of names) {
    if (OPTIONAL_SYSTEMS.includes(name as OptionalSystem)) continue;
    faults.push({
      path: "dockyard:without",
      value: name,
      remedy: `must be a list of systems that can be left out: ${OPTIONAL_SYSTEMS.join(", ")}`,
    });
  }
  return new Set(names as OptionalSystem[]);
}

/** A misspelt name would keep what was meant to go, so only names that a data volume of this stack can have are taken. */
function readAllowDataLoss(given: unknown, faults: Fault[]): readonly string[] {
  const names: unknown[] = Array.isArray(given) ? given : [given];
  const pattern = new RegExp(`^${stackId()}-((${Object.keys(FIRST_HOSTS).join("|")})-\\d+-data|search-snapshots)$`);
  for (const name of names) {
    if (typeof name === "string" && pattern.test(name)) continue;
    faults.push({
      path: "dockyard:allowDataLoss",
      value: name,
      remedy: `must be a list of data volumes of this stack, like ["${stackId()}-discovery-4-data"]`,
    });
  }
  return names as string[];
}
