import { describe, expect, it } from "vitest";
import { tierModule } from "./nginx";

/** A filter that holds 7, in a server whose run is `run`; `filled` is what the key beside it says. */
const HELPERS = `
  run, filled, questions = "r1", "r1", 0
  function redis.call() return run and "# Server\\r\\nrun_id:" .. run .. "\\r\\n" or nil end
  function redis.pipeline(commands)
    questions = questions + 1
    if not run then return nil, "Redis is away" end
    asked = table.concat(commands[1], " ") .. ", " .. table.concat(commands[2], " ")
    return { commands[1][#commands[1]] == "7" and 1 or 0, filled or redis.null }
  end
  settings = { command = { "FCALL_RO", "bf_exists", "1" }, name = "known", filledKey = "filled", pattern = "^/goods/(%d+)$" }
  M.start()
  function absent(path) return tostring(M.is_absent(settings, path)) end
`;

async function run(script: string): Promise<string> {
  return (await (await tierModule("filter", HELPERS, ["quiet"])).doString(script)) as string;
}

describe("the filter", () => {
  it("denies what it does not hold, in one round trip", async () => {
    expect(await run('tick() return absent("/goods/8") .. " " .. absent("/goods/7") .. " " .. questions .. " " .. asked')).toBe(
      "true false 2 FCALL_RO bf_exists 1 known 7, GET filled",
    );
  });

  it("is not asked for other paths", async () => {
    expect(await run('tick() return absent("/goods/") .. " " .. absent("/goods/8/parts") .. " " .. questions')).toBe("false false 0");
  });

  it("denies nothing by a pattern that matches without its group, or that fails, and says so once a minute", async () => {
    expect(
      await run(
        'tick() settings.pattern = "^/goods/8$" ngx.re.match = function() return { [0] = "/goods/8", false } end return absent("/goods/8")',
      ),
    ).toBe("false");
    const failing = 'tick() ngx.re.match = function() return nil, "pcre2_match() failed" end';
    expect(
      await run(`${failing} local said = absent("/goods/8") .. absent("/goods/8") return said .. " " .. #logged .. " " .. questions`),
    ).toBe("falsefalse 1 0");
    expect(await run(`${failing} local _, why = pcall(M.check, settings) return why`)).toBe(
      "the pattern of the filter known cannot be used: pcre2_match() failed",
    );
  });

  it("denies nothing where nobody has said that it is full, or for another run of the server", async () => {
    expect(await run('filled = nil tick() return absent("/goods/8")')).toBe("false");
    expect(await run('run = "r2" tick() return absent("/goods/8")')).toBe("false");
  });

  it("denies nothing while it is not known which run the server is in", async () => {
    expect(await run('return absent("/goods/8")')).toBe("false");
    expect(await run('tick() time = time + 2 return absent("/goods/8")')).toBe("false");
    expect(
      await run('tick() run = nil local during = absent("/goods/8") tick() run = "r1" return during .. " " .. absent("/goods/8")'),
    ).toBe("false false");
  });
});
