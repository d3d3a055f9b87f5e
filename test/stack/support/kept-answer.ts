import { crc32 } from "node:zlib";
import { operate } from "./redis";

/** Places that a service's answers have in Redis where a gateway's program says nothing of it. */
const PLACES = 1000;

/** When, in seconds since 1970, a Redis was given the answer of a gateway's service to `url`, as `http://10.20.0.21/goods/1`; undefined where it has none. */
export async function keptAt(redis: string, service: string, url: string): Promise<number | undefined> {
  const [about = ""] = (await operate(redis, "GET", `gateway:answer:${service}:${crc32(url) % PLACES}`)).split("\n");
  if (about === "") return undefined;
  const { uri, stored } = JSON.parse(about) as { uri: string; stored: number };
  return uri === url ? stored : undefined;
}

/** Whether it has it. */
export async function isKept(redis: string, service: string, url: string): Promise<boolean> {
  return (await keptAt(redis, service, url)) !== undefined;
}
