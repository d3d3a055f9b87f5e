import * as pulumi from "@pulumi/pulumi";
import { Subnet } from "../components/core/address";
import { ConfigError, Fault } from "../components/core/errors";

type Environment = Readonly<Record<string, string>>;

/** What the stack's configuration says, complete and of the right types; ranges are the components' own checks. */
export interface StackConfig {
  readonly network: {
    /** Subnet of the service network. */
    readonly subnet: string;
    /** First address of each component's nodes. */
    readonly addresses: Readonly<Record<string, string>>;
  };
  readonly consul: { readonly servers: number; readonly apiPort: number; readonly logLevel: string; readonly environment: Environment };
  readonly gateway: { readonly publishedPort: number; readonly publishedAdminPort: number; readonly workers: number };
  readonly goods: ShopConfig;
  readonly order: ShopConfig;
  /** Data volumes that may be deleted with all that is in them. */
  readonly allowDataLoss: readonly string[];
}

interface ShopConfig {
  readonly instances: number;
  readonly registration: "stack" | "self";
  readonly environment: Environment;
}

const DEFAULTS = {
  network: { subnet: "10.89.0.0/24" },
  consul: { servers: 3, apiPort: 8500, logLevel: "info", environment: {} as Environment },
  gateway: { publishedPort: 8080, publishedAdminPort: 8081, workers: 2 },
  goods: { instances: 3, registration: "stack", environment: {} } as ShopConfig,
  order: { instances: 2, registration: "stack", environment: {} } as ShopConfig,
};

/** Where each component's nodes begin in the subnet, with room to grow up to the next. */
const FIRST_HOSTS = { gateway: 10, discovery: 21, goods: 41, order: 81 };

/**
 * Reads `dockyard:*` of the stack's configuration over the defaults.
 *
 * @throws {ConfigError} naming every setting that is unknown or of the wrong type.
 */
export function readStackConfig(config = new pulumi.Config("dockyard")): StackConfig {
  const faults: Fault[] = [];
  const section = <K extends keyof typeof DEFAULTS>(name: K): (typeof DEFAULTS)[K] =>
    readSection(name, DEFAULTS[name], config.getObject(name) ?? {}, faults);
  const { subnet } = section("network");
  const parsed = Subnet.parse(subnet);
  if (parsed === undefined)
    faults.push({
      path: "dockyard:network.subnet",
      value: subnet,
      remedy: "must be an IPv4 network with a prefix of 8 to 30 and no bits behind it, like 10.89.0.0/24",
    });
  const read = {
    network: {
      subnet,
      addresses: Object.fromEntries(Object.entries(FIRST_HOSTS).map(([component, host]) => [component, parsed?.at(host) ?? ""])),
    },
    consul: section("consul"),
    gateway: section("gateway"),
    goods: section("goods"),
    order: section("order"),
    allowDataLoss: config.getObject<string[]>("allowDataLoss") ?? [],
  };
  if (faults.length > 0) throw new ConfigError(faults);
  return read;
}

/** A section's settings: the defaults say which there are and of which type each is. */
function readSection<T extends object>(name: string, defaults: T, given: object, faults: Fault[]): T {
  for (const [key, value] of Object.entries(given)) {
    const path = `dockyard:${name}.${key}`;
    const standard: unknown = (defaults as Record<string, unknown>)[key];
    if (standard === undefined) faults.push({ path, value, remedy: `is not a setting; there are ${Object.keys(defaults).join(", ")}` });
    else if (typeof value !== typeof standard)
      faults.push({ path, value, remedy: `must be a ${typeof standard}, like ${JSON.stringify(standard)}` });
  }
  return { ...defaults, ...given };
}
