import { digestOfText } from "../core/digest";

/** Port of the accelerator inside its container, and of each URL in its cache, whatever port the host publishes. */
export const SQUID_PORT = 3128;
/** Ports that only the container itself reaches. */
const OPERATOR_PORT = 3129;
const REMOVER_PORT = 3130;
const REMOVED_PORT = 3131;
/** Folder of the cache's volume. */
export const SQUID_DATA_PATH = "/var/cache/squid";

/** What a configuration depends on. */
export interface SquidConf {
  readonly node: string;
  readonly origins: readonly { readonly host: string; readonly port: number }[];
  readonly originHost: string | null;
  readonly domains: readonly string[];
  readonly cacheMiB: number;
  readonly maxObjectMiB: number;
  /** What is kept in memory beside the disk. */
  readonly cacheMemoryMiB: number;
  readonly expiry: readonly ExpiryRule[];
  readonly staleIfErrorSeconds: number;
  readonly connectTimeoutSeconds: number;
  readonly readTimeoutSeconds: number;
}

export interface ExpiryRule {
  readonly pattern: string;
  readonly minMinutes: number;
  readonly percent: number;
  readonly maxMinutes: number;
  readonly overrideExpire: boolean;
}

/** The whole squid.conf; a digest of it is the name of an access list, so that squid can be asked which one it has. */
export function renderSquidConf(conf: SquidConf): string {
  const text = [listeners(conf), access(conf), origins(conf), store(conf), expiry(conf), logs(), process()]
    .map((lines) => lines.join("\n"))
    .join("\n\n");
  return `${text}\n\nacl configuration_${digestOfText([text])} any-of all\n`;
}

/** Where each domain's URLs begin in the cache, a line each: what is purged is purged under all of them. */
export function renderDomains(domains: readonly string[]): string {
  return domains.map((domain) => `http://${domain}:${SQUID_PORT}\n`).join("");
}

function listeners({ node }: SquidConf): string[] {
  return [
    "# A client's wish for an answer past the cache is not heard: it would reach an origin that is down.",
    `http_port ${SQUID_PORT} accel vhost vport ignore-cc name=public`,
    "# For the scripts in this container alone: health, purge, refresh.",
    `http_port 127.0.0.1:${OPERATOR_PORT} name=operator`,
    "# What is asked over the first of these is answered by the second, and not by an origin: that there is nothing.",
    `http_port 127.0.0.1:${REMOVER_PORT} name=remover`,
    `http_port 127.0.0.1:${REMOVED_PORT} accel vhost name=removed`,
    `visible_hostname ${node}`,
    "httpd_suppress_version_string on",
  ];
}

/** Nothing but the domains, by nothing but HTTP, and never anywhere but to the origins. */
function access({ domains }: SquidConf): string[] {
  return [
    "acl operator myportname operator",
    "acl remover myportname remover",
    "acl removed myportname removed",
    `acl served dstdomain -n ${domains.join(" ")}`,
    "acl http proto HTTP",
    `acl accelerated port ${SQUID_PORT}`,
    "acl tunnel method CONNECT",
    "acl trace method TRACE",
    "acl purge method PURGE",
    "http_access deny removed",
    "http_access deny tunnel",
    "http_access deny trace",
    "http_access allow operator manager",
    "http_access deny manager",
    "http_access deny purge !operator",
    "http_access deny !served",
    "http_access deny !http",
    "http_access deny !accelerated",
    "http_access allow all",
    "never_direct allow all",
    "cachemgr_passwd none config server_list storedir",
    "cachemgr_passwd disable all",
  ];
}

const UNKEYED_HEADERS = [
  "Forwarded",
  "X-Forwarded-Host",
  "X-Forwarded-Port",
  "X-Forwarded-Prefix",
  "X-Forwarded-Proto",
  "X-HTTP-Method-Override",
  "X-Original-URL",
  "X-Rewrite-URL",
];

function origins({ origins: peers, originHost, connectTimeoutSeconds, readTimeoutSeconds }: SquidConf): string[] {
  const host = originHost === null ? "" : ` forceddomain=${originHost}`;
  return [
    ...peers.flatMap((peer, index) => {
      const name = `origin-${index + 1}`;
      return [
        `cache_peer ${peer.host} parent ${peer.port} 0 no-query originserver round-robin no-digest name=${name} ` +
          `connect-timeout=${connectTimeoutSeconds} connect-fail-limit=3${host}`,
        `cache_peer_access ${name} deny remover`,
        `cache_peer_access ${name} allow served`,
        `cache_peer_access ${name} deny all`,
      ];
    }),
    `cache_peer 127.0.0.1 parent ${REMOVED_PORT} 0 no-query originserver no-digest name=removed`,
    "cache_peer_access removed allow remover",
    "cache_peer_access removed deny all",
    "# It takes the place of the variant that it was asked for, and is never served itself.",
    "deny_info 410:ERR_ACCESS_DENIED removed",
    "reply_header_access Vary deny removed",
    'reply_header_add Vary "%{X-Vary}>h" removed',
    'reply_header_add Cache-Control "no-cache, must-revalidate, max-age=0" removed',
    "# A refresh is a question without conditions: an origin may not know what it has changed.",
    "request_header_access If-Modified-Since deny operator",
    "request_header_access If-None-Match deny operator",
    "# What an origin could take for another URL is no part of the cache's key: one client would choose what all others are served.",
    ...UNKEYED_HEADERS.map((header) => `request_header_access ${header} deny all`),
    `read_timeout ${readTimeoutSeconds} seconds`,
    "# Clients that ask for the same at the same time would be one question to an origin, but a URL would have one variant in the cache.",
    "collapsed_forwarding off",
  ];
}

function store({ cacheMiB, maxObjectMiB, cacheMemoryMiB }: SquidConf): string[] {
  return [
    // A line that takes effect for what is behind it: it comes before the cache's.
    `maximum_object_size ${maxObjectMiB} MB`,
    `cache_dir aufs ${SQUID_DATA_PATH}/store ${cacheMiB} 16 256`,
    `cache_mem ${cacheMemoryMiB} MB`,
    "maximum_object_size_in_memory 512 KB",
    "# What is in memory is on the disk as well, where a purge finds all variants of it.",
    "memory_cache_mode disk",
    "cache_store_log none",
    "digest_generation off",
  ];
}

/** The first rule that matches counts; the last one is squid's own for what none matches. */
function expiry({ expiry: rules, staleIfErrorSeconds }: SquidConf): string[] {
  return [
    `max_stale ${staleIfErrorSeconds} seconds`,
    ...rules.map(({ pattern, minMinutes, percent, maxMinutes, overrideExpire }) => {
      const url = pattern.startsWith("^") ? `^http://[^/]*${pattern.slice(1)}` : pattern;
      return `refresh_pattern ${url} ${minMinutes} ${percent}% ${maxMinutes}${overrideExpire ? " override-expire" : ""}`;
    }),
    "refresh_pattern . 0 20% 4320",
  ];
}

/** URLs and methods are written as in a URL, where neither a quote nor a backslash is left. */
function logs(): string[] {
  const fields = [
    '"time":"%{%Y-%m-%dT%H:%M:%S}tg.%03tuZ"',
    '"client":"%>a"',
    '"method":"%#rm"',
    '"uri":"%#ru"',
    '"status":%>Hs',
    '"bytes":%<st',
    '"milliseconds":%tr',
    '"cache":"%Ss"',
    '"origin":"%<A"',
  ];
  return [
    `logformat json {${fields.join(",")}}`,
    "access_log none manager",
    "access_log none removed",
    "access_log stdio:/dev/stdout json",
    "strip_query_terms off",
    "cache_log /dev/stderr",
    "logfile_rotate 0",
  ];
}

function process(): string[] {
  return [
    "pid_filename /tmp/squid.pid",
    "coredump_dir /tmp",
    "netdb_filename none",
    "pinger_enable off",
    "icp_port 0",
    "# Longer than a request for a file takes; squid waits for all of it.",
    "shutdown_lifetime 1 second",
  ];
}
