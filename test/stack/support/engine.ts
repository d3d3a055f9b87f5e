import { execa } from "execa";

/** Runs docker and returns what it prints. */
export async function docker(...args: string[]): Promise<string> {
  const { stdout } = await execa("docker", args, { stdin: "ignore" });
  return stdout;
}

export interface InspectedContainer {
  Id: string;
  Name: string;
  Config: { User: string; Env: string[]; Labels: Record<string, string>; Image: string };
  State: { Running: boolean; StartedAt: string; Health?: { Status: string } };
  HostConfig: {
    ReadonlyRootfs: boolean;
    CapDrop: string[] | null;
    CapAdd: string[] | null;
    SecurityOpt: string[] | null;
    Memory: number;
    NanoCpus: number;
    PidsLimit: number | null;
    PortBindings: Record<string, { HostIp: string; HostPort: string }[]> | null;
    LogConfig: { Config: Record<string, string> };
  };
}

/** The containers of a stack, by the name of their node. */
export async function containersOf(label: string): Promise<Record<string, InspectedContainer>> {
  const ids = (await docker("ps", "--all", "--quiet", "--filter", `label=dockyard.stack=${label}`, "--filter", "label=dockyard.node")).split("\n").filter(Boolean);
  if (ids.length === 0) return {};
  const containers = JSON.parse(await docker("inspect", ...ids)) as InspectedContainer[];
  return Object.fromEntries(containers.map((container) => [container.Config.Labels["dockyard.node"] ?? "", container]));
}

/** Removes all that a stack of this label left on the engine: containers, networks, volumes. */
export async function removeLeftovers(label: string): Promise<void> {
  const filter = `label=dockyard.stack=${label}`;
  for (const [list, remove] of [
    [["ps", "--all", "--quiet"], ["rm", "--force", "--volumes"]],
    [["network", "ls", "--quiet"], ["network", "rm"]],
    [["volume", "ls", "--quiet"], ["volume", "rm", "--force"]],
  ] as const) {
    const ids = (await docker(...list, "--filter", filter)).split("\n").filter(Boolean);
    if (ids.length > 0) await docker(...remove, ...ids);
  }
}

/** What happened to containers of a stack, as `action node`, in order, while `work` ran. Throw-away containers without a node are left out. */
export async function eventsDuring(label: string, work: () => Promise<unknown>): Promise<string[]> {
  const since = await engineTime();
  await work();
  const until = await engineTime();
  const events = await docker("events", "--since", since, "--until", until, "--filter", `label=dockyard.stack=${label}`, "--filter", "type=container", "--format", '{{.Action}} {{index .Actor.Attributes "dockyard.node"}}');
  return events.split("\n").filter((line) => /^(create|start|die|destroy) \S/.test(line));
}

async function engineTime(): Promise<string> {
  return (await docker("info", "--format", "{{.SystemTime}}")).trim();
}
