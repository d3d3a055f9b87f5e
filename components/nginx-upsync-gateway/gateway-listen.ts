import type { Endpoint } from "../core/endpoint";

/** What a balancer needs to lead to all gateways: a part of a `HaproxyListen`. */
export interface GatewayListen {
  readonly mode: "http" | "tcp";
  readonly servers: Readonly<Record<string, GatewayServer>>;
  readonly lines: readonly string[];
}

export interface GatewayServer {
  readonly endpoint: Endpoint;
  readonly intervalMs: number;
  readonly fall: number;
  readonly rise: number;
}

/** All gateways, each looked at often. A request that one took along when it died goes to another, if it may be sent twice. */
export function gatewayListen(name: string, gateways: readonly Endpoint[]): GatewayListen {
  return {
    mode: "http",
    servers: serversOf(name, gateways),
    lines: [
      // To another gateway at the first retry, not at the last.
      "option redispatch 1",
      "retry-on conn-failure empty-response",
      "http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE }",
    ],
  };
}

/**
 * The same for the ports with TLS, which the gateways themselves end: what was sent cannot be sent again, and the client's address is the
 * balancer's.
 */
export function gatewayListenTls(name: string, gateways: readonly Endpoint[]): GatewayListen {
  return { mode: "tcp", servers: serversOf(name, gateways), lines: ["option redispatch 1"] };
}

function serversOf(name: string, gateways: readonly Endpoint[]): GatewayListen["servers"] {
  return Object.fromEntries(gateways.map((endpoint, index) => [`${name}-${index + 1}`, { endpoint, intervalMs: 500, fall: 2, rise: 1 }]));
}
