import { describe, expect, it } from "vitest";
import type { LuaEngine } from "wasmoon";
import { luaWith } from "./lua";

/** A group with a clock at `time`, and short words for what the tests do with it. */
const HELPERS = `
  time = 1000
  group = M.new(function() return time end, "goods")

  -- list("a", { "b", weight = 2 }) replaces the group's list.
  function list(...)
    local entries = {}
    for i, given in ipairs({ ... }) do
      local peer = type(given) == "table" and given or { given }
      entries[i] = {
        address = peer[1], host = peer[1], port = 80, weight = peer.weight or 1, max_fails = peer.max_fails or 2,
        fail_timeout = 10, down = peer.down or false, backup = peer.backup or false,
      }
    end
    group:update(entries)
  end

  -- The addresses that n requests in a row are given.
  function picks(n, tried)
    local addresses = {}
    for i = 1, n do
      local peer = group:pick(tried)
      addresses[i] = peer and peer.address or "-"
    end
    return table.concat(addresses, " ")
  end

  function peer(address) return group.by_address[address] end
  function fail(address, times) for _ = 1, times or 1 do group:failed(peer(address)) end end
  function shares(n)
    local count = {}
    for address in string.gmatch(picks(n), "%S+") do count[address] = (count[address] or 0) + 1 end
    return count
  end
`;

async function run<T = string>(script: string): Promise<T> {
  const lua: LuaEngine = await luaWith("roundrobin.lua");
  await lua.doString(HELPERS);
  return (await lua.doString(script)) as T;
}

describe("round robin", () => {
  it("takes peers of the same weight in turn", async () => {
    expect(await run('list("a", "b", "c") return picks(7)')).toBe("a b c a b c a");
  });

  it("spreads the heavier peer's turns, in nginx's own order", async () => {
    expect(await run('list({ "a", weight = 5 }, "b", "c") return picks(7)')).toBe("a a b a c a a");
  });

  it("gives each peer exactly its weight's share", async () => {
    expect(await run('list({ "a", weight = 5 }, { "b", weight = 3 }, { "c", weight = 2 }) return shares(1000)')).toEqual({
      a: 500,
      b: 300,
      c: 200,
    });
  });

  it("leaves out peers that are down", async () => {
    expect(await run('list("a", { "b", down = true }) return picks(3)')).toBe("a a a");
  });

  it("has nobody to give when all are down", async () => {
    expect(await run('list({ "a", down = true }) return picks(1)')).toBe("-");
  });

  it("never gives a request the same peer again while there is another", async () => {
    expect(await run('list("a", "b") local first = group:pick() return first.address .. " " .. picks(3, { [first] = true })')).toBe(
      "a b b b",
    );
  });

  it("gives a request its only peer again", async () => {
    expect(await run('list("a") return picks(1, { [peer("a")] = true })')).toBe("a");
  });
});

describe("backups", () => {
  it("serve nothing while a primary can", async () => {
    expect(await run('list("a", { "b", backup = true }) return picks(3)')).toBe("a a a");
  });

  it("serve while the primaries are down, failed or tried", async () => {
    expect(await run('list({ "a", down = true }, { "b", backup = true }) return picks(2)')).toBe("b b");
    expect(await run('list("a", { "b", backup = true }) fail("a", 2) return picks(2)')).toBe("b b");
    expect(await run('list("a", { "b", backup = true }) return picks(1, { [peer("a")] = true })')).toBe("b");
  });
});

describe("failures", () => {
  it("below max_fails keep a peer in", async () => {
    expect(await run('list("a", "b") fail("a") return shares(4)')).toEqual({ a: 2, b: 2 });
  });

  it("take a peer out for fail_timeout, then one request probes it", async () => {
    expect(await run('list("a", "b") fail("a", 2) time = time + 10 return picks(3)')).toBe("b b b");
    expect(await run('list("a", "b") fail("a", 2) time = time + 10.5 local after = picks(4) return after')).toMatch(/^a b b b$|^b a b b$/);
  });

  it("say once that they have taken a peer out", async () => {
    expect(
      await run(
        'list("a") local a = peer("a") return tostring(group:failed(a)) .. " " .. tostring(group:failed(a)) .. " " .. tostring(group:failed(a))',
      ),
    ).toBe("false true false");
  });

  it("are forgotten when the probe succeeds, and not by a request from before", async () => {
    expect(await run('list("a", "b") fail("a", 2) group:succeeded(peer("a")) return peer("a").fails')).toBe(2);
    expect(
      await run(
        'list("a", "b") fail("a", 2) time = time + 11 picks(2) group:succeeded(peer("a")) return peer("a").fails .. " " .. picks(4)',
      ),
    ).toMatch(/^0 .*a.*a/);
  });

  it("never count with max_fails 0", async () => {
    expect(await run('list({ "a", max_fails = 0 }, "b") fail("a", 9) return shares(4).a')).toBe(2);
  });

  it("are ignored once all peers have them: a try may succeed, an error page cannot", async () => {
    expect(await run('list("a", "b") fail("a", 2) fail("b", 2) return shares(10)')).toEqual({ a: 5, b: 5 });
  });

  it("lower a heavy peer's share for a while", async () => {
    const counts = await run<{ a: number; b: number }>(
      'list({ "a", weight = 10, max_fails = 5 }, { "b", weight = 10 }) fail("a", 4) return shares(10)',
    );
    expect(counts.a).toBeLessThan(counts.b);
    expect(await run('list({ "a", weight = 10, max_fails = 5 }, { "b", weight = 10 }) fail("a", 4) picks(40) return shares(100)')).toEqual({
      a: 50,
      b: 50,
    });
  });
});

describe("a changed list", () => {
  it("keeps the turns, failures and requests of the peers that stay", async () => {
    const kept =
      'list("a", "b", "c") picks(1) group:acquire(peer("a")) fail("b", 2) list("a", "b", "d") return peer("a").in_flight .. " " .. peer("b").fails .. " " .. picks(2)';
    expect(await run(kept)).toBe("1 2 d a");
  });

  it("takes new attributes over at once", async () => {
    expect(await run('list("a", "b") list({ "a", weight = 3 }, "b") return shares(8)')).toEqual({ a: 6, b: 2 });
    expect(await run('list("a", "b") list({ "a", backup = true }, "b") return picks(2)')).toBe("b b");
  });

  it("drains the peer that it drops until its last request has ended", async () => {
    const draining = `
      list("a", "b")
      local a = peer("a")
      group:acquire(a) group:acquire(a)
      list("b")
      local seen = { tostring(group.draining.a ~= nil), picks(2) }
      group:release(a)
      table.insert(seen, tostring(group.draining.a ~= nil))
      group:release(a)
      table.insert(seen, tostring(group.draining.a ~= nil))
      return table.concat(seen, " ")`;
    expect(await run(draining)).toBe("true b b true false");
  });

  it("drops a peer without requests at once", async () => {
    expect(await run('list("a", "b") list("b") return tostring(next(group.draining))')).toBe("nil");
  });

  it("takes a peer back that still drains, with its requests and without its failures", async () => {
    const back =
      'list("a", "b") local a = peer("a") group:acquire(a) fail("a", 2) list("b") list("a", "b") return tostring(peer("a") == a) .. " " .. a.in_flight .. " " .. a.fails .. " " .. tostring(next(group.draining))';
    expect(await run(back)).toBe("true 1 0 nil");
  });

  it("counts the peers that a request can be given", async () => {
    expect(await run('list("a", { "b", down = true }, { "c", backup = true }) return group.usable')).toBe(2);
  });
});
