import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { nameOnEngines } from "../../components/core/naming";
import { RedisCache } from "../../components/redis-cache/redis-cache";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();

describe("what a component is called on its engines", () => {
  it.each<[string, pulumi.ComponentResourceOptions | undefined]>([
    ["store", undefined],
    ["store", { aliases: [] }],
    ["store", { aliases: [{ project: "other" }] }],
    ["cache", { aliases: [{ name: "cache" }] }],
    ["cache", { aliases: [{ name: "kept" }, { name: "cache" }] }],
    ["cache", { aliases: ["urn:pulumi:dev::shop::dockyard:index:RedisCache::cache"] }],
  ])("is %s with %o", (expected, opts) => {
    expect(nameOnEngines("store", opts)).toBe(expected);
  });

  it("cannot come of an alias that is known only while the deployment runs", () => {
    const remedy = 'must be a text or an object with a text as its name: names on the engines come of it, got "an output"';
    expect(() => nameOnEngines("store", { aliases: [{}, pulumi.output("urn")] })).toThrow(`store.aliases[1]: ${remedy}`);
    expect(() => nameOnEngines("store", { aliases: [{ name: pulumi.output("cache") }] })).toThrow(`store.aliases[0].name: ${remedy}`);
  });

  it("is what all of its resources but itself are called", async () => {
    const network = emptyNetwork({ cache: "10.89.0.31" });
    new RedisCache("store", { network, users: [{ name: "goods" }] }, { aliases: [{ name: "cache" }] });
    const names = (await settled(registered)).filter(({ type }) => !/Provider|Network/.test(type)).map(({ name }) => name);
    expect(names).toContain("cache-1-data");
    expect(names.filter((name) => name.includes("store"))).toEqual(["store"]);
  });
});
