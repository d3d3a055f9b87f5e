import { clientScheme } from "./forwarded-conf";
import type { GatewayConf } from "./nginx-conf";
import type { NormalTiers } from "./tier-args";

/** Lua modules of the tiers, below the gateway's own. */
export const TIER_LUA_FILES = [
  "tiers/answer.lua",
  "tiers/bucket.lua",
  "tiers/cache.lua",
  "tiers/circuit.lua",
  "tiers/files.lua",
  "tiers/fill.lua",
  "tiers/filter.lua",
  "tiers/meter.lua",
  "tiers/quiet.lua",
  "tiers/reply.lua",
  "tiers/sharing.lua",
  "tiers/switches.lua",
  "tiers/tiers.lua",
  "tiers/unkeyed.lua",
  "tiers/withdrawals.lua",
] as const;

/** Folder of the kept answers, on the gateway's data volume. */
const ANSWERS = "/var/lib/gateway/answers";

/** Headers that say who asks, whatever the service is. */
const PERSONAL = ["Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key"];

type Tiered = Pick<GatewayConf, "tiers">;

/**
 * For the http block: memory of the workers together, of buckets, switches and circuits, of answers on their way to the tiers below, and of
 * what was kept of late.
 */
export function tierZones(conf: Tiered): string[] {
  if (!hasTiers(conf)) return [];
  return [
    "lua_shared_dict gateway_tiers 8m;",
    "lua_shared_dict gateway_fills 16m;",
    "lua_shared_dict gateway_marks 4m;",
    // A service's own word for it is none, also where it has no tiers.
    "proxy_hide_header X-Gateway-Tier;",
    "# A request that ends before its variables are set has none: a client is not to fill the log with that.",
    "uninitialized_variable_warn off;",
  ];
}

/** The tier that answered, in the access log, and when: less the time that it took, that is when it came, to the millisecond. */
export function tierLogField(conf: Tiered): string[] {
  return hasTiers(conf) ? ['"ended":$msec', '"tier":"$gateway_tier"'] : [];
}

export function tierVariable(conf: Tiered): string[] {
  return hasTiers(conf) ? ['set $gateway_tier "";'] : [];
}

/** The tier that answered, for who asked; nginx leaves the header out where it is empty. */
export function tierHeader(conf: Tiered): string[] {
  return hasTiers(conf) ? ["add_header X-Gateway-Tier $gateway_tier always;"] : [];
}

export function tierLocation({ tiers, trustedProxies }: Tiered & Pick<GatewayConf, "trustedProxies">, name: string): string[] {
  if (!Object.hasOwn(tiers, name)) return [];
  return [
    // An answer that sends nginx elsewhere would lose who asked, and a probe its end.
    "proxy_ignore_headers X-Accel-Redirect;",
    // Most requests are for the service: Lua says so only where it is another one.
    "set $gateway_tier service;",
    // All of a URL that the service is told.
    `set $gateway_url "${clientScheme({ trustedProxies })}://$host$request_uri";`,
    `access_by_lua_block { gateway.tiers.access("${name}") }`,
    `header_filter_by_lua_block { gateway.tiers.header("${name}") }`,
    `body_filter_by_lua_block { gateway.tiers.body("${name}") }`,
  ];
}

export function tierPages(conf: Tiered): string[] {
  return hasTiers(conf) ? ["tiers"] : [];
}

/** What the Lua modules are told of the tiers. */
export function renderTierSettings({
  tiers,
  switches,
  answerFiles,
  services,
  consul,
  limits,
  tls,
}: Pick<GatewayConf, "tiers" | "switches" | "answerFiles" | "services" | "consul" | "limits" | "tls">): Record<string, unknown> {
  if (!hasTiers({ tiers })) return {};
  const told = Object.values(limits).flatMap(({ by }) => (by === "address" ? [] : [by.header]));
  const locations = Object.entries(services)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, { readTimeoutMs }]) => {
      const settings = tiers[name];
      return settings ? [[name, locationSettings(settings, readTimeoutMs, told)] as const] : [];
    });
  return {
    tiers: {
      switches: { ...switches, names: locations.map(([name]) => name), consul: consul.servers.map(({ host, port }) => ({ host, port })) },
      files: { folder: ANSWERS, files: answerFiles },
      http2: tls?.http2 ?? false,
      locations: Object.fromEntries(locations) as Record<string, unknown>,
    },
  };
}

function locationSettings(
  { rate, capacity, key, together, delays, circuit, fill, filter, empty, personalHeaders }: NormalTiers,
  readTimeoutMs: number,
  told: readonly string[],
) {
  const { slowMs, ...counted } = circuit;
  return {
    key,
    bucket: { rate, capacity, together, ...delays },
    // A probe whose end nobody told is given up when the service would have been.
    circuit: { ...counted, slowSeconds: slowMs / 1000, probeSeconds: readTimeoutMs / 1000 + 1 },
    fill: {
      maxBytes: fill.maxKiB * 1024,
      refreshSeconds: fill.refreshSeconds,
      cacheSeconds: fill.cacheSeconds,
      staticSeconds: fill.staticSeconds,
    },
    ...(filter && {
      filter: {
        name: filter.name,
        pattern: filter.pattern,
        filledKey: filter.filledKey,
        command: filter.bloom === "module" ? ["BF.EXISTS"] : ["FCALL_RO", "bf_exists", "1"],
      },
    }),
    empty,
    personal: [...new Set([...PERSONAL, ...told, ...personalHeaders].map((header) => header.toLowerCase()))],
  };
}

function hasTiers({ tiers }: Tiered): boolean {
  return Object.keys(tiers).length > 0;
}
