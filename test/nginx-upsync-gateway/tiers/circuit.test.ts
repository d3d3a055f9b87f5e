import { describe, expect, it } from "vitest";
import { tierModule } from "./nginx";

/** A circuit, seen by two workers. */
const HELPERS = `
  settings = { windowSeconds = 10, minimumRequests = 10, errorRate = 0.5, slowSeconds = 2, slowRate = 0.5, openSeconds = 5, probes = 2, probeSeconds = 61 }
  zone = dict()
  circuit = M.new("goods", settings, zone, ngx.now)
  other = M.new("goods", settings, zone, ngx.now)
  function good(n) for _ = 1, n do circuit:record(nil, false, 0.01) end end
  function bad(n) local said for _ = 1, n do said = circuit:record(nil, true, 0.01) or said end return tostring(said) end
  function slow(n) local said for _ = 1, n do said = circuit:record(nil, false, 2) or said end return tostring(said) end
  -- Whether a request gets through, and whether as a probe; probe is the number of the last one.
  function admits(it)
    local ok, number = (it or circuit):admits()
    probe = number or probe
    return tostring(ok) .. " " .. tostring(number ~= nil)
  end
`;

async function run<T = string>(script: string): Promise<T> {
  const lua = await tierModule("circuit", HELPERS);
  return (await lua.doString(script)) as T;
}

describe("a circuit", () => {
  it("is closed and stays so while less fails than allowed", async () => {
    expect(await run("good(11) return bad(10) .. ' ' .. admits() .. ' ' .. circuit:state()")).toBe("nil true false closed");
  });

  it("concludes nothing from a few requests", async () => {
    expect(await run("return bad(9) .. ' ' .. admits()")).toBe("nil true false");
    expect(await run("bad(9) return bad(1) .. ' ' .. admits()")).toBe("opened false false");
  });

  it("opens when half of the requests fail, for every worker, and says so once", async () => {
    expect(await run("good(10) return bad(10) .. ' ' .. bad(1) .. ' ' .. admits(other) .. ' ' .. circuit:state()")).toBe(
      "opened nil false false open",
    );
  });

  it("counts what another worker has counted, once that has told it", async () => {
    const goodElsewhere = "for _ = 1, 11 do other:record(nil, false, 0.01) end";
    expect(await run(`${goodElsewhere} return bad(10)`)).toBe("opened");
    expect(await run(`${goodElsewhere} other:publish() return bad(10) .. ' ' .. bad(1)`)).toBe("nil opened");
    // Or when a request of a later turn ends there.
    expect(await run(`${goodElsewhere} time = time + 0.001 other:record(nil, false, 0.01) return bad(10) .. ' ' .. bad(1)`)).toBe(
      "nil opened",
    );
  });

  it("opens when half of them are slow", async () => {
    expect(await run("good(10) return slow(9) .. ' ' .. slow(1)")).toBe("nil opened");
  });

  it("forgets what lies further back than its window", async () => {
    expect(await run("bad(9) time = time + 10 return bad(1) .. ' ' .. admits()")).toBe("nil true false");
    expect(await run("bad(9) time = time + 9 return bad(1)")).toBe("opened");
  });

  it("lets one probe at a time through once it has been open for its time", async () => {
    expect(await run("bad(10) time = time + 4.9 return admits()")).toBe("false false");
    expect(await run("bad(10) time = time + 5 return circuit:state() .. ' ' .. admits() .. ' ' .. admits(other)")).toBe(
      "probing true true false false",
    );
  });

  it("closes after as many good probes as it takes, and begins to count anew", async () => {
    const probes = "bad(10) time = time + 5 admits() local first = circuit:record(probe, false, 0.01) admits() local second = ";
    expect(
      await run(`${probes} circuit:record(probe, false, 0.01) return tostring(first) .. " " .. tostring(second) .. " " .. admits()`),
    ).toBe("nil closed true false");
    expect(await run(`${probes} circuit:record(probe, false, 0.01) time = time + 1 return bad(9) .. " " .. bad(1)`)).toBe("nil opened");
  });

  it("stays open after a probe that failed or was slow", async () => {
    for (const end of ["true, 0.01", "false, 2"]) {
      expect(await run(`bad(10) time = time + 5 admits() circuit:record(probe, ${end}) return admits() .. " " .. circuit:state()`)).toBe(
        "false false open",
      );
      expect(await run(`bad(10) time = time + 5 admits() circuit:record(probe, ${end}) time = time + 5 return admits()`)).toBe("true true");
    }
  });

  it("sends another probe when one says nothing, or its worker has died", async () => {
    expect(await run("bad(10) time = time + 5 admits() circuit:abandon_probe(probe) return admits()")).toBe("true true");
    expect(
      await run(
        "bad(10) time = time + 5 admits() time = time + 60 local during = admits() time = time + 1 return during .. ' ' .. admits()",
      ),
    ).toBe("false false true true");
  });

  it("takes no word of a probe that it has given up, and leaves the next one alone", async () => {
    const late = "bad(10) time = time + 5 admits() local first = probe time = time + 61 admits()";
    for (const end of ["circuit:record(first, false, 0.01)", "circuit:record(first, true, 0.01)", "circuit:abandon_probe(first)"])
      expect(await run(`${late} ${end} return admits() .. " " .. circuit:state()`), end).toBe("false false probing");
    expect(
      await run(`${late} circuit:record(first, false, 0.01) local said = circuit:record(probe, false, 0.01) return tostring(said)`),
    ).toBe("nil");
  });
});
