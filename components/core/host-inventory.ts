import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shellCommand } from "./shell";

/** A port in use. Where no stack of ours holds it, `stack`, `component` and `node` are empty. */
export interface HeldPort {
  readonly port: number;
  /** Address that it is held on; undefined is every one. */
  readonly address?: string;
  /** Who holds it, in words. */
  readonly owner: string;
  readonly stack: string;
  readonly component: string;
  readonly node: string;
}

/** What a host already has, so that preview can refuse what would collide. */
export interface HostInventory {
  readonly networks: readonly { readonly name: string; readonly subnets: readonly string[]; readonly stack: string }[];
  readonly ports: readonly HeldPort[];
  /** Size of the disk that the engine's volumes are on, in MiB; undefined where it cannot be asked for. */
  readonly diskMiB?: number;
  /** Folder in which the engine keeps its containers and their logs. @default "/var/lib/docker" */
  readonly dataRoot?: string;
  /** Containers, also those that do not run, with the stack that each belongs to; none is "". @default none */
  readonly containers?: readonly { readonly name: string; readonly stack: string }[];
  /** References of the images that are there. @default none */
  readonly images?: readonly string[];

  /** What a command prints in a container. @default nothing: no container runs */
  readonly said?: (container: string, command: readonly string[]) => string | undefined;

  /** What an image's software prints when it refuses a script's input. @default nothing: it refuses none */
  readonly refused?: (image: string, script: string) => string | undefined;
}

/** Seconds that a container may take to answer a check. */
const ANSWER_SECONDS = 10;

/** What a command prints in a container that runs; undefined where it does not run, does not answer or the command fails. */
export function askContainer(docker: readonly string[], container: string, command: readonly string[]): string | undefined {
  const [program = "docker", ...args] = docker;
  const { status, stdout } = spawnSync(program, [...args, "exec", container, ...command], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: ANSWER_SECONDS * 1000,
  });
  return status === 0 ? stdout : undefined;
}

/**
 * Asks an engine for its networks, containers, published ports, images and folder, and this machine for its listening sockets and the engine's disk.
 *
 * @param docker Argument array that reaches the engine: `["docker"]`, `["docker", "-H", "ssh://…"]`.
 * @param local Whether the engine's ports are this machine's, where processes outside of containers hold some too.
 * @throws {Error} with what docker says when the engine does not answer.
 */
export function readInventory(docker: readonly string[], local: boolean): HostInventory {
  const answers = askAtOnce([
    // One that is removed meanwhile is told as an error behind the others; only an engine that does not answer is a failure.
    `ids=$(${shellCommand(docker)} network ls --quiet) && { ${shellCommand(docker)} network inspect $ids 2>/dev/null || true; }`,
    listContainers(docker),
    // Where iproute2 is missing the engine itself still refuses a taken port, only later and with fewer words.
    local ? "ss -Hltnp 2>/dev/null || true" : "true",
    // An engine in a machine of its own has a folder that this one does not know.
    `root=$(${shellCommand([...docker, "info", "--format", "{{.DockerRootDir}}"])}) && echo "$root" && { ${local ? 'df -Pm "$root" 2>/dev/null' : "true"} || true; }`,
    shellCommand([...docker, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]),
  ]);
  const [networks = "[]", containers = "", sockets = "", disk = "", images = ""] = answers;
  const published = parsePublishedPorts(containers);
  const byDocker = new Set(published.map(({ port }) => port));
  return {
    networks: (JSON.parse(networks) as InspectedNetwork[]).map(({ Name, IPAM, Labels }) => ({
      name: Name,
      subnets: (IPAM.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []),
      stack: Labels?.["dockyard.stack"] ?? "",
    })),
    ports: [...published, ...parseListeners(sockets).filter(({ port }) => !byDocker.has(port))],
    containers: parseContainers(containers),
    dataRoot: disk.split("\n", 1)[0] ?? "",
    ...parseDisk(disk),
    images: images.split("\n").filter(Boolean),
  };
}

const OWNERSHIP = ["stack", "component", "node"] as const;

/**
 * A command that prints a line for each container, as {@link parsePublishedPorts} reads it.
 *
 * `docker ps` tells no ports of one that is between two starts, as one is that crashes again and again: those get a second line with what they
 * are to publish, or the proxy that is just going would be taken for somebody else's.
 */
function listContainers(docker: readonly string[]): string {
  const labels = OWNERSHIP.map((label) => `{{.Label "dockyard.${label}"}}\\t`).join("");
  const listed = shellCommand([...docker, "ps", "--all", "--format", `{{.Names}}\\t${labels}{{.Ports}}\\t{{.State}}`]);
  const owners = OWNERSHIP.map((label) => `{{with index .Config.Labels "dockyard.${label}"}}{{.}}{{end}}\t`).join("");
  const ports = "{{range $port, $bound := .HostConfig.PortBindings}}{{range $bound}}{{.HostIp}}:{{.HostPort}}->{{$port}}, {{end}}{{end}}";
  const bound = shellCommand([...docker, "inspect", "--format", `{{slice .Name 1}}\t${owners}${ports}`]);
  return [
    `all=$(${listed}) && echo "$all"`,
    `restarting=$(echo "$all" | awk -F '\t' '$6 == "restarting" { print $1 }')`,
    // One that is removed meanwhile holds nothing any more.
    `if [ -n "$restarting" ]; then ${bound} $restarting 2>/dev/null || true; fi`,
  ].join(" && ");
}

interface InspectedNetwork {
  Name: string;
  IPAM: { Config: { Subnet?: string }[] | null };
  Labels: Record<string, string> | null;
}

/** The same lines as {@link parsePublishedPorts} reads. */
export function parseContainers(lines: string): NonNullable<HostInventory["containers"]> {
  return lines
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [name = "", stack = ""] = line.split("\t");
      return { name, stack };
    });
}

/** Lines of `docker ps`, `name <tab> stack <tab> component <tab> node <tab> 127.0.0.1:8500->8500/tcp, …`; ranges are written `8500-8502->8500-8502/tcp`. */
export function parsePublishedPorts(lines: string): HostInventory["ports"] {
  return lines
    .split("\n")
    .filter(Boolean)
    .flatMap((line) => {
      const [name = "", stack = "", component = "", node = "", ports = ""] = line.split("\t");
      return [...ports.matchAll(/(?:^|, )(\S*):(\d+)(?:-(\d+))?->/g)].flatMap(([, address = "", first, last = first]) =>
        Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => ({
          port: Number(first) + index,
          ...heldOn(address),
          owner: `container ${name}`,
          stack,
          component,
          node,
        })),
      );
    });
}

/** Lines of `ss -Hltnp`: state, queues, local address, peer, `users:(("nginx",pid=7,fd=6))`. */
export function parseListeners(lines: string): HostInventory["ports"] {
  return lines.split("\n").flatMap((line) => {
    const [, address = "", port] = /\s(\S*):(\d+)\s/.exec(line) ?? [];
    const [, program, pid] = /users:\(\("([^"]+)",pid=(\d+)/.exec(line) ?? [];
    if (port === undefined || program === "docker-proxy") return [];
    const owner = program === undefined ? "another process" : `process ${program} (pid ${pid})`;
    return [{ port: Number(port), ...heldOn(address), owner, stack: "", component: "", node: "" }];
  });
}

const EVERY_ADDRESS = ["", "*", "0.0.0.0", "::", "[::]"];

/** `127.0.0.53%lo` is 127.0.0.53 on one interface. */
function heldOn(address: string): Pick<HeldPort, "address"> {
  return EVERY_ADDRESS.includes(address) ? {} : { address: address.replace(/%.*/, "") };
}

/** Lines of `df -Pm`: a heading, then `device size used …`. */
export function parseDisk(lines: string): Pick<HostInventory, "diskMiB"> {
  const [, size] = /\n\S+ +(\d+) /.exec(lines) ?? [];
  return size === undefined ? {} : { diskMiB: Number(size) };
}

/** Runs shell commands side by side, since preview waits for them, and returns what each printed. */
function askAtOnce(commands: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "dockyard-"));
  try {
    const started = commands.map((command, index) => `{ ${command}; } >${folder}/${index} & p${index}=$!`);
    const ended = commands.map((_, index) => `wait $p${index}`);
    const { status, stderr } = spawnSync("sh", ["-c", `${started.join("\n")}\n${ended.join(" && ")}`], { encoding: "utf8" });
    if (status !== 0) {
      throw new Error(stderr.trim());
    }
    return commands.map((_, index) => readFileSync(join(folder, String(index)), "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
