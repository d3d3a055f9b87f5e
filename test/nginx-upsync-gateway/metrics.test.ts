import { describe, expect, it } from "vitest";
import type { LuaEngine } from "wasmoon";
import { parseExposition, valueOf } from "../stack/support/prometheus";
import { luaWith } from "./lua";

/** Shared memory as nginx has it, and words for what the tests do. */
const PRELUDE = `
  function dict()
    local values = {}
    return {
      incr = function(_, key, by, init) values[key] = (values[key] or init) + by end,
      get = function(_, key) return values[key] end,
      delete = function(_, key) values[key] = nil end,
      get_keys = function() local keys = {} for key in pairs(values) do table.insert(keys, key) end return keys end,
    }
  end
  sharing = {}
  package.preload["gateway.tiers.sharing"] = function() return { states = function() return sharing end } end
  counts = dict()
  ngx = { shared = { gateway_counts = counts, gateway_failures = dict() } }
  connections = { reading = "0", writing = "1", waiting = "2" }
  function peer(address, state) return { address = address, state = state or "up", inFlight = 0 } end
`;

async function run<T = string>(script: string): Promise<T> {
  const lua: LuaEngine = await luaWith("metrics.lua", PRELUDE);
  return (await lua.doString(script)) as T;
}

describe("the page for Prometheus", () => {
  it("has all that is counted, in the format's own grammar", async () => {
    const page = await run(`
      for _ = 1, 3 do M.count("goods", "service", 200) end
      M.count("goods", "limit", 429)
      M.count(nil, "none", 400)
      M.count("lua:hello", "lua", 200)
      M.count("gone", "service", 200)
      M.flush()
      M.count("goods", "service", 200)
      M.flush()
      M.failed("goods", "10.0.0.1:80") M.failed("goods", "10.0.0.1:80")
      return M.render({ goods = { peers = { peer("10.0.0.1:80", "failed"), peer("10.0.0.2:80") } } }, 1.5, connections)
    `);
    const samples = parseExposition(page);
    expect(samples.filter(({ name }) => name === "gateway_requests_total")).toEqual([
      { name: "gateway_requests_total", labels: { upstream: "goods", tier: "limit", status: "429" }, value: 1 },
      { name: "gateway_requests_total", labels: { upstream: "goods", tier: "service", status: "200" }, value: 4 },
      { name: "gateway_requests_total", labels: { upstream: "lua:hello", tier: "lua", status: "200" }, value: 1 },
      { name: "gateway_requests_total", labels: { upstream: "none", tier: "none", status: "400" }, value: 1 },
    ]);
    const first = { upstream: "goods", peer: "10.0.0.1:80" };
    expect([valueOf(samples, "gateway_peer_failures_total", first), valueOf(samples, "gateway_peer_up", first)]).toEqual([2, 0]);
    expect(valueOf(samples, "gateway_peers", { upstream: "goods", state: "failed" })).toBe(1);
    expect(valueOf(samples, "gateway_list_age_seconds")).toBe(1.5);
    expect(valueOf(samples, "gateway_connections", { state: "waiting" })).toBe(2);
  });

  it("tells which of the buckets that gateways are to share is not", async () => {
    const render = "return M.render({ goods = { peers = {} } }, 1, connections)";
    const samples = parseExposition(await run(`sharing = { goods = false, order = true } ${render}`));
    const shared = (upstream: string) => valueOf(samples, "gateway_bucket_shared", { upstream });
    expect([shared("goods"), shared("order")]).toEqual([0, 1]);
    expect(await run(render)).not.toContain("gateway_bucket_shared");
  });

  it("can be read where nothing has happened and no list was ever confirmed", async () => {
    const samples = parseExposition(await run("return M.render({ goods = { peers = {} } }, nil, connections)"));
    expect(valueOf(samples, "gateway_list_age_seconds")).toBe(Infinity);
    expect(samples.filter(({ name }) => name === "gateway_requests_total")).toEqual([]);
  });

  it("has no more series than there are services, tiers and statuses that are known", async () => {
    const samples = parseExposition(
      await run(`
        for status = 0, 999 do M.count("goods", "service", status) end
        M.flush()
        return M.render({ goods = { peers = {} } }, 0, connections)
      `),
    );
    const requests = samples.filter(({ name }) => name === "gateway_requests_total");
    expect(requests.length).toBeLessThan(50);
    expect(requests.reduce((sum, { value }) => sum + value, 0)).toBe(1000);
    expect(valueOf(samples, "gateway_requests_total", { status: "2xx" })).toBe(95);
    expect(valueOf(samples, "gateway_requests_total", { status: "none" })).toBe(500);
  });

  it("forgets services that are no longer routed and peers that have left the list", async () => {
    const samples = parseExposition(
      await run(`
        M.count("order", "service", 200) M.flush()
        M.failed("goods", "10.0.0.1:80")
        M.render({ goods = { peers = { peer("10.0.0.2:80") } } }, 0, connections)
        return M.render({ goods = { peers = { peer("10.0.0.1:80") } } }, 0, connections)
      `),
    );
    expect(valueOf(samples, "gateway_requests_total")).toBe(0);
    expect(valueOf(samples, "gateway_peer_failures_total")).toBe(0);
  });

  it("counts at once what a worker answers on its way out", async () => {
    expect(await run('M.leave() M.count("goods", "service", 200) return counts:get("goods service 200")')).toBe(1);
  });
});

describe("the reader of such pages", () => {
  it.each([
    ["a line that does not end", "# TYPE a gauge\na 1"],
    ["a value without a type", "a 1\n"],
    ["a family in two places", "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na 2\n"],
    ["a series twice", '# TYPE a gauge\na{b="c"} 1\na{b="c"} 2\n'],
    ["a label without quotes", "# TYPE a gauge\na{b=c} 1\n"],
    ["a quote in a label", '# TYPE a gauge\na{b="c"d"} 1\n'],
    ["no number", "# TYPE a gauge\na nan1\n"],
    ["a counter without its ending", "# TYPE a counter\na 1\n"],
  ])("refuses %s", (_, page) => {
    expect(() => parseExposition(page)).toThrow();
  });
});
