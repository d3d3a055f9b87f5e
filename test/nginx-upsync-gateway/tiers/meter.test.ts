import { describe, expect, it } from "vitest";
import { tierModule } from "./nginx";

/**
 * Memory as LuaJIT's ffi shows it, and two clocks: `time` is the worker's, which stands still until it looks (`looks` counts that), and `real`
 * goes on, also while the worker sleeps.
 */
const CLOCKS = `
  real, looks, slept = time, 0, 0
  function ngx.update_time() time, looks = real, looks + 1 end
  local function usleep(microseconds) real, slept = real + microseconds / 1e6, slept + microseconds / 1e6 end
  local function clock(_, found) found[0].seconds, found[0].nanoseconds = math.floor(real), real % 1 * 1e9 end
  package.preload.ffi = function()
    return {
      C = { gateway_sleep = usleep, gateway_clock = clock }, cdef = function() end, sizeof = function() return 40 end,
      new = function() return { [0] = {} } end, typeof = function(name) return name end,
      string = function(record) return string.pack("ddddd", record[0], record[1], record[2], record[3], record[4]) end,
      cast = function(_, bytes)
        local values = {}
        values[0], values[1], values[2], values[3], values[4] = string.unpack("ddddd", bytes)
        return values
      end,
    }
  end
`;

const HELPERS = `
  settings = { rate = 50, capacity = 1000, service = 1, cache = 7, static = 19 }
  bucket = package.loaded["gateway.tiers.bucket"]
  local counted = bucket.take
  -- A request of a worker whose clock says so, at a time that is no earlier.
  function at(clock, now)
    time, real = clock, now or math.max(clock, real)
    return M.take("goods", settings).delay
  end
  -- Of two locations, one that shares its bucket; what Redis says is \`replies\`, or \`err\`.
  settings.together = false
  together = { rate = 50, capacity = 1000, service = 1, cache = 7, static = 19, together = true }
  sharing = package.loaded["gateway.tiers.sharing"]
  sharing.use_settings({ goods = { bucket = settings }, shared = { bucket = together } })
  ngx.config, ngx.sha1_bin, io.open = { prefix = function() return "" end }, function() return "" end, function()
    return { read = function() return "return {}" end, close = function() end }
  end
  M.load()
  function redis.call() return replies, err end
  function ask() return M.take("shared 10.0.0.1", together) end
  -- What happens while one worker has the lock.
  function meanwhile(act)
    function bucket.take(...)
      bucket.take = counted
      act()
      return counted(...)
    end
  end
`;

async function run(script: string): Promise<unknown> {
  return (await tierModule("meter", HELPERS, ["bucket", "quiet", "sharing"], CLOCKS)).doString(script);
}

describe("a bucket that several workers count in", () => {
  /** When the service got each of a burst's requests, in ms from its beginning on: workers look at their clock every so many ms, in the first second. */
  async function burst(busyMs: number): Promise<number[]> {
    const times = (await run(`
      local began, waiting, gone = time, {}, {}
      local function go() table.insert(gone, string.format("%.3f", (real - began) * 1000)) end
      local function ask_again(request)
        local seconds = M.release("goods", settings, request.is_again)
        if seconds == 0 then return go() end
        table.insert(waiting, { due = time + seconds, is_again = true })
      end
      for _ = 1, 51 do
        local place = M.take("goods", settings)
        if place.waits then table.insert(waiting, { due = time + place.wait }) else go() end
      end
      while #waiting > 0 do
        real = real + (time < began + 1 and ${busyMs} or 1) / 1000
        time = real
        local due = {}
        for i = #waiting, 1, -1 do
          if waiting[i].due <= time then table.insert(due, 1, table.remove(waiting, i)) end
        end
        -- What the worker does with each takes its time as well.
        for _, request in ipairs(due) do real = real + 0.0001 ask_again(request) end
      end
      return table.concat(gone, " ")`)) as string;
    return times.split(" ").map(Number);
  }

  it.each([1, 4, 30, 100, 300])("lets no more go in any second than the rate, with workers that look every %i ms", async (busyMs) => {
    const gone = await burst(busyMs);
    expect(gone).toHaveLength(51);
    const most = (ms: number) => Math.max(...gone.map((first) => gone.filter((each) => each >= first && each < first + ms).length));
    expect(most(1000)).toBeLessThanOrEqual(50);
    // Several that a worker came late to do not go at once: in 200 ms there are ten pauses, and both ends.
    expect(most(200)).toBeLessThanOrEqual(11);
    // Nor does it let them wait for much longer than the workers make them.
    expect(Math.max(...gone)).toBeLessThan(busyMs > 20 ? 2500 : 1050);
  });

  it("counts no longer wait than a quarter of a second against those that come then", async () => {
    const late = (ms: number) =>
      run(`at(1000) for _ = 1, ${ms} / 20 do M.release("goods", settings) end
        time, real = 1001, 1001
        return string.format("%.3f", M.take("goods", settings).wait)`);
    expect(await late(1000)).toBe("0.000");
    expect(await late(1200)).toBe("0.000");
    // 71 pauses of 20.1 ms, less a second and that quarter.
    expect(await late(1400)).toBe("0.177");
  });

  it("has no request wait for one that was taken out again", async () => {
    const taken = 'at(1000) time, real = 1000.1, 1000.1 local place = M.take("goods", settings)';
    const next = 'return tostring(M.take("goods", settings).waits)';
    expect(await run(`${taken} M.give_back("goods", place, settings) ${next}`)).toBe("false");
    expect(await run(`${taken} ${next}`)).toBe("true");
    // Somebody else's time is not given away.
    expect(await run(`${taken} time, real = 1000.2, 1000.2 at(1000.2) M.give_back("goods", place, settings) ${next}`)).toBe("true");
  });

  it("has a worker look at the clock whose own stands before what another has counted", async () => {
    // By its own clock nothing would have leaked, and the delay be 0.02.
    expect(await run("at(1000.09) return string.format('%.3f', at(1000, 1000.1))")).toBe("0.010");
    // What comes to it next, and what the log says of that, goes by the same time.
    expect(await run("at(1000.09) at(1000, 1000.1) return time")).toBe(1000.1);
  });

  it("costs no look at the clock where it is not behind", async () => {
    expect(await run("at(1000) at(1000, 1000.01) at(1000.02) return looks")).toBe(0);
  });

  it("leaks no more than the time that has passed, whichever worker counts", async () => {
    const clocks = "for turn = 1, 50 do at(1000 + turn / 100) at(1000, real) end";
    // A hundred less the first and with one more, and 490 ms at 50 a second.
    expect(await run(`${clocks} return string.format("%.3f", at(1000, real) * 50)`)).toBe("75.500");
  });
});

describe("the lock of a bucket", () => {
  it("is kept while its holder has it, however far its clock is behind", async () => {
    // The holder's clock stood still for a second: by that of the other an entry of half a second would be gone.
    expect(await run("meanwhile(function() at(1001) waited = slept end) at(1000) return waited >= 0.5")).toBe(true);
  });

  it("is waited for by the worker as a whole, which counts by the time at which it is its turn", async () => {
    expect(await run("at(1000) meanwhile(function() at(1000) end) at(1000) return time >= 1000.5 and looks > 0")).toBe(true);
  });

  it("is taken over, once, from a worker that died with it", async () => {
    const die = "meanwhile(function() error('killed') end) pcall(at, 1000)";
    expect(await run(`${die} at(1000) return slept >= 0.5 and slept < 0.6`)).toBe(true);
    expect(await run(`${die} at(1000) local before = slept at(1002) return slept - before`)).toBe(0);
  });
});

describe("a bucket that gateways share", () => {
  const REFUSED = "err = \"NOPERM User gateway has no permissions to run the 'evalsha' command\"";
  const COUNTED = 'replies, err = { "service", "0", "0", "1000000" }, nil';

  it("is one of the gateway's own while Redis does not count, and is told to be", async () => {
    expect(await run(`${REFUSED} local place = ask() return tostring(place.tier) .. " " .. tostring(place.together)`)).toBe("service nil");
    expect(await run(`${REFUSED} ask() return sharing.states().shared`)).toBe(false);
    expect(await run('err = "Redis is away" ask() return sharing.states().shared')).toBe(false);
    expect(await run(`${COUNTED} ask() return sharing.states().shared`)).toBe(true);
    // The other one is none of those that could be shared.
    expect(await run("at(1000) return sharing.states().goods == nil")).toBe(true);
  });

  it("is told to be shared again as soon as it is, and by itself once nobody asks", async () => {
    expect(await run(`${REFUSED} ask() ${COUNTED} ask() return sharing.states().shared`)).toBe(true);
    expect(await run(`${REFUSED} ask() time = time + 11 return sharing.states().shared`)).toBe(true);
    expect(await run(`${REFUSED} ask() time = time + 9 ask() time = time + 9 return sharing.states().shared`)).toBe(false);
  });

  it("has the log say once a minute which rights are missing, and nothing of a Redis that is away, of which others tell", async () => {
    expect(await run(`${REFUSED} for _ = 1, 5 do ask() end return #logged .. logged[1]`)).toBe(
      "1gateway: the bucket of shared is not shared; the gateway's user in Redis needs the commands eval, evalsha and time, and the keys gateway:*: NOPERM User gateway has no permissions to run the 'evalsha' command",
    );
    expect(await run('err = "OOM command not allowed" ask() return logged[1]')).toBe(
      "gateway: the bucket of shared is not shared: OOM command not allowed",
    );
    expect(await run(`${REFUSED} ask() time = time + 61 ask() return #logged`)).toBe(2);
    for (const away of ["Redis is away", "timeout", "connection refused", "closed"])
      expect(await run(`err = "${away}" ask() return #logged`)).toBe(0);
  });
});
