import { DeclaredContainer, Settings } from "./declared";
import { Difference, Repair } from "./difference";

/** The parts of `docker inspect` that are compared. */
export interface LiveContainer {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Status: string };
  readonly Mounts: readonly { readonly Name?: string; readonly Destination: string }[];
  readonly HostConfig: {
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly MemoryReservation: number;
    readonly NanoCpus: number;
    readonly CpuShares: number;
    readonly CpusetCpus: string;
    readonly PidsLimit: number | null;
    readonly RestartPolicy: { readonly Name: string };
  };
  readonly NetworkSettings: {
    readonly Networks: Readonly<
      Record<string, { readonly NetworkID: string; readonly IPAMConfig: { readonly IPv4Address?: string } | null }>
    > | null;
  };
}

/** A setting that an engine changes of a container that runs. */
interface Changeable {
  readonly word: string;
  readonly declared: string | undefined;
  readonly live: string;
  /** Options of `docker update` that put it back; undefined where it has none that does. */
  readonly options: readonly string[] | undefined;
}

/**
 * How a container differs from what it was made with, and what puts it back.
 *
 * @param networks Ids of the networks that are there, by their names.
 */
export function settingsDifferences(
  container: DeclaredContainer,
  live: LiveContainer,
  networks: ReadonlyMap<string, string>,
): Difference[] {
  const { settings } = container;
  const connections = connectionDifferences(container, live, networks);
  // One that is stopped may be so on purpose: what has left its cluster is not to be started by the engine either.
  if (live.State.Status !== "running") return connections;
  const name = live.Name.replace(/^\//, "");
  return [
    ...(name === settings.name ? [] : [differenceOf(container, `it is called ${name}`, ["rename", live.Id, settings.name])]),
    ...changeable(settings, live)
      .filter(({ declared, live: now }) => declared !== undefined && declared !== now)
      .map(({ word, declared, live: now, options }) =>
        differenceOf(container, `${word} is ${now} instead of ${declared}`, ...(options ? [["update", ...options, live.Id]] : [])),
      ),
    ...connections,
  ];
}

function differenceOf({ urn, host, settings }: DeclaredContainer, differs: string, ...commands: (readonly string[])[]): Difference {
  const repair: Repair = { commands: commands.map((command) => [...host.docker, ...command] as const) };
  return { kind: "settings", host: host.name, name: settings.name, urn, differs, ...(commands.length > 0 && { repair }) };
}

/**
 * Where a container is not on its network under its own address, or on another one as well. A network that is gone is told itself, and its
 * nodes when it is back.
 */
function connectionDifferences(container: DeclaredContainer, live: LiveContainer, networks: ReadonlyMap<string, string>): Difference[] {
  const declared = Object.entries(container.settings.networks);
  // One without any is on the engine's default, under whichever name that has.
  const more = declared.length === 0 ? [] : Object.keys(live.NetworkSettings.Networks ?? {});
  const foreign = more
    .filter((network) => container.settings.networks[network] === undefined)
    .map((network) => differenceOf(container, `it is on the network ${network} as well`, ["network", "disconnect", network, live.Id]));
  const missing = declared.flatMap(([network, address]) => {
    const now = live.NetworkSettings.Networks?.[network];
    const isThere = now !== undefined && now.NetworkID === networks.get(network) && (now.IPAMConfig?.IPv4Address ?? "") === address;
    if (isThere || !networks.has(network)) return [];
    const differs = `it is not connected to the network ${network} as ${address}`;
    return [differenceOf(container, differs, ...connection(container, network, now !== undefined))];
  });
  return [...missing, ...foreign];
}

/** What connects a container to a network under its own address and name. */
function connection({ id, node, settings }: DeclaredContainer, network: string, isConnected: boolean): string[][] {
  const connect = ["network", "connect", "--ip", settings.networks[network] ?? "", "--alias", node, network, id];
  return isConnected ? [["network", "disconnect", "--force", network, id], connect] : [connect];
}

function changeable(settings: Settings, { HostConfig: live }: LiveContainer): Changeable[] {
  // The engine refuses a limit on memory that is above the one on both, so they go back together.
  const memory = ["--memory", String(settings.memory), "--memory-swap", String(settings.memoryAndSwap)];
  return [
    { word: "memory", declared: mebibytes(settings.memory), live: mebibytes(live.Memory), options: memory },
    { word: "memory and swap", declared: mebibytes(settings.memoryAndSwap), live: mebibytes(live.MemorySwap), options: memory },
    {
      word: "memory reservation",
      declared: mebibytes(settings.memoryReservation),
      live: mebibytes(live.MemoryReservation),
      // 0 leaves it as it is; the whole limit reserves what there is anyway, but is another value.
      options: settings.memoryReservation === 0 ? undefined : ["--memory-reservation", String(settings.memoryReservation)],
    },
    { word: "cpus", declared: cpus(settings.cpus), live: cpus(live.NanoCpus), options: ["--cpus", cpus(settings.cpus)] },
    {
      word: "cpu shares",
      declared: String(settings.cpuShares),
      live: String(live.CpuShares),
      options: settings.cpuShares === 0 ? undefined : ["--cpu-shares", String(settings.cpuShares)],
    },
    {
      word: "cpu set",
      declared: settings.cpuset || "any",
      live: live.CpusetCpus || "any",
      options: settings.cpuset === "" ? undefined : ["--cpuset-cpus", settings.cpuset],
    },
    { word: "restart policy", declared: settings.restart, live: live.RestartPolicy.Name || "no", options: ["--restart", settings.restart] },
    {
      word: "limit on processes",
      declared: settings.pids === undefined ? undefined : String(settings.pids),
      live: String(live.PidsLimit ?? 0),
      options: ["--pids-limit", String(settings.pids)],
    },
  ];
}

function mebibytes(bytes: number): string {
  return `${bytes / (1024 * 1024)} MiB`;
}

function cpus(billionths: number): string {
  return String(billionths / 1e9);
}
