import { Endpoint } from "../core/endpoint";
import { MYSQL_PORT } from "./my-cnf";
import type { SetMember } from "./set-files";

/** Port at which a keeper tells its node's role. */
export const ROLE_PORT = 3300;

/** What a balancer needs to lead to the nodes of one role: a part of a `HaproxyListen`. */
export interface RoleListen {
  readonly mode: "tcp";
  readonly check: { readonly type: "http"; readonly path: string };
  readonly servers: Readonly<Record<string, RoleServer>>;
}

export interface RoleServer {
  readonly endpoint: Endpoint;
  readonly checkPort: number;
  readonly intervalMs: number;
  readonly fall: number;
  readonly rise: number;
  readonly onMarkedDown: "shutdown-sessions";
}

/**
 * All nodes, each asked for its role often enough that a planned promotion is a short pause. One that has lost the role has its connections
 * closed, so that pools of clients connect anew.
 *
 * @param path Where the keeper tells the role.
 */
export function roleListen(members: readonly SetMember[], path: string): RoleListen {
  const server = (address: string): RoleServer => ({
    endpoint: new Endpoint(address, MYSQL_PORT),
    checkPort: ROLE_PORT,
    intervalMs: 200,
    fall: 2,
    rise: 1,
    onMarkedDown: "shutdown-sessions",
  });
  return {
    mode: "tcp",
    check: { type: "http", path },
    servers: Object.fromEntries(members.map(({ name, address }) => [name, server(address)])),
  };
}
