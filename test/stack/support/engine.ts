import { execa } from "execa";
import { imageReference } from "../../../components/core/images";

const PAUSE_TRIES = 10;

/** Runs docker and returns what it prints. */
export async function docker(...args: string[]): Promise<string> {
  const { stdout } = await execa("docker", args, { stdin: "ignore" });
  return stdout;
}

/** Pauses containers. On a busy machine the kernel may not get all of a container's threads to stand still in runc's time: it is asked again. */
export async function pause(...containers: string[]): Promise<void> {
  for (const container of containers) {
    for (let tries = 1; ; tries++) {
      const { failed, stderr } = await execa("docker", ["pause", container], { stdin: "ignore", reject: false });
      if (!failed) break;
      if (tries === PAUSE_TRIES || !stderr.includes("unable to freeze")) throw new Error(stderr);
    }
  }
}

export interface InspectedContainer {
  Id: string;
  Name: string;
  /** As in ISO 8601. */
  Created: string;
  Config: { User: string; Env: string[]; Labels: Record<string, string>; Image: string };
  State: { Running: boolean; Pid: number; StartedAt: string; Health?: { Status: string } };
  HostConfig: {
    ReadonlyRootfs: boolean;
    CapDrop: string[] | null;
    CapAdd: string[] | null;
    SecurityOpt: string[] | null;
    Memory: number;
    NanoCpus: number;
    PidsLimit: number | null;
    RestartPolicy: { Name: string };
    PortBindings: Record<string, { HostIp: string; HostPort: string }[]> | null;
    LogConfig: { Config: Record<string, string> };
  };
}

/** The containers of a stack, by the name of their node. */
export async function containersOf(label: string): Promise<Record<string, InspectedContainer>> {
  const ids = (await docker("ps", "--all", "--quiet", "--filter", `label=dockyard.stack=${label}`, "--filter", "label=dockyard.node"))
    .split("\n")
    .filter(Boolean);
  if (ids.length === 0) return {};
  const containers = JSON.parse(await docker("inspect", ...ids)) as InspectedContainer[];
  return Object.fromEntries(containers.map((container) => [container.Config.Labels["dockyard.node"] ?? "", container]));
}

/** Removes all that a stack of this label left on the engine: containers, networks, volumes. */
export async function removeLeftovers(label: string): Promise<void> {
  const filter = `label=dockyard.stack=${label}`;
  for (const [list, remove] of [
    [
      ["ps", "--all", "--quiet"],
      ["rm", "--force", "--volumes"],
    ],
    [
      ["network", "ls", "--quiet"],
      ["network", "rm"],
    ],
    [
      ["volume", "ls", "--quiet"],
      ["volume", "rm", "--force"],
    ],
  ] as const) {
    const ids = (await docker(...list, "--filter", filter)).split("\n").filter(Boolean);
    if (ids.length > 0) await docker(...remove, ...ids);
  }
}

/** What makes, ends and begins a container; `update` changes its limits while it runs, as a gate does with each new one. */
const LIFE = ["create", "start", "die", "destroy"] as const;
export const LIFE_AND_LIMITS = [...LIFE, "update"] as const;

/**
 * What happened to the nodes of a stack, as `action node`, in order, while `work` ran.
 *
 * Read as it happens, since the engine keeps only its last 256 events and every health check makes three. A container made at the end marks
 * that all before has been read.
 */
export async function eventsDuring(label: string, work: () => Promise<unknown>, actions: readonly string[] = LIFE): Promise<string[]> {
  const since = (await docker("info", "--format", "{{.SystemTime}}")).trim();
  const watching = execa(
    "docker",
    [
      "events",
      "--since",
      since,
      "--filter",
      `label=dockyard.stack=${label}`,
      "--filter",
      "type=container",
      "--format",
      '{{.Action}} {{index .Actor.Attributes "dockyard.node"}}',
    ],
    { buffer: false, stdin: "ignore", reject: false },
  );
  const marker = `marker-${process.pid}-${Date.now()}`;
  const read = (async () => {
    const events: string[] = [];
    for await (const line of watching) {
      if (line === `create ${marker}`) break;
      const [action = "", node = ""] = line.split(" ");
      if (actions.includes(action) && node !== "") events.push(line);
    }
    return events;
  })();
  try {
    await work();
    await docker(
      "create",
      "--name",
      marker,
      "--label",
      `dockyard.stack=${label}`,
      "--label",
      `dockyard.node=${marker}`,
      imageReference("shop"),
    );
    await docker("rm", marker);
    return await read;
  } finally {
    watching.kill();
  }
}

/** The data volumes of a stack, by name, with what tells them from others of the same name. */
export async function dataVolumesOf(label: string): Promise<Record<string, string>> {
  const names = (await docker("volume", "ls", "--quiet", "--filter", `label=dockyard.stack=${label}`)).split("\n");
  return volumeIdentities(names.filter((name) => name.endsWith("-data")));
}

/** Inode and birth of each volume's folder: a volume that was made anew has others, whatever its name. */
export async function volumeIdentities(names: readonly string[]): Promise<Record<string, string>> {
  const mounts = names.flatMap((name, index) => ["--volume", `${name}:/volumes/${index}:ro`]);
  const folders = names.map((_, index) => `/volumes/${index}`);
  const lines = (await docker("run", "--rm", ...mounts, imageReference("shop"), "stat", "--format", "%i %W", ...folders)).split("\n");
  return Object.fromEntries(names.map((name, index) => [name, lines[index] ?? ""]));
}
