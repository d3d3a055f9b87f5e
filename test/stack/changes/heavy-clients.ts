import type { RedisLink } from "../../../apps/shop/src/cache/redis-link";
import { missingKeys, writtenDuring } from "../support/redis";
import { Client, paused } from "./clients";

/** Writes keys into Redis which a replica confirms, and looks for them afterwards. */
export function redisClient(link: RedisLink): Client {
  let turn = 0;
  return async (work) => {
    const { confirmed, longestPause } = await writtenDuring(link, `app:${turn++}`, work, 10);
    const lost = await missingKeys(link, confirmed);
    return { client: "redis", requests: confirmed.length, failures: paused(longestPause), lost, longestPause };
  };
}
