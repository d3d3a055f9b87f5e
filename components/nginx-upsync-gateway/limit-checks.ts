import type { Checks } from "../core/errors";
import { isWhole } from "../core/whole";
import { parseClientNetwork } from "./client-network";
import type { NormalGatewaySettings } from "./gateway-settings";
import type { NormalClientLimit, NormalGuardedPath } from "./limit-args";
import { requestsPerSecond } from "./limit-conf";
import { PREFIX_REMEDY, isPrefix, publicPrefixes } from "./prefixes";

// Names of variables and zones are made of it.
const LIMIT_NAME = /^[a-z][a-z0-9_]{0,31}$/;
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;
const MOST_A_SECOND = 100_000;
const RATE = /^[1-9]\d*r\/[sm]$/;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

/** What is wrong with the limits and where they hold is added to `checks`. */
export function checkLimits(checks: Checks, gateway: NormalGatewaySettings): void {
  const { services, lua, guardedPaths } = gateway;
  const used = new Set([...Object.values(services), ...Object.values(lua.locations), ...guardedPaths].flatMap(({ limits }) => limits));
  for (const [name, limit] of Object.entries(gateway.limits)) {
    checkLimit(checks, name, limit);
    checks.that(
      used.has(name),
      `limits.${name}`,
      name,
      "must be named by a service, a guarded path or a location in Lua; else it limits nothing",
    );
  }
  for (const [service, { limits }] of Object.entries(services)) checkNames(checks, `services.${service}.limits`, limits, gateway);
  for (const [name, { limits }] of Object.entries(lua.locations)) checkNames(checks, `lua.locations.${name}.limits`, limits, gateway);
  checkGuardedPaths(checks, gateway);
  checkNetworks(checks, "trustedProxies", gateway.trustedProxies);
}

function checkLimit(checks: Checks, name: string, limit: NormalClientLimit): void {
  const at = `limits.${name}`;
  const { by, rate, burst, connections, exempt, zoneMiB } = limit;
  checks
    .that(LIMIT_NAME.test(name), at, name, 'must be 1 to 32 of a-z, 0-9 and "_", a letter first: it names what nginx counts in')
    .that(rate !== undefined || connections !== undefined, at, limit, "must have a rate, connections or both; else it limits nothing")
    .that(
      // nginx joins several lines of cookies into one, so that each makes another client.
      by === "address" || (HEADER_NAME.test(by.header) && by.header.toLowerCase() !== "cookie"),
      `${at}.by`,
      by,
      'must be "address" or the name of a header in letters, digits and "-", and not Cookie, of which a client can send any number',
    );
  checks
    .that(
      rate === undefined || RATE.test(rate),
      `${at}.rate`,
      rate,
      "must be a whole number of requests above 0 in a second or a minute, as 10r/s or 60r/m",
    )
    .that(
      rate === undefined || !RATE.test(rate) || requestsPerSecond(rate) <= MOST_A_SECOND,
      `${at}.rate`,
      rate,
      `must be at most ${MOST_A_SECOND} requests in a second; leave it out for no limit`,
    )
    .that(isWhole(burst, 0, 100_000), `${at}.burst`, burst, "must be 0 to 100000 requests")
    .that(rate !== undefined || burst === 0, `${at}.burst`, burst, "must be left out where there is no rate to exceed")
    .that(burst > 0 || !limit.nodelay, `${at}.nodelay`, limit.nodelay, "must be left out where there is no burst that could wait")
    .that(
      connections === undefined || isWhole(connections, 1, 65_535),
      `${at}.connections`,
      connections,
      "must be 1 to 65535 requests at once",
    )
    .that(isWhole(zoneMiB, 1, 256), `${at}.zoneMiB`, zoneMiB, "must be 1 to 256 MiB; one holds about 16,000 clients");
  checkNetworks(checks, `${at}.exempt`, exempt);
}

/** Each is looked at for one fault at a time: what names no network is not there twice as well. */
function checkNetworks(checks: Checks, at: string, networks: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const [i, text] of networks.entries()) {
    const path = `${at}[${i}]`;
    const network = parseClientNetwork(text);
    if (network === undefined) {
      checks.that(false, path, text, "must be an address or a network, as 10.0.0.7 or 10.0.0.0/8");
    } else if (network.hasHostBits) {
      const { cidr, address } = network;
      checks.that(
        false,
        path,
        text,
        `must have no bits set behind its prefix; write ${cidr} for the network or ${address} for the one address`,
      );
    } else {
      const other = seen.get(network.cidr);
      checks.that(other === undefined, path, text, `must differ from ${other}, which is the same; keep one of them`);
      seen.set(network.cidr, other ?? path);
    }
  }
}

/** Whether every name is that of a limit, none is there twice, and all refuse alike: nginx has one status for each location. */
function checkNames(checks: Checks, at: string, names: readonly string[], { limits }: NormalGatewaySettings): void {
  for (const [i, name] of names.entries()) {
    const known = Object.keys(limits);
    checks
      .that(
        known.includes(name),
        `${at}[${i}]`,
        name,
        `must be the name of a limit; there ${known.length > 0 ? `are ${known.join(", ")}` : "is none"}`,
      )
      .that(!known.includes(name) || names.indexOf(name) === i, `${at}[${i}]`, name, "is there twice; keep one of them");
  }
  const statuses = new Set(names.flatMap((name) => limits[name]?.status ?? []));
  checks.that(statuses.size <= 1, at, names, "must all refuse with the same status");
}

function checkGuardedPaths(checks: Checks, gateway: NormalGatewaySettings): void {
  const { guardedPaths, services } = gateway;
  const seen = new Map(
    publicPrefixes({ ...gateway, guardedPaths: [] }).map(([path, owner]) => [
      `prefix ${path}`,
      `the path of ${owner}, which takes limits itself`,
    ]),
  );
  for (const [i, guarded] of guardedPaths.entries()) {
    const at = `guardedPaths[${i}]`;
    checkGuardedPath(checks, at, guarded, services);
    const key = `${guarded.match} ${guarded.path}`;
    const other = seen.get(key);
    checks.that(other === undefined, `${at}.path`, guarded.path, `must differ from ${other}`);
    seen.set(key, `that of guardedPaths[${i}]`);
    const inherited = services[guarded.service]?.limits ?? [];
    const twice = guarded.limits.filter((name) => inherited.includes(name));
    checks.that(twice.length === 0, `${at}.limits`, twice, `must leave out what ${guarded.service} has anyway`);
    checkNames(checks, `${at}.limits`, [...guarded.limits, ...inherited.filter((name) => !guarded.limits.includes(name))], gateway);
  }
}

function checkGuardedPath(
  checks: Checks,
  at: string,
  { service, path, match, maxBodyKiB }: NormalGuardedPath,
  services: NormalGatewaySettings["services"],
): void {
  checks
    .that(Object.hasOwn(services, service), `${at}.service`, service, `must be one of the gateway's: ${Object.keys(services).join(", ")}`)
    .that(
      match === "regex" ? path !== "" && path.length <= 1024 && !CONTROL.test(path) : isPrefix(path),
      `${at}.path`,
      path,
      match === "regex" ? "must be a regular expression of 1 to 1024 characters in one line" : PREFIX_REMEDY,
    )
    .that(isWhole(maxBodyKiB, 1, 1_048_576), `${at}.maxBodyKiB`, maxBodyKiB, "must be 1 to 1048576 KiB");
}
