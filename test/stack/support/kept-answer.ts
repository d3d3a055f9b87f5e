import { operate } from "./redis";

/** Whether a Redis has the answer of a gateway's service to `url`, as `http://10.20.0.21/goods/1`. */
export async function isKept(redis: string, service: string, url: string): Promise<boolean> {
  return (await operate(redis, "EXISTS", `gateway:answer:${service}:${url}`)) === "1";
}
