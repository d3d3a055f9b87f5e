import { describe, expect, it } from "vitest";
import { luaWith } from "./lua";

/** Workers as the others see them at the time 1000; `w` is one of two that has just heard from Consul, but for what is given. */
const PRELUDE = `
  ngx = { now = function() return 1000 end, shared = {} }
  package.preload["ffi"] = function() return { cdef = function() end } end
  package.preload["gateway.json"] = function() return {} end
  function w(given)
    local worker = { generation = 2, count = 2, started = true, exiting = false, since = 500, confirmedAt = 999, askedAt = 999 }
    for name, value in pairs(given or {}) do worker[name] = value end
    if given and given.never then worker.confirmedAt = nil end
    return worker
  end
`;

async function run(script: string): Promise<unknown> {
  return (await luaWith("workers.lua", PRELUDE)).doString(script);
}

describe("the age of the lists", () => {
  it.each([
    ["of the worker for which it is longest ago", "w(), w({ confirmedAt = 950 })", 950],
    [
      "of no worker that is on its way out, or of an earlier generation",
      "w(), w({ confirmedAt = 1, exiting = true }), w({ confirmedAt = 2, generation = 1 })",
      999,
    ],
    ["the dump's for a worker without a word from Consul", "w(), w({ never = true })", 700],
  ])("is that %s", async (_, workers, expected) => {
    expect(await run(`return M.confirmed_at({ ${workers} }, 700)`)).toBe(expected);
  });

  it("is none where a worker has no list at all, or there is no worker", async () => {
    expect(await run("return tostring(M.confirmed_at({ w(), w({ never = true }) }, nil)) .. tostring(M.confirmed_at({}, 700))")).toBe(
      "nilnil",
    );
  });
});

describe("workers", () => {
  it.each([
    ["ask and are told", "w(), w({ confirmedAt = 970, askedAt = 970 })"],
    ["ask while Consul tells nobody anything", "w({ confirmedAt = 100 }), w({ confirmedAt = 100 })"],
    ["have just begun", "w(), w({ never = true, since = 975, askedAt = 980 })"],
    [
      "that do not are on their way out, or of an earlier generation",
      "w(), w({ askedAt = 1, exiting = true }), w({ askedAt = 1, generation = 1 })",
    ],
  ])("follow when they %s", async (_, workers) => {
    expect(await run(`return M.follow({ ${workers} }, 30)`)).toBe(true);
  });

  it.each([
    ["asks no more, also where it is the only one", "w({ confirmedAt = 969, askedAt = 969 })"],
    ["asks and is not told what another is told", "w(), w({ confirmedAt = 968 })"],
    ["has never asked", "w(), w({ never = true, askedAt = false })"],
    ["has never been told anything", "w(), w({ never = true, since = 960 })"],
  ])("do not follow when one %s", async (_, workers) => {
    expect(await run(`return M.follow({ ${workers} }, 30)`)).toBe(false);
  });
});
