import { SetupError, lastWords, run } from "../setup/shell";
import { Docker, StackHost, Target } from "../stack";

/** A container, network or volume of the stack, as its engine tells it. */
export interface Found {
  readonly docker: Docker;
  readonly kind: "container" | "network" | "volume";
  readonly id: string;
  readonly name: string;
  /** `running`, `paused`, `exited`, … as the engine says of a container; empty of all else. */
  readonly state: string;
  /** Whether it has the stack's labels; only of volumes may one be without. */
  readonly owned: boolean;
  /** When the engine made it, in ms since 1970, to the second; undefined of a volume. */
  readonly created: number | undefined;
}

/** How long an engine may take to list what it has, in ms; one that cannot be reached does not answer at all. */
const ENGINE_PATIENCE = 30_000;

/** Asks the engine of a host for a list. @throws {SetupError} naming the host when its engine does not answer. */
export async function askEngine({ name, docker }: StackHost, ...args: string[]): Promise<string> {
  try {
    return await run([...docker, ...args], { timeout: ENGINE_PATIENCE });
  } catch (error) {
    throw new SetupError(
      `The engine of host ${name} (${docker[2] ?? "this machine's"}) does not answer: ${lastWords(error)}\n` +
        "Bring it back and run the command again.",
    );
  }
}

/** All that the engines of the hosts have of a stack, and every volume, since data volumes are known by their names. */
export async function findOnEngines({ label }: Target, hosts: readonly StackHost[]): Promise<Found[]> {
  const filter = ["--filter", `label=dockyard.stack=${label}`];
  const found = await Promise.all(
    hosts.map(async (host) => {
      const [containers, networks, volumes] = await Promise.all([
        askEngine(
          host,
          ...["ps", "--all", "--no-trunc", ...filter, "--filter", "label=dockyard.node"],
          ...["--format", "{{.ID}}\t{{.Names}}\t{{.State}}\t{{.CreatedAt}}"],
        ),
        askEngine(host, "network", "ls", "--no-trunc", ...filter, "--format", "{{.ID}}\t{{.Name}}\t\t{{.CreatedAt}}"),
        askEngine(host, "volume", "ls", "--format", `{{.Name}}\t{{.Name}}\t\t\t{{.Label "dockyard.stack"}}`),
      ]);
      return [...rows(host, "container", containers), ...rows(host, "network", networks), ...rows(host, "volume", volumes, label)];
    }),
  );
  return found.flat();
}

function rows({ docker }: StackHost, kind: Found["kind"], lines: string, owner = ""): Found[] {
  return lines
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [id = "", name = "", state = "", created = "", stack = ""] = line.split("\t");
      return { docker, kind, id, name, state, owned: stack === owner, created: engineTime(created) };
    });
}

/** `2026-11-25 10:12:38.123 +0000 UTC` to the second. */
function engineTime(text: string): number | undefined {
  const [, day, time, zone] = /^(\S+) ([\d:]+)\S* ([+-]\d{4})/.exec(text) ?? [];
  return day === undefined ? undefined : Date.parse(`${day}T${time}${zone?.replace(/\d\d$/, ":$&")}`);
}
