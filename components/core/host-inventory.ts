import { spawnSync } from "node:child_process";

/** What a host already has, so that preview can refuse what would collide. */
export interface HostInventory {
  readonly networks: readonly { readonly name: string; readonly subnets: readonly string[]; readonly stack: string }[];
  /** Ports in use; `stack` is empty where no stack of ours holds them. */
  readonly ports: readonly { readonly port: number; readonly owner: string; readonly stack: string }[];
}

/**
 * Asks an engine for its networks and published ports, and this machine for its listening sockets.
 *
 * @param docker Argument array that reaches the engine: `["docker"]`, `["docker", "-H", "ssh://…"]`.
 * @param local Whether the engine's ports are this machine's, where processes outside of containers hold some too.
 * @throws {Error} when the engine does not answer.
 */
export function readInventory(docker: readonly string[], local: boolean): HostInventory {
  const networkIds = run([...docker, "network", "ls", "--quiet"]).split("\n").filter(Boolean);
  const networks = JSON.parse(run([...docker, "network", "inspect", ...networkIds])) as InspectedNetwork[];
  const containers = run([...docker, "ps", "--format", '{{.Names}}\t{{.Label "dockyard.stack"}}\t{{.Ports}}']);
  const published = parsePublishedPorts(containers);
  const listening = local ? parseListeners(listeningSockets()) : [];
  const byDocker = new Set(published.map(({ port }) => port));
  return {
    networks: networks.map(({ Name, IPAM, Labels }) => ({
      name: Name,
      subnets: (IPAM.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []),
      stack: Labels?.["dockyard.stack"] ?? "",
    })),
    ports: [...published, ...listening.filter(({ port }) => !byDocker.has(port))],
  };
}

interface InspectedNetwork {
  Name: string;
  IPAM: { Config: { Subnet?: string }[] | null };
  Labels: Record<string, string> | null;
}

/** Lines of `docker ps`, `name <tab> stack <tab> 127.0.0.1:8500->8500/tcp, …`; ranges are written `8500-8502->8500-8502/tcp`. */
export function parsePublishedPorts(lines: string): HostInventory["ports"] {
  return lines.split("\n").filter(Boolean).flatMap((line) => {
    const [name = "", stack = "", ports = ""] = line.split("\t");
    const found = new Set<number>();
    for (const [, first, last] of ports.matchAll(/:(\d+)(?:-(\d+))?->/g)) {
      for (let port = Number(first); port <= Number(last ?? first); port++) found.add(port);
    }
    return [...found].map((port) => ({ port, owner: `container ${name}`, stack }));
  });
}

/** Lines of `ss -Hltnp`: state, queues, local address, peer, `users:(("nginx",pid=7,fd=6))`. */
export function parseListeners(lines: string): HostInventory["ports"] {
  return lines.split("\n").flatMap((line) => {
    const port = /:(\d+)\s/.exec(line)?.[1];
    const [, program, pid] = /users:\(\("([^"]+)",pid=(\d+)/.exec(line) ?? [];
    if (port === undefined || program === "docker-proxy") return [];
    return [{ port: Number(port), owner: program === undefined ? "another process" : `process ${program} (pid ${pid})`, stack: "" }];
  });
}

function listeningSockets(): string {
  // Where iproute2 is missing the engine itself still refuses a taken port, only later and with fewer words.
  const { status, stdout } = spawnSync("ss", ["-Hltnp"], { encoding: "utf8" });
  return status === 0 ? stdout : "";
}

function run(argv: readonly string[]): string {
  const [command = "", ...args] = argv;
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`the container engine does not answer: ${argv.join(" ")}: ${(stderr || error?.message || "").trim()}; run "npm run up" to have one installed and started`);
  }
  return stdout;
}
