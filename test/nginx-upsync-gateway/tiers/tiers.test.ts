import { describe, expect, it } from "vitest";
import { tierModule } from "./nginx";

/** One location, `goods`, whose tiers below have an answer for everything; `ask()` is a request's access phase and says who answers. */
const HELPERS = `
  method, mode, vars = "GET", "auto", { gateway_url = "http://a/goods/1?x" }
  ngx.var = vars
  ngx.header, ngx.status = {}, 0
  ngx.req = { get_method = function() return method end, clear_header = function(name) table.insert(calls, name) end }
  function ngx.req.get_headers()
    local headers = {}
    for name, value in pairs(vars) do
      local header = string.match(name, "^http_(.*)")
      if header then headers[string.gsub(header, "_", "-")] = value end
    end
    return headers
  end
  function ngx.req.http_version() return 1.1 end
  function ngx.req.get_body_data() return body end
  function ngx.req.get_body_file() return body_file end
  function ngx.req.read_body() table.insert(calls, "read") end
  ngx.exit, ngx.print = function() end, function() end
  function ngx.sleep(seconds) table.insert(calls, tostring(seconds)) end
  M.init({
    switches = {}, files = {},
    locations = { goods = {
      key = "location", bucket = { service = 1, static = 19 }, empty = { status = 204, body = "" }, fill = { staticSeconds = 100, maxBytes = 1024 * 1024 },
      personal = { "authorization", "cookie", "x-api-key" },
      circuit = {
        windowSeconds = 10, minimumRequests = 1, errorRate = 0.5, slowSeconds = 2, slowRate = 0.5,
        openSeconds = 5, probes = 1, probeSeconds = 61,
      },
    } },
  })
  -- A request's end: its status, and what nginx says of the service.
  function answered(status, addr, header, response)
    ngx.status = status
    vars.upstream_addr, vars.upstream_header_time, vars.upstream_response_time = addr, header, response
    M.header("goods") M.finish()
    return M.state().goods.circuit
  end
  function ask() ngx.ctx, ngx.header, vars.gateway_tier = {}, {}, "service" M.access("goods") return vars.gateway_tier end
`;

const STORES = `
  tier, calls = "service", {}
  withdrawn = false
  package.preload["gateway.tiers.withdrawals"] = function() return { is_left = function() return withdrawn end } end
  local function kept(name, uri) asked_for = uri return { headers = {}, body = "kept", stored = 900 } end
  package.preload["gateway.answerer"] = function() return { tier = function() return vars.gateway_tier end } end
  package.preload["gateway.tiers.cache"] = function() return { get = kept, use_settings = function() end } end
  package.preload["gateway.tiers.files"] = function() return { get = kept, use_settings = function() end } end
  package.preload["gateway.tiers.fill"] = function()
    -- Each answer is collected, where there is room for it.
    local function begin(_, context, _, has_space) context.chunks = has_space and {} or nil end
    return { begin = begin, finish = function() end }
  end
  package.preload["gateway.tiers.filter"] = function() return {} end
  package.preload["gateway.tiers.meter"] = function()
    local function take() table.insert(calls, "take") return { tier = tier, wait = 0, waits = waits, delay = 0 } end
    local function release(_, _, is_again) table.insert(calls, is_again and "again" or "release") return table.remove(waits, 1) or 0 end
    return { SHORTEST_PAUSE = 0.001, release = release, load = function() end, delay = function() return 0 end, take = take }
  end
  package.preload["gateway.tiers.switches"] = function()
    return { use_settings = function() end, mode = function() return mode end }
  end
`;

async function run(script: string): Promise<string> {
  return (await (
    await tierModule("tiers", HELPERS, ["circuit", "quiet", "reply", "sharing", "unkeyed"], STORES)
  ).doString(script)) as string;
}

describe("a request that the service has no time for", () => {
  it("is given what was kept", async () => {
    expect(await run('tier = "cache" return ask()')).toBe("cache");
    expect(await run('mode = "static" return ask()')).toBe("static");
    // What Redis has and is still to be taken out of it is passed by.
    expect(await run('withdrawn, tier = true, "cache" return ask()')).toBe("static");
    expect(await run('method, mode = "HEAD", "static" return ask()')).toBe("static");
  });

  it.each(["http_authorization", "http_cookie", "http_x_api_key"])("is refused where it says who asks, by %s", async (variable) => {
    expect(await run(`vars.${variable} = "x" tier = "cache" return ask()`)).toBe("rejected");
    expect(await run(`vars.${variable} = "" mode = "static" return ask()`)).toBe("rejected");
  });

  it("is given what nobody may take for fresh", async () => {
    for (const from of ["cache", "static"])
      expect(await run(`tier = "${from}" ask() return ngx.header["Cache-Control"] .. " " .. ngx.header.Age`)).toBe(
        "max-age=0, must-revalidate 100",
      );
  });

  it("is given no file that is older than it may be", async () => {
    expect(await run('mode = "static" time = 1000.5 return ask()')).toBe("empty");
  });

  it("is given what was kept for the same scheme, host and query", async () => {
    expect(await run('tier = "cache" ask() return asked_for')).toBe("http://a/goods/1?x");
    expect(await run('vars.gateway_url, mode = "https://b/goods/1?x", "static" ask() return asked_for')).toBe("https://b/goods/1?x");
  });

  it("is refused where its body is a part of the question", async () => {
    expect(await run('vars.http_content_length, body, tier = "2", "{}", "cache" return ask()')).toBe("rejected");
    expect(await run('vars.http_transfer_encoding, body_file, mode = "chunked", "/tmp/1", "static" return ask()')).toBe("rejected");
  });

  it("is refused where it would change something", async () => {
    expect(await run('method, tier = "POST", "cache" return ask()')).toBe("rejected");
  });
});

describe("the circuit", () => {
  it("is told how long the service took, whatever its client took", async () => {
    expect(await run('ask() time = time + 30 return answered(200, "a", "0.010", "0.020")')).toBe("closed");
    expect(await run('ask() return answered(200, "a", "2.010", "2.020")')).toBe("open");
    expect(await run('ask() return answered(200, "a, b", "-, 0.300", "1.800, 0.400")')).toBe("open");
    expect(await run('ask() return answered(500, "a", "0.010", "0.020")')).toBe("open");
  });

  it("is told nothing of what never reached the service", async () => {
    for (const status of [400, 408, 413, 500]) expect(await run(`ask() return answered(${status})`)).toBe("closed");
    expect(await run('ask() return answered(499, "a", "-", "1.0")')).toBe("closed");
    expect(await run('ask() return answered(499, "a", "-", "2.0")')).toBe("open");
  });

  it("has a probe end when the answer begins, not when its client has taken it", async () => {
    const opened = 'ask() answered(500, "a", "0.010", "0.020") time = time + 5 ask()';
    const begin = 'ngx.status, vars.upstream_addr, vars.upstream_header_time = 200, "a", "0.010" M.header("goods")';
    expect(await run(`${opened} return M.state().goods.circuit`)).toBe("probing");
    expect(await run(`${opened} ${begin} return M.state().goods.circuit`)).toBe("closed");
    // And is told of it once.
    expect(await run(`${opened} ${begin} ngx.status = 500 M.finish() return M.state().goods.circuit`)).toBe("closed");
  });

  it("has a probe end that its client left, so that there may be another", async () => {
    const left = 'ask() answered(500, "a", "0.010", "0.020") time = time + 5 ask() ngx.status = 499';
    expect(await run(`${left} vars.upstream_header_time, vars.upstream_response_time = "-", "0.1" M.finish() return ask()`)).toBe(
      "service",
    );
  });

  it("and the bucket see a request once its body is there", async () => {
    expect(await run('method, vars.http_content_length = "POST", "2" ask() return table.concat(calls, " ")')).toBe("read take");
  });
});

describe("a request on its way to the service", () => {
  it("says nothing by which an answer is not kept, where its answer may be", async () => {
    const sent = 'local said = " " .. table.concat(calls, " ") .. " " return said';
    for (const header of [
      "accept-encoding",
      "forwarded",
      "x-forwarded-prefix",
      "x-forwarded-uri",
      "x-forwarded-made-up",
      "x-original-method",
      "x-http-host-override",
      "x-host",
      "x-original-url",
      "x-rewrite-url",
      "x-http-method-override",
    ]) {
      const given = `vars.http_accept, vars.http_${header.replaceAll("-", "_")} = "*/*", "x"`;
      expect(await run(`${given} ask() ${sent}`)).toBe(` take ${header} `);
      expect(await run(`${given} vars.http_cookie = "a=b" ask() ${sent}`)).toBe(" take ");
    }
  });

  it("keeps what the gateway sets itself, what only looks like it, and what it was asked for", async () => {
    for (const header of [
      "x-forwarded-for",
      "x-forwarded-host",
      "x-forwarded-proto",
      "x-forwardedness",
      "an-x-original-url",
      "override",
      "range",
    ])
      expect(await run(`vars.http_${header.replaceAll("-", "_")} = "x" ask() return table.concat(calls, " ")`)).toBe("take");
  });

  it("is looked at by its headers' names also once more of them were made up than are remembered", async () => {
    const made = 'for i = 1, 1100 do unkeyed.has("x-made-up-" .. i) end local unkeyed_now = unkeyed.has("x-original-late")';
    expect(
      await run(`local unkeyed = package.loaded["gateway.tiers.unkeyed"] ${made} return unkeyed_now and not unkeyed.has("x-late")`),
    ).toBe(true);
  });
});

describe("a request that waits for its time", () => {
  it("waits again as often as it is told to, and then goes to the service", async () => {
    const said = 'return ask() .. ": " .. table.concat(calls, " ")';
    expect(await run(`waits = { 0.25, 0.0004 } ${said}`)).toBe("service: take release 0.25 again 0.001 again");
    expect(await run(`waits = {} ${said}`)).toBe("service: take release");
    expect(await run(said)).toBe("service: take");
  });
});

describe("an answer of the service", () => {
  it("is collected while no more than 8 MiB are, and again once others have ended", async () => {
    const began = `
      local open = {}
      function begin() ask() ngx.status = 200 M.header("goods") table.insert(open, ngx.ctx) return ngx.ctx.chunks ~= nil end
      function finish() ngx.ctx = table.remove(open, 1) M.finish() end
      local collected = 0
      for _ = 1, 12 do if begin() then collected = collected + 1 end end
      finish()`;
    expect(await run(`${began} return collected .. tostring(begin()) .. tostring(begin())`)).toBe("8truefalse");
  });
});
