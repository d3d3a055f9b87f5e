import type { Checks } from "../core/errors";
import { checkKvPrefix } from "../core/kv-prefix";
import { isWhole } from "../core/whole";
import type { NormalTierSettings, NormalTiers } from "./tier-args";

/** What the checks look at besides the tiers themselves. */
interface Gateway {
  readonly engine: string;
  readonly services: Readonly<Record<string, unknown>>;
  readonly redis?: unknown;
  readonly kvPrefix: string;
}

const REDIS_KEY = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;
/** A form to be emptied, a part of something, and what nginx has for itself: 444 closes the connection, the others stand in the log. */
const UNSENT: readonly number[] = [205, 206, 444, 494, 495, 496, 497, 498, 499];
const MEDIA_TYPE = /^[a-z0-9.+-]+\/[a-z0-9.+-]+(; charset=[A-Za-z0-9-]+)?$/;

/** What is wrong with the tiers is added to `checks`. */
export function checkTierSettings(checks: Checks, gateway: Gateway, { tiers, switches, answerFiles }: NormalTierSettings): void {
  const names = Object.keys(tiers);
  checks
    .that(
      gateway.engine !== "upsync" || names.length === 0,
      "tiers",
      names,
      'must be left out with the engine "upsync", which has no Lua; use the engine "lua"',
    )
    .that(isWhole(answerFiles, 1, 100_000), "answerFiles", answerFiles, "must be 1 to 100000 files");
  checkSwitches(checks, gateway, switches);
  checks.that(
    names.length === 0 || !overlap(switches.consulPrefix, gateway.kvPrefix),
    "switches.consulPrefix",
    switches.consulPrefix,
    "must be apart from kvPrefix, whose keys are the services' instances",
  );
  for (const [name, settings] of Object.entries(tiers)) {
    const remedy = `must be one of the services, ${Object.keys(gateway.services).join(", ")}`;
    checks.that(Object.hasOwn(gateway.services, name), `tiers.${name}`, name, remedy);
    checkBucket(checks, `tiers.${name}`, settings, gateway.redis !== undefined);
    checkCircuit(checks, `tiers.${name}.circuit`, settings);
    checkKept(checks, `tiers.${name}`, settings);
    checkFilter(checks, `tiers.${name}.filter`, settings, gateway.redis !== undefined);
    checkHeaders(checks, `tiers.${name}.personalHeaders`, settings);
  }
}

/** Whether one folder of keys is the other one, or in it. */
function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}

function checkSwitches(checks: Checks, gateway: Gateway, { stores, redisPrefix, consulPrefix }: NormalTierSettings["switches"]): void {
  const unknown = stores.filter((store) => !["redis", "consul"].includes(store));
  checks
    .that(stores.length > 0, "switches.stores", stores, 'must name "redis", "consul" or both: without a store nobody could throw a switch')
    .that(unknown.length === 0, "switches.stores", stores, 'must name nothing but "redis" and "consul"')
    .that(
      !stores.includes("redis") || gateway.redis !== undefined,
      "switches.stores",
      stores,
      'must not name "redis" without one; give the gateway a redis, or use "consul"',
    )
    .that(
      REDIS_KEY.test(redisPrefix),
      "switches.redisPrefix",
      redisPrefix,
      "must be 1 to 128 letters, digits, '_', '.', ':' and '-', as \"gateway:switch:\"",
    );
  checkKvPrefix(checks, consulPrefix, "switches.consulPrefix");
}

function checkBucket(checks: Checks, at: string, { rate, capacity, together, delays }: NormalTiers, hasRedis: boolean): void {
  checks
    .that(rate > 0 && rate <= 1e6, `${at}.rate`, rate, "must be more than 0 and at most 1000000 requests a second")
    .that(isWhole(capacity, 1, 1e8), `${at}.capacity`, capacity, "must be 1 to 100000000 whole requests")
    .that(
      delays.service >= 0 && delays.service < delays.cache && delays.cache < delays.static,
      `${at}.delays`,
      delays,
      "must rise from service over cache to static, from 0 seconds on",
    )
    .that(
      !(delays.static * rate > capacity),
      `${at}.delays.static`,
      delays.static,
      `must be at most ${capacity / rate} seconds, in which the rate empties the full bucket; raise capacity, or lower the delay`,
    )
    .that(!together || hasRedis, `${at}.together`, together, "must be left out without a redis, through which gateways share a bucket");
}

function checkCircuit(checks: Checks, at: string, { circuit }: NormalTiers): void {
  const { windowSeconds, minimumRequests, errorRate, slowMs, slowRate, openSeconds, probes } = circuit;
  const isShare = (value: number) => value > 0 && value <= 1;
  checks
    .that(isWhole(windowSeconds, 1, 60), `${at}.windowSeconds`, windowSeconds, "must be 1 to 60 whole seconds")
    .that(isWhole(minimumRequests, 1, 1e6), `${at}.minimumRequests`, minimumRequests, "must be 1 to 1000000 whole requests")
    .that(isShare(errorRate), `${at}.errorRate`, errorRate, "must be above 0 and at most 1: 0.5 is every other request")
    .that(isWhole(slowMs, 1, 3_600_000), `${at}.slowMs`, slowMs, "must be 1 to 3600000 milliseconds")
    .that(isShare(slowRate), `${at}.slowRate`, slowRate, "must be above 0 and at most 1: 0.5 is every other request")
    .that(openSeconds > 0 && openSeconds <= 3600, `${at}.openSeconds`, openSeconds, "must be above 0 and at most 3600 seconds")
    .that(isWhole(probes, 1, 100), `${at}.probes`, probes, "must be 1 to 100 probes");
}

function checkKept(checks: Checks, at: string, { fill, empty }: NormalTiers): void {
  checks
    .that(isWhole(fill.maxKiB, 1, 1024), `${at}.fill.maxKiB`, fill.maxKiB, "must be 1 to 1024 KiB")
    .that(
      fill.refreshSeconds > 0 && fill.refreshSeconds <= 86_400,
      `${at}.fill.refreshSeconds`,
      fill.refreshSeconds,
      "must be above 0 and at most 86400 seconds",
    )
    .that(isWhole(fill.cacheSeconds, 1, 31_536_000), `${at}.fill.cacheSeconds`, fill.cacheSeconds, "must be 1 to 31536000 whole seconds")
    .that(isWhole(fill.staticSeconds, 1, 31_536_000), `${at}.fill.staticSeconds`, fill.staticSeconds, "must be 1 to 31536000 whole seconds")
    .that(
      (isWhole(empty.status, 200, 299) || isWhole(empty.status, 400, 599)) && !UNSENT.includes(empty.status),
      `${at}.empty.status`,
      empty.status,
      `must be 200 to 299 or 400 to 599, as 204 or 503, and none of ${UNSENT.join(", ")}, which are not for such an answer or nginx' own`,
    )
    .that(MEDIA_TYPE.test(empty.type), `${at}.empty.type`, empty.type, 'must be a media type, as "application/json"')
    .that(
      empty.status !== 204 || empty.body === "",
      `${at}.empty.body`,
      empty.body,
      "must be left out with the status 204, which has none",
    );
}

function checkFilter(checks: Checks, at: string, { filter }: NormalTiers, hasRedis: boolean): void {
  if (!filter) return;
  const { name, pattern, filledKey } = filter;
  const key = "must be 1 to 128 letters, digits, '_', '.', ':' and '-'";
  checks
    .that(hasRedis, at, name, "must be left out without a redis, which holds it")
    .that(REDIS_KEY.test(name), `${at}.name`, name, key)
    .that(REDIS_KEY.test(filledKey), `${at}.filledKey`, filledKey, key)
    .that(hasGroup(pattern), `${at}.pattern`, pattern, "must be a regular expression with a group for the item, as ^/goods/([0-9]+)$");
}

function checkHeaders(checks: Checks, at: string, { personalHeaders }: NormalTiers): void {
  for (const [i, header] of personalHeaders.entries()) {
    checks.that(HEADER_NAME.test(header), `${at}[${i}]`, header, 'must be the name of a header in letters, digits and "-"');
  }
}

/** Whether a regular expression of nginx', which has more than JavaScript's, has a group that captures. What else is wrong with it nginx tells. */
function hasGroup(pattern: string): boolean {
  const bare = pattern.replaceAll(/\\[^]/g, "").replaceAll(/\[\^?\]?(\[:\^?\w+:\]|[^\]])*\]/g, "");
  const isWhole = !bare.includes("[") && bare.split("(").length === bare.split(")").length;
  return isWhole && /\((?![?*])|\(\?(P?<(?![=!])|')/.test(bare);
}
