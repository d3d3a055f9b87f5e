import { describe, expect, it } from "vitest";
import { tiersOf } from "../../stack/support/leaky-bucket";
import { luaWith } from "../lua";

/** Takes places in a bucket: `at(ms)` is one request, `times(n, ms)` are n at once; what each was given is noted. */
const HELPERS = `
  settings = { rate = 50, capacity = 1000, service = 1, cache = 7, static = 19 }
  state = nil
  last = {}
  function at(ms)
    local tier, after, wait, delay = M.take(state, ms, settings)
    state = after
    last = { tier = tier, wait = wait, delay = delay }
    return tier
  end
  function times(n, ms)
    local counts = { service = 0, cache = 0, static = 0, rejected = 0 }
    for _ = 1, n do
      local tier = at(ms)
      counts[tier] = counts[tier] + 1
    end
    return counts
  end
  -- The delays of requests at these times, as resty.limit.req says them: "rejected" where one does not fit.
  function delays(...)
    local found = {}
    for i, ms in ipairs({ ... }) do
      local before = state and state.excess
      at(ms)
      local refused = last.tier == "rejected" and last.delay * settings.rate > settings.capacity
      found[i] = refused and "rejected" or string.format("%g", last.delay)
    end
    return table.concat(found, " ")
  end
`;

async function run<T = string>(script: string): Promise<T> {
  const lua = await luaWith("tiers/bucket.lua", "");
  await lua.doString(HELPERS);
  return (await lua.doString(script)) as T;
}

/** Settings with no tier in the way of what is looked at. */
const plain = (rate: number, capacity: number) =>
  `settings = { rate = ${rate}, capacity = ${capacity}, service = 0, cache = 1, static = 1e9 }`;

describe("the bucket counts as resty.limit.req does", () => {
  it("and has no delay for the first request, and one of 1/rate for each that is in it", async () => {
    expect(await run(`${plain(2, 10)} return delays(0, 0)`)).toBe("0 0.5");
    expect(await run(`${plain(40, 40)} return delays(0, 0, 0, 0)`)).toBe("0 0.025 0.05 0.075");
  });

  it("and refuses what would be more than the capacity", async () => {
    for (const capacity of [0, 1, 2]) {
      const given = Array.from({ length: capacity + 1 }, (_, n) => n / 2);
      expect(await run(`${plain(2, capacity)} return delays(0, 0, 0, 0)`)).toBe(
        [...given, ...Array.from({ length: 3 - capacity }, () => "rejected")].join(" "),
      );
    }
  });

  it("and takes the first request of an empty bucket however small it is", async () => {
    expect(await run(`${plain(0.1, 0.1)} return delays(0, 0, 0)`)).toBe("0 rejected rejected");
  });

  it("and leaks at the rate, never below nothing", async () => {
    expect(await run(`${plain(2, 10)} return delays(0, 0, 0, 500, 750)`)).toBe("0 0.5 1 1 1.25");
    expect(await run(`${plain(2, 10)} return delays(0, 0, 0, 60000, 60000)`)).toBe("0 0.5 1 0 0.5");
  });

  it("and is changed by no request that it refuses", async () => {
    expect(await run(`${plain(2, 1)} return delays(0, 0, 0, 100, 200, 300, 400, 500)`)).toBe(
      "0 0.5 rejected rejected rejected rejected rejected 0.5",
    );
  });

  it("and does not leak by a worker whose clock is behind", async () => {
    expect(await run(`${plain(2, 10)} return delays(1000, 1000, 990, 1000)`)).toBe("0 0.5 1 1.5");
  });
});

describe("the tiers of a bucket of 50/s and 1000", () => {
  it("take exactly their shares of a burst", async () => {
    expect(await run("return times(5000, 0)")).toEqual({ service: 51, cache: 300, static: 600, rejected: 4049 });
  });

  it("begin where the delay passes their bound, and not before", async () => {
    expect(await run("times(50, 0) at(0) return last.tier .. ' ' .. last.delay .. ' ' .. at(0) .. ' ' .. last.delay")).toBe(
      "service 1.0 cache 1.02",
    );
    expect(await run("times(350, 0) at(0) return last.tier .. ' ' .. last.delay .. ' ' .. at(0)")).toBe("cache 7.0 static");
    expect(await run("times(950, 0) at(0) return last.tier .. ' ' .. last.delay .. ' ' .. at(0)")).toBe("static 19.0 rejected");
  });

  it("give the service its requests one every 20 ms", async () => {
    const waits = "local waits = {} for i = 1, 51 do at(0) waits[i] = string.format('%g', last.wait) end return table.concat(waits, ' ')";
    expect(await run(waits)).toBe(Array.from({ length: 51 }, (_, n) => n / 50).join(" "));
  });

  it("let nobody wait for the service behind requests that others have answered", async () => {
    expect(await run("times(5000, 0) return at(18500) .. ' ' .. last.wait")).toBe("service 0.0");
  });
});

describe("any load", () => {
  it("is given the same tiers as by rules that were written on their own", async () => {
    const settings = { rate: 50, capacity: 1000, delays: { service: 1, cache: 7, static: 19 } };
    // A generator of its own: the same times in every run.
    let seed = 7;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (const rate of [30, 55, 120, 700]) {
      let now = 0;
      const arrivals = Array.from({ length: 3000 }, () => (now += Math.round(-Math.log(random()) * (1000 / rate))));
      const counted = `local counts = { service = 0, cache = 0, static = 0, rejected = 0 }
        for _, ms in ipairs({ ${arrivals.join(", ")} }) do local tier = at(ms) counts[tier] = counts[tier] + 1 end
        return counts`;
      expect(await run(counted), `${rate}/s`).toEqual(tiersOf(arrivals, settings));
    }
  });
});

describe("a load that lasts", () => {
  /** Requests of `seconds` at `rate` a second: the tier of each, and the most that the service got in any second. */
  const load = (rate: number, seconds: number) => `
    local counts, starts = { service = 0, cache = 0, static = 0, rejected = 0 }, {}
    for n = 0, ${rate * seconds} - 1 do
      local ms = n * 1000 / ${rate}
      local tier = at(ms)
      counts[tier] = counts[tier] + 1
      if tier == "service" then table.insert(starts, ms + last.wait * 1000) end
    end
    local most = 0
    for i, start in ipairs(starts) do
      local n = i
      while starts[n + 1] and starts[n + 1] < start + 1000 - 0.001 do n = n + 1 end
      most = math.max(most, n - i + 1)
    end
    counts.most = most
    return counts`;

  it("below the rate is all the service's, without a wait", async () => {
    expect(await run(load(50, 20))).toEqual({ service: 1000, cache: 0, static: 0, rejected: 0, most: 50 });
  });

  it("above it leaves the service its full rate, and never more", async () => {
    const counts = await run<Record<string, number>>(load(500, 60));
    expect(counts.most).toBe(50);
    expect(counts.service).toBeGreaterThan(60 * 50 * 0.98);
    expect(counts.service).toBeLessThanOrEqual(60 * 50 + 51);
  });

  it("slightly above it does so too", async () => {
    const counts = await run<Record<string, number>>(load(60, 300));
    expect(counts.most).toBe(50);
    expect(counts.service).toBeGreaterThan(300 * 50 * 0.95);
  });
});

describe("a request that the service does not get after all", () => {
  it("makes place for another, with its time where nobody has a later one", async () => {
    expect(await run("at(0) at(0) state = M.give_back(state, 20, settings) at(0) return last.delay .. ' ' .. last.wait")).toBe("0.02 0.02");
    expect(await run("at(0) at(0) at(0) state = M.give_back(state, 20, settings) at(0) return last.delay .. ' ' .. last.wait")).toBe(
      "0.04 0.06",
    );
  });
});
