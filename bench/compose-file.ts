import { docker } from "../test/stack/support/engine";
import type { TestStack } from "../test/stack/support/test-stack";

/** What an engine says of a container and a compose file can say as well. */
interface Inspected {
  readonly Name: string;
  readonly Config: {
    readonly Image: string;
    readonly Cmd: readonly string[] | null;
    readonly User: string;
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly StopSignal?: string;
    readonly StopTimeout?: number;
    readonly Healthcheck: { readonly Test: readonly string[] } & Readonly<
      Record<"Interval" | "Timeout" | "StartPeriod" | "Retries", number>
    >;
  };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[] | null;
    readonly CapAdd: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Tmpfs: Readonly<Record<string, string>> | null;
    readonly Memory: number;
    readonly NanoCpus: number;
    readonly PidsLimit: number | null;
    readonly RestartPolicy: { readonly Name: string };
    readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>> | null;
  };
  readonly Mounts: readonly { readonly Type: string; readonly Name: string; readonly Destination: string; readonly RW: boolean }[];
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAMConfig: { readonly IPv4Address: string } | null }>>;
  };
}

/** The compose file that describes the containers of a stack as they are, on the network and the volumes that are there. */
export async function composeFileOf({ label }: TestStack): Promise<ComposeFile> {
  const ids = (await docker("ps", "--quiet", "--filter", `label=dockyard.stack=${label}`)).split("\n");
  const containers = JSON.parse(await docker("inspect", ...ids)) as Inspected[];
  const volumes = new Set(containers.flatMap(({ Mounts }) => Mounts.filter(({ Type }) => Type === "volume").map(({ Name }) => Name)));
  const networks = new Set(containers.flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks)));
  return {
    name: label,
    services: Object.fromEntries(containers.map((each) => [each.Config.Labels["dockyard.node"] ?? "", service(each)])),
    networks: Object.fromEntries([...networks].map((name) => [name, { external: true }])),
    volumes: Object.fromEntries([...volumes].map((name) => [name, { external: true }])),
  };
}

export interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: unknown;
  readonly volumes: unknown;
}

/** Only what is changed is looked into. */
interface ComposeService {
  readonly environment: Readonly<Record<string, string>>;
}

/** The same file with other environment values of a component's nodes; JSON is YAML. */
export function renderComposeFile(file: ComposeFile, component: string, environment: Readonly<Record<string, string>>): string {
  const services = Object.entries(file.services).map(([name, each]) => [
    name,
    name.startsWith(`${component}-`) ? { ...each, environment: { ...each.environment, ...environment } } : each,
  ]);
  // A dollar begins a variable in such a file.
  return JSON.stringify({ ...file, services: Object.fromEntries(services) as unknown }).replaceAll("$", "$$$$");
}

function service({ Name, Config, HostConfig, Mounts, NetworkSettings }: Inspected): ComposeService {
  return {
    ...{ image: Config.Image, container_name: Name.slice(1), user: Config.User, labels: Config.Labels },
    ...(Config.Cmd && { command: Config.Cmd }),
    environment: Object.fromEntries(Config.Env.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)])),
    ...{ read_only: HostConfig.ReadonlyRootfs, cap_drop: HostConfig.CapDrop ?? [], cap_add: HostConfig.CapAdd ?? [] },
    security_opt: HostConfig.SecurityOpt ?? [],
    tmpfs: Object.entries(HostConfig.Tmpfs ?? {}).map(([path, options]) => `${path}:${options}`),
    ...{ mem_limit: HostConfig.Memory, memswap_limit: HostConfig.Memory, cpus: HostConfig.NanoCpus / 1e9 },
    ...(HostConfig.PidsLimit && { pids_limit: HostConfig.PidsLimit }),
    restart: HostConfig.RestartPolicy.Name,
    ...(Config.StopSignal !== undefined && { stop_signal: Config.StopSignal }),
    ...(Config.StopTimeout !== undefined && { stop_grace_period: `${Config.StopTimeout}s` }),
    logging: { driver: HostConfig.LogConfig.Type, options: HostConfig.LogConfig.Config },
    healthcheck: healthcheck(Config.Healthcheck),
    ports: Object.entries(HostConfig.PortBindings ?? {}).flatMap(([port, bindings]) =>
      bindings.map(({ HostIp, HostPort }) => ({ target: Number.parseInt(port), host_ip: HostIp, published: HostPort })),
    ),
    volumes: Mounts.filter(({ Type }) => Type === "volume").map(({ Name: source, Destination: target, RW }) => ({
      ...{ type: "volume", source, target },
      read_only: !RW,
    })),
    networks: Object.fromEntries(
      Object.entries(NetworkSettings.Networks).map(([name, { IPAMConfig }]) => [name, { ipv4_address: IPAMConfig?.IPv4Address }]),
    ),
  } as ComposeService;
}

/** The engine tells times in ns. */
function healthcheck({ Test, Interval, Timeout, StartPeriod = 0, Retries }: Inspected["Config"]["Healthcheck"]) {
  const seconds = (ns: number) => `${ns / 1e9}s`;
  return { test: Test, interval: seconds(Interval), timeout: seconds(Timeout), start_period: seconds(StartPeriod), retries: Retries };
}
