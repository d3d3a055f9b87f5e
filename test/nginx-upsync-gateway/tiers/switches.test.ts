import { describe, expect, it } from "vitest";
import { tierModule } from "./nginx";

/** Switches of two locations; `redis_says` and `consul_says` are what the stores have, nil where one is away. */
const HELPERS = `
  redis_says, consul_says = {}, {}
  function redis.call(...)
    local command = { ... }
    if not redis_says then return nil, "Redis is away" end
    local values = {}
    for i = 2, #command do values[i - 1] = redis_says[command[i]] or redis.null end
    return values
  end
  function consul.get(server, path)
    asked = server.host .. path
    if not consul_says then return nil, "refused" end
    if not next(consul_says) then return { status = 404, body = "" } end
    return { status = 200, body = consul_says[1] }
  end
  M.use_settings({
    stores = { "redis", "consul" }, names = { "goods", "order" }, redisPrefix = "sw:", consulPrefix = "switches",
    consul = { { host = "a", port = 1 }, { host = "b", port = 2 } },
  })
  M.start()
  function modes() tick() return M.mode("goods") .. " " .. M.mode("order") end
`;

/** What Consul answers for words by location. */
function inConsul(words: Record<string, string>): string {
  const entries = Object.entries(words).map(([name, word]) => ({ Key: `switches/${name}`, Value: Buffer.from(word).toString("base64") }));
  return `consul_says = { [==[${JSON.stringify(entries)}]==] }`;
}

async function run(script: string): Promise<string> {
  return (await (await tierModule("switches", HELPERS, ["quiet"])).doString(script)) as string;
}

describe("switches", () => {
  it("are auto where nobody has said anything", async () => {
    expect(await run("return modes()")).toBe("auto auto");
  });

  it("are what Redis says, else what Consul says", async () => {
    expect(await run(`redis_says["sw:goods"] = "static" ${inConsul({ goods: "cache", order: "empty" })} return modes()`)).toBe(
      "static empty",
    );
  });

  it("are auto again when their word is gone", async () => {
    expect(await run(`redis_says["sw:goods"] = "static" modes() redis_says = {} return modes()`)).toBe("auto auto");
    expect(await run(`${inConsul({ order: "static" })} modes() consul_says = {} return modes()`)).toBe("auto auto");
  });

  it("stay as they were while their store is away, and Consul can still be written to while Redis is", async () => {
    expect(await run(`redis_says["sw:goods"] = "cache" modes() redis_says = nil ${inConsul({ order: "static" })} return modes()`)).toBe(
      "cache static",
    );
    expect(await run(`${inConsul({ order: "static" })} modes() consul_says = nil return modes()`)).toBe("auto static");
  });

  it("are what Consul says where Redis has been away for 10 s, else what Redis said last, until it is back", async () => {
    const away = `redis_says["sw:goods"] = "cache" redis_says["sw:order"] = "empty" modes() local kept = redis_says redis_says = nil
      ${inConsul({ goods: "service" })} modes()`;
    expect(await run(`${away} time = time + 9.9 return modes()`)).toBe("cache empty");
    expect(await run(`${away} time = time + 10 return modes()`)).toBe("service empty");
    expect(await run(`${away} time = time + 10 modes() redis_says = kept modes() return modes()`)).toBe("cache empty");
    // A failure now and then is none that lasts.
    expect(await run(`${away} redis_says = kept modes() time = time + 10 redis_says = nil return modes()`)).toBe("cache empty");
  });

  it("go to the next of Consul's servers when one does not answer, and say so once a minute", async () => {
    expect(await run(`consul_says = nil tick() tick() local first = asked tick() return first .. " " .. asked .. " " .. #logged`)).toBe(
      "b/v1/kv/switches/?recurse a/v1/kv/switches/?recurse 1",
    );
    expect(await run("consul_says = nil tick() time = time + 61 tick() return tostring(#logged)")).toBe("2");
  });

  it("take no word that they do not know, and say so, with the text", async () => {
    const must = "must be auto, service, cache, static or empty, and stays as it was";
    expect(await run(`redis_says["sw:goods"] = "off" return modes() .. " " .. logged[1]`)).toBe(
      `auto auto gateway: the switch of goods in Redis is "off" and ${must}`,
    );
    expect(await run(`${inConsul({ goods: "a\u0001b".repeat(20) })} modes() return logged[1]`)).toBe(
      `gateway: the switch of goods in Consul is "${"a?b".repeat(20).slice(0, 40)}…" and ${must}`,
    );
    // The same one once a minute, and another one at once.
    const logged = 'local n = 0 for _, line in ipairs(logged) do n = n + (string.find(line, "must") and 1 or 0) end return tostring(n)';
    expect(await run(`redis_says["sw:goods"] = "off" tick() tick() redis_says["sw:goods"] = "on" tick() tick() ${logged}`)).toBe("2");
  });

  it.each(["bogus", "", "Static"])("keep the word that was in force where %j comes after it, until there is none", async (text) => {
    expect(await run(`redis_says["sw:goods"] = "service" modes() redis_says["sw:goods"] = "${text}" return modes()`)).toBe("service auto");
    expect(await run(`${inConsul({ goods: "empty" })} modes() ${inConsul({ goods: text })} return modes()`)).toBe("empty auto");
    expect(
      await run(`redis_says["sw:goods"] = "service" modes() redis_says["sw:goods"] = "${text}" modes() redis_says = {} return modes()`),
    ).toBe("auto auto");
  });

  it("take a word with space around it", async () => {
    expect(await run(`redis_says["sw:goods"] = "\\r\\n static " ${inConsul({ order: "auto\n" })} modes() return modes() .. #logged`)).toBe(
      "static auto1",
    );
    expect(await run(`${inConsul({ order: "cache\n" })} return modes()`)).toBe("auto cache");
  });

  it("forget what a store has said that is not read any more", async () => {
    expect(
      await run(`redis_says["sw:goods"] = "static" modes() timers = {}
        M.use_settings({ stores = { "consul" }, names = { "goods", "order" }, redisPrefix = "sw:", consulPrefix = "switches", consul = { { host = "a", port = 1 } } })
        M.start() return modes()`),
    ).toBe("auto auto");
  });
});
