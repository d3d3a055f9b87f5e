/** What HAProxy reads of a connection: bytes alone, or HTTP requests. */
export type ProxyMode = "tcp" | "http";

/** How a backend's servers take turns. */
export type Balance = "roundrobin" | "static-rr" | "leastconn" | "first" | "source" | "uri" | "random";

/** Which connections and requests are logged: every one, those that ended in an error, or none. */
export type LoggedTraffic = "all" | "errors" | "none";

/** What holds for the whole process. */
export interface HaproxyGlobal {
  /** Connections at the same time; each takes two of the files that the container may open. @default 8000 */
  maxConnections?: number;

  /** Threads that work on connections; at most as many as the container has CPUs, so that keepalived always finds time. @default 1 */
  threads?: number;

  /** Reloads that a connection outlives; the workers that keep older ones are ended. @default 10 */
  maxReloads?: number;

  /** Seconds after a reload in which connections must have ended. @default no limit */
  hardStopAfterSeconds?: number;

  /** Directives at the end of the section, as they are. @default none */
  lines?: readonly string[];
}

/** Times that HAProxy waits, in milliseconds. */
export interface HaproxyTimeouts {
  /** For a connection to a server. @default 1000 */
  connectMs?: number;

  /** For a client that says nothing. @default 180000, three of AMQP's heartbeats */
  clientMs?: number;

  /** For a server that says nothing. @default 180000 */
  serverMs?: number;

  /** For a health check's answer, once it is connected. @default 2000 */
  checkMs?: number;

  /** For a client's whole request. @default 10000 */
  httpRequestMs?: number;

  /** For the next request of a connection. @default 10000 */
  httpKeepAliveMs?: number;

  /** For a place at a server that has as many connections as it may. @default 10000 */
  queueMs?: number;

  /** For silence on a connection that has become a tunnel, as a WebSocket does. @default 3600000 */
  tunnelMs?: number;
}

/** What holds for every frontend and backend that does not say otherwise. */
export interface HaproxyDefaults {
  /** @default "tcp" */
  mode?: ProxyMode;

  /** @default "roundrobin" */
  balance?: Balance;

  /** Attempts to connect after the first, the last of them to another server where `redispatch` is on. @default 3 */
  retries?: number;

  /** Whether a server that cannot be reached is given up for another. @default true */
  redispatch?: boolean;

  /** Whether a waiting request ends when its client has gone. @default true */
  abortOnClose?: boolean;

  /** Whether connections stay open between requests, HTTP only. @default true */
  httpKeepAlive?: boolean;

  /** Whether servers are told the client's address in `X-Forwarded-For`, HTTP only. @default true */
  forwardFor?: boolean;

  /** @default "errors" */
  log?: LoggedTraffic;

  timeouts?: HaproxyTimeouts;

  /** Directives at the end of the section, as they are. @default none */
  lines?: readonly string[];
}

/** Where clients connect. */
interface HaproxyBind {
  /** Port on every address of the node, the one that moves among them. */
  port: number;

  /** @default that of the defaults */
  mode?: ProxyMode;

  /** Connections at the same time. @default those of the process */
  maxConnections?: number;

  /** Connections that wait to be accepted. @default as many as maxConnections */
  backlog?: number;

  /**
   * Port on the loopback of each node's host; node n gets the one n − 1 behind it. It leads to that node, whether or not it holds the
   * address that moves.
   *
   * @default none
   */
  publishedPort?: number;

  /** Directives at the end of the section, as they are. @default none */
  lines?: readonly string[];
}

/** Requests that go elsewhere than to a frontend's usual backend, HTTP only: both conditions hold where both are given. */
export interface HaproxyRoute {
  /** Name that the request is for. @default any */
  host?: string;

  /** Beginning of the request's path. @default any */
  pathPrefix?: string;

  backend: string;
}

export interface HaproxyFrontend extends HaproxyBind {
  /** Name of the backend that takes what no route takes. */
  backend: string;

  /** In order: the first that matches decides. @default none */
  routes?: readonly HaproxyRoute[];
}

/** An HTTP request whose answer says that a server does its job. */
export interface HttpHealthCheck {
  type: "http";

  /** @default "GET" */
  method?: "GET" | "HEAD" | "OPTIONS";

  /** @default "/" */
  path?: string;

  /** Name that is asked for. @default none */
  host?: string;

  /** Exactly one of them. @default status "200-399" */
  expect?: {
    /** Statuses and ranges of them, `200-299,404`. */
    status?: string;
    /** Text that the body holds. */
    contains?: string;
    /** Regular expression that the body matches. */
    matches?: string;
  };
}

/** How servers are checked: by a connection, or by a request. */
export type ServerHealthCheck = { type: "tcp" } | HttpHealthCheck;

export interface HaproxyServer {
  /** Where the server is reached: an {@link Endpoint}, or the like; a name is looked up again and again, from the network's own DNS. */
  endpoint: { readonly host: string; readonly port: number };

  /** Whether its health is checked; without, it counts as healthy. @default true */
  check?: boolean;

  /** Address that the check goes to instead, `addr`. @default the server's */
  checkAddress?: string;

  /** Port that the check goes to instead, `port`. @default the server's */
  checkPort?: number;

  /** Milliseconds between two checks, `inter`. @default 2000 */
  intervalMs?: number;

  /** Failed checks in a row that take it out. @default 3 */
  fall?: number;

  /** Good checks in a row that take it in again. @default 2 */
  rise?: number;

  /** Share of the connections against the other servers, 0 to 256; 0 gets none that is new. @default 1 */
  weight?: number;

  /** Whether it gets connections only while no other server can. @default false */
  backup?: boolean;

  /** Whether it is taken out by hand. @default false */
  disabled?: boolean;

  /** Beginning of an address that GET and HEAD requests are redirected to, `redir`, HTTP only: `http://10.0.0.7:8000`. @default none */
  redirect?: string;

  /** Connections at the same time; more wait. @default no limit */
  maxConnections?: number;

  /** What becomes of its connections when it is taken out, `on-marked-down`: a server that lost its role should keep none. @default they go on */
  onMarkedDown?: "shutdown-sessions";
}

export interface HaproxyBackend {
  /** @default that of the defaults */
  mode?: ProxyMode;

  /** @default that of the defaults */
  balance?: Balance;

  /** @default by a connection */
  check?: ServerHealthCheck;

  /** By their names. */
  servers: Readonly<Record<string, HaproxyServer>>;

  /** Directives at the end of the section, as they are. @default none */
  lines?: readonly string[];
}

/** A frontend and its backend in one. */
export interface HaproxyListen extends HaproxyBind, HaproxyBackend {
  mode?: ProxyMode;
  lines?: readonly string[];
}

/** The statistics page, and the figures for Prometheus. */
export interface HaproxyStats {
  /** Port inside the container, where `/metrics` needs no login. @default 8100 */
  port?: number;

  /** @default "/haproxy" */
  path?: string;

  /** Name to log in with; the password is generated. @default "admin" */
  user?: string;

  /** Seconds after which the page asks anew. @default 5 */
  refreshSeconds?: number;

  /** Port on the loopback of each node's host; node n gets the one n − 1 behind it. Null publishes none. @default the same as port */
  publishedPort?: number | null;
}

/** HAProxy's configuration, section by section; frontends, backends and listens by their names. */
export interface HaproxyArgs {
  global?: HaproxyGlobal;
  defaults?: HaproxyDefaults;
  /** @default none */
  frontends?: Readonly<Record<string, HaproxyFrontend>>;
  /** @default none */
  backends?: Readonly<Record<string, HaproxyBackend>>;
  /** @default none */
  listens?: Readonly<Record<string, HaproxyListen>>;
  stats?: HaproxyStats;
}
