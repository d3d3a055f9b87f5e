/** A Redis cache, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import { Host, Placement, RedisCache, RedisCacheArgs, ServiceNetwork } from "../../../../components";

const config = new pulumi.Config("dockyard");
const { subnet, first, sentinel } = config.requireObject<{ subnet: string; first: string; sentinel: string }>("network");
const { given = {}, ...settings } = config.requireObject<Omit<RedisCacheArgs, "network"> & { given?: Readonly<Record<string, string>> }>(
  "redis",
);
const users = settings.users?.map((user) => {
  const password = given[user.name];
  return password === undefined ? user : { ...user, password: pulumi.secret(password) };
});

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet,
  addresses: { cache: first, "cache-sentinel": sentinel },
});
const cache = new RedisCache("cache", { network, ...settings, users });

export const published = cache.published.map(String);
export const passwords = Object.fromEntries((users ?? []).map(({ name }) => [name, cache.password(name)]));
