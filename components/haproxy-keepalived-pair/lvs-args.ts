import { isIPv4 } from "node:net";
import type { Checks } from "../core/errors";
import { checkCommand, checkName, checkPort, checkQuotable, isWhole } from "./config-text";

/** How the kernel chooses a server: in turn, by weight, by connections, by locality, or by the client's or the asked address. */
export type LvsAlgorithm = "rr" | "wrr" | "lc" | "wlc" | "lblc" | "sh" | "dh";

/** How packets get there: rewritten, on the same link, or through a tunnel. */
export type LvsKind = "NAT" | "DR" | "TUN";

/** How a real server is checked: by a request, by a connection, or by a command. */
export type LvsCheck =
  | {
      type: "http";
      path: string;
      /** @default 200 */
      status?: number;
      /** Digest of the answer, as `genhash` prints it. @default none */
      digest?: string;
      /** @default the server's */
      port?: number;
      /** @default 3 */
      timeoutSeconds?: number;
      /** @default 3 */
      retries?: number;
      /** @default 3 */
      retryDelaySeconds?: number;
    }
  | { type: "tcp"; port?: number; timeoutSeconds?: number; retries?: number; retryDelaySeconds?: number }
  | {
      type: "misc";
      command: readonly string[];
      timeoutSeconds?: number;
      /** Whether the exit code sets the weight: 2 to 255 mean 0 to 253. @default false */
      dynamic?: boolean;
    };

export interface RealServer {
  address: string;
  port: number;

  /** 0 to 65535. @default 1 */
  weight?: number;

  /** @default by a connection */
  check?: LvsCheck;

  /** Command when it comes in. @default none */
  notifyUp?: readonly string[];

  /** Command when it is taken out. @default none */
  notifyDown?: readonly string[];
}

/** A service that the kernel spreads over servers, on an address that moves. */
export interface VirtualServer {
  address: string;
  port: number;

  /** @default "TCP" */
  protocol?: "TCP" | "UDP";

  /** @default "wrr" */
  algorithm?: LvsAlgorithm;

  /** @default "DR" */
  kind?: LvsKind;

  /** Seconds between two checks. @default 6 */
  delayLoopSeconds?: number;

  /** Seconds for which a client stays with its server. @default it does not */
  persistenceSeconds?: number;

  /** Where everyone goes while no real server is in. @default nowhere */
  sorryServer?: { address: string; port: number };

  realServers: Readonly<Record<string, RealServer>>;
}

export type NormalLvsCheck =
  | (Required<Omit<Extract<LvsCheck, { type: "http" }>, "digest" | "port">> & { type: "http"; digest?: string; port?: number })
  | (Required<Omit<Extract<LvsCheck, { type: "tcp" }>, "port">> & { type: "tcp"; port?: number })
  | (Required<Extract<LvsCheck, { type: "misc" }>> & { type: "misc" });
export type NormalRealServer = Required<Omit<RealServer, "check" | "notifyUp" | "notifyDown">> &
  Pick<RealServer, "notifyUp" | "notifyDown"> & { check: NormalLvsCheck };
export type NormalVirtualServer = Required<Omit<VirtualServer, "persistenceSeconds" | "sorryServer" | "realServers">> &
  Pick<VirtualServer, "persistenceSeconds" | "sorryServer"> & { realServers: Readonly<Record<string, NormalRealServer>> };

const ALGORITHMS: readonly string[] = ["rr", "wrr", "lc", "wlc", "lblc", "sh", "dh"] satisfies LvsAlgorithm[];
const KINDS: readonly string[] = ["NAT", "DR", "TUN"] satisfies LvsKind[];

/** Fills in the defaults. */
export function fillVirtualServer({ realServers, ...given }: VirtualServer): NormalVirtualServer {
  const servers = Object.entries(realServers).map(([name, server]) => [
    name,
    { weight: 1, ...server, check: fillCheck(server.check) } satisfies NormalRealServer,
  ]);
  return {
    protocol: "TCP",
    algorithm: "wrr",
    kind: "DR",
    delayLoopSeconds: 6,
    ...given,
    realServers: Object.fromEntries(servers) as Record<string, NormalRealServer>,
  };
}

function fillCheck(check: LvsCheck = { type: "tcp" }): NormalLvsCheck {
  const timing = { timeoutSeconds: 3, retries: 3, retryDelaySeconds: 3 };
  switch (check.type) {
    case "http":
      return { status: 200, ...timing, ...check };
    case "tcp":
      return { ...timing, ...check };
    case "misc":
      return { timeoutSeconds: 3, dynamic: false, ...check };
  }
}

/** What is wrong is added to `checks`. @param moving Addresses that the instances move. */
export function checkVirtualServer(
  checks: Checks,
  path: string,
  server: NormalVirtualServer,
  moving: readonly string[],
  files: readonly string[],
): void {
  const { address, port, protocol, algorithm, kind, delayLoopSeconds, persistenceSeconds = 1, sorryServer, realServers } = server;
  checkPort(checks, `${path}.port`, port);
  checks
    .that(
      moving.includes(address),
      `${path}.address`,
      address,
      `must be an address of an instance, or it would not move: ${moving.join(", ") || "there is none"}`,
    )
    .that(["TCP", "UDP"].includes(protocol), `${path}.protocol`, protocol, 'must be "TCP" or "UDP"')
    .that(ALGORITHMS.includes(algorithm), `${path}.algorithm`, algorithm, `must be one of ${ALGORITHMS.join(", ")}`)
    .that(KINDS.includes(kind), `${path}.kind`, kind, `must be one of ${KINDS.join(", ")}`)
    .that(delayLoopSeconds > 0, `${path}.delayLoopSeconds`, delayLoopSeconds, "must be more than 0")
    .that(isWhole(persistenceSeconds, 1, 86_400), `${path}.persistenceSeconds`, persistenceSeconds, "must be 1 second to a day")
    .that(Object.keys(realServers).length > 0, `${path}.realServers`, realServers, "must hold at least one server");
  if (sorryServer !== undefined) checkAddress(checks, `${path}.sorryServer`, sorryServer, server);
  for (const [name, real] of Object.entries(realServers)) {
    checkName(checks, `${path}.realServers.${name}`, name);
    checkRealServer(checks, `${path}.realServers.${name}`, real, server, files);
  }
}

function checkRealServer(
  checks: Checks,
  path: string,
  real: NormalRealServer,
  server: NormalVirtualServer,
  files: readonly string[],
): void {
  checkAddress(checks, path, real, server);
  checks.that(isWhole(real.weight, 0, 65_535), `${path}.weight`, real.weight, "must be a whole number from 0 to 65535");
  if (real.notifyUp) checkCommand(checks, `${path}.notifyUp`, real.notifyUp, files);
  if (real.notifyDown) checkCommand(checks, `${path}.notifyDown`, real.notifyDown, files);
  const { check } = real;
  checks.that(check.timeoutSeconds > 0, `${path}.check.timeoutSeconds`, check.timeoutSeconds, "must be more than 0");
  if (check.type === "misc") return checkCommand(checks, `${path}.check.command`, check.command, files);
  if (check.port !== undefined) checkPort(checks, `${path}.check.port`, check.port);
  checks
    .that(isWhole(check.retries, 0, 1000), `${path}.check.retries`, check.retries, "must be a whole number from 0")
    .that(check.retryDelaySeconds > 0, `${path}.check.retryDelaySeconds`, check.retryDelaySeconds, "must be more than 0");
  if (check.type !== "http") return;
  checks
    .that(/^\/[\w@%+=:,./?&~-]*$/.test(check.path), `${path}.check.path`, check.path, "must start with / and have no spaces or quotes")
    .that(isWhole(check.status, 100, 599), `${path}.check.status`, check.status, "must be a status from 100 to 599");
  if (check.digest !== undefined) checkQuotable(checks, `${path}.check.digest`, check.digest);
}

function checkAddress(checks: Checks, path: string, to: { address: string; port: number }, { kind, port }: NormalVirtualServer): void {
  checkPort(checks, `${path}.port`, to.port);
  checks
    .that(isIPv4(to.address), `${path}.address`, to.address, "must be an IPv4 address")
    .that(
      kind === "NAT" || to.port === port,
      `${path}.port`,
      to.port,
      `must be the virtual server's own ${port}: ${kind} hands packets on as they are; use NAT to change the port`,
    );
}
