import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { luaWith } from "./lua";

/** The modules below the one that is tested, as it asks for them. */
const MODULES = ["sentinels", "redis_login", "redis_pool"]
  .map((name) => [name, readFileSync(join(__dirname, `../../components/nginx-upsync-gateway/lua/${name}.lua`), "utf8")] as const)
  .map(([name, text]) => `package.preload["gateway.${name}"] = function() ${text}\nend`)
  .join("\n");

/**
 * Servers by address, as the library's connections see them: `servers[address]` is the role that the server says it has, or nil where nothing
 * listens. A password other than "secret" is refused; `frozen[address]` has it accept connections and say nothing.
 */
const NGINX = `
  clock, logged, sent, opened, pooled, servers, frozen, zone = 0, {}, {}, 0, {}, {}, {}, {}
  replies, password, repeated, soon = {}, "secret", {}, {}
  unpack = table.unpack
  ngx = {
    null = {}, WARN = "warn", NOTICE = "notice",
    now = function() return clock end,
    -- By how much the worker is behind its own clock.
    update_time = function() clock = clock + (busy_for or 0) end,
    timer = {
      every = function(_, call) table.insert(repeated, call) return true end,
      at = function(_, call) table.insert(soon, call) return true end,
    },
    log = function(level, ...) table.insert(logged, level .. " " .. table.concat({ ... })) end,
    config = { prefix = function() return "/etc/gateway/" end },
    shared = { gateway_redis = { add = function(_, key, _, ttl)
      if zone[key] and zone[key] > clock then return false, "exists" end
      zone[key] = clock + ttl
      return true
    end } },
  }
  io = { open = function() return { read = function(_, what) return what == "*l" and "secret" or "secret\\n" end, close = function() end } end }

  local function answer(connection, command)
    local address, name = connection.address, command[1]
    table.insert(sent, address .. " " .. table.concat(command, " "))
    if name == "auth" then
      if command[3] ~= password then return { false, "WRONGPASS invalid" } end
      return "OK"
    end
    if name == "role" then return { servers[address] } end
    if name == "sentinel" then
      if not primary then return ngx.null end
      return primary
    end
    local reply = table.remove(replies, 1)
    if reply == "READONLY" then return { false, "READONLY You can't write against a read only replica." } end
    if reply == "ERR" then return { false, "ERR wrong" } end
    return reply or "OK"
  end

  local methods = {
    set_timeout = function() end,
    connect = function(self, host, port, options)
      self.address = host .. ":" .. math.tointeger(port)
      looks = (looks or 0) + 1
      if not servers[self.address] then return nil, "connection refused" end
      if silent then return nil, "timeout" end
      local waits = queued and table.remove(queued, 1)
      if waits then
        clock = clock + 0.5
        waits()
        return nil, "timeout"
      end
      if busy then return nil, "too many waiting connect operations" end
      self.options = options
      local pool = pooled[self.address] or 0
      -- The pools of before an answer that was late are others by name.
      if options and kept_in and kept_in ~= options.pool then pool = 0 end
      kept_in = options and options.pool or kept_in
      self.reused = options and pool > 0 and 1 or 0
      if self.reused == 1 then pooled[self.address] = pool - 1 else opened = opened + 1 end
      return 1
    end,
    get_reused_times = function(self) return self.reused end,
    set_keepalive = function(self) pooled[self.address] = (pooled[self.address] or 0) + 1 return 1 end,
    close = function(self) closed = (closed or 0) + 1 end,
    init_pipeline = function(self) self.queue = {} end,
    commit_pipeline = function(self)
      if frozen[self.address] then
        if meanwhile then meanwhile() end
        return nil, "timeout"
      end
      local list = {}
      for i, command in ipairs(self.queue) do list[i] = answer(self, command) end
      self.queue = nil
      return list
    end,
  }
  local client = { new = function()
    return setmetatable({}, { __index = function(_, name)
      if methods[name] then return methods[name] end
      return function(self, ...)
        local command = { name, ... }
        if rawget(self, "queue") then table.insert(self.queue, command) return end
        if held then held = nil methods_late() return nil, "timeout" end
        if frozen[self.address] or broken then broken = nil return nil, "timeout" end
        local reply = answer(self, command)
        if type(reply) == "table" and reply[1] == false then return false, reply[2] end
        return reply
      end
    end })
  end }
  package.preload["nginx.redis"] = function() return client end
  package.preload["ngx.semaphore"] = function() return { new = function() end } end
`;

/** What the Lua code returns as one string, with the module told of these servers. */
async function run(code: string, { endpoints = ["10.0.0.1"], sentinels = [] as string[] } = {}): Promise<string> {
  const lua = await luaWith("redis.lua", `${NGINX}\n${MODULES}`);
  const list = (hosts: readonly string[], port: number) => `{ ${hosts.map((host) => `{ host = "${host}", port = ${port} }`).join(", ")} }`;
  return (await lua.doString(`
    for _, server in ipairs(${list(endpoints, 6379)}) do servers[server.host .. ":6379"] = "master" end
    M.use_settings({ servers = ${list(endpoints, 6379)}, sentinels = ${list(sentinels, 26379)}, primaryName = "cache",
      user = "edge", passwordFile = "redis.password", connections = 4, timeoutMs = 500 })
    M.start()
    -- The worker's look, twice a second, and the one that comes at once.
    function probe() clock = clock + 0.5 for _, call in ipairs(repeated) do call(false) end end
    function at_once() local calls = soon soon = {} for _, call in ipairs(calls) do call(false) end return #calls end
    ${code}`)) as string;
}

const THREE = { endpoints: ["10.0.0.1", "10.0.0.2"], sentinels: ["10.0.0.7", "10.0.0.8"] };
const SENTINELS = `servers["10.0.0.7:26379"] = "sentinel" servers["10.0.0.8:26379"] = "sentinel"`;

describe("the gateway's calls to Redis", () => {
  it("log in once and keep the connection", async () => {
    const sent = await run(`M.call("GET", "a") M.call("SET", "b", 1) return table.concat(sent, "\\n") .. "\\n" .. opened`);
    expect(sent.split("\n")).toEqual([
      "10.0.0.1:6379 auth edge secret",
      "10.0.0.1:6379 role",
      "10.0.0.1:6379 get a",
      "10.0.0.1:6379 set b 1",
      "1",
    ]);
  });

  it("need no library in the image where there is no Redis", async () => {
    const lua = await luaWith("redis.lua", `${NGINX} package.preload["nginx.redis"] = nil\n${MODULES}`);
    expect(await lua.doString(`M.use_settings(nil) local _, why = M.call("GET", "a") return why`)).toBe("the gateway has no Redis");
    await expect(lua.doString(`M.load_client()`)).rejects.toThrow("module 'nginx.redis' not found");
  });

  it("give nil for what is absent, and the server's own words for what it refuses", async () => {
    expect(
      await run(`replies = { ngx.null, "ERR" }
        local absent, none = M.call("GET", "a")
        local refused, why = M.call("GET", "b")
        return tostring(absent) .. " " .. tostring(none) .. " " .. tostring(refused) .. " " .. why .. " " .. opened`),
    ).toBe("nil nil nil ERR wrong 1");
  });

  it("go together in one round trip", async () => {
    expect(
      await run(`replies = { 7, ngx.null, 1, "ERR" }
        local list = M.pipeline({ { "INCR", "hits" }, { "GET", "a" } })
        local failed, why = M.pipeline({ { "INCR", "hits" }, { "HGET", "hits", "x" } })
        return list[1] .. " " .. tostring(list[2] == M.null) .. " " .. tostring(failed) .. " " .. why`),
    ).toBe("7 true nil HGET: ERR wrong");
  });

  it("fail at once while Redis is away, try again after a pause, and log it once a minute", async () => {
    expect(
      await run(`servers["10.0.0.1:6379"] = nil
        local results = {}
        for _ = 1, 5 do
          local _, why = M.call("GET", "a")
          table.insert(results, why)
          clock = clock + 20
          probe()
        end
        servers["10.0.0.1:6379"] = "master"
        probe()
        table.insert(results, tostring(M.call("GET", "a")))
        return table.concat(results, ", ") .. "\\n" .. table.concat(logged, "\\n")`),
    ).toBe(
      [
        "Redis is away, Redis is away, Redis is away, Redis is away, Redis is away, OK",
        "warn gateway: Redis is away: 10.0.0.1:6379: connection refused",
        "warn gateway: Redis is away: 10.0.0.1:6379: connection refused",
        "notice gateway: Redis answers again at 10.0.0.1:6379",
      ].join("\n"),
    );
    expect(
      await run(`servers["10.0.0.1:6379"] = nil
        M.call("GET", "a")
        servers["10.0.0.1:6379"] = "master"
        clock = 3600
        local _, why = M.call("GET", "a")
        probe()
        return why .. " " .. tostring(M.call("GET", "a")) .. " " .. #sent`),
    ).toBe("Redis is away OK 3");
  });

  it("never keep a connection after an answer that did not come", async () => {
    expect(
      await run(`M.call("GET", "a")
        broken = true
        local reply, why = M.call("GET", "b")
        return tostring(reply) .. " " .. why .. " " .. closed .. " " .. pooled["10.0.0.1:6379"]`),
    ).toBe("nil timeout 1 0");
  });

  it("are refused, but Redis is not taken for away, when all connections are in use", async () => {
    expect(
      await run(`M.call("GET", "a") busy = true
        local _, why = M.call("GET", "b")
        busy = false
        return why .. ", " .. tostring(M.call("GET", "c")) .. ", " .. #logged`),
    ).toBe("too many waiting connect operations, OK, 0");
  });

  it("find Redis away when it accepts connections and says nothing", async () => {
    expect(await run(`frozen["10.0.0.1:6379"] = true local _, why = M.call("GET", "a") return why .. ", " .. logged[1]`)).toBe(
      "Redis is away, warn gateway: Redis is away: 10.0.0.1:6379: timeout",
    );
  });

  it("look for a Redis that says nothing from the background alone, and wait for none of it", async () => {
    const down = `frozen["10.0.0.1:6379"] = true M.call("GET", "a")`;
    // Any time later, and while the worker looks.
    expect(await run(`${down} looks = 0 for _ = 1, 100 do clock = clock + 1 M.call("GET", "a") end return looks .. " " .. #logged`)).toBe(
      "0 1",
    );
    expect(
      await run(`${down} local whys = {}
        meanwhile = function() local before = looks local _, why = M.call("GET", "a") table.insert(whys, why .. " " .. looks - before) end
        probe() return table.concat(whys, ", ")`),
    ).toBe("Redis is away 0");
    // One look at a time.
    expect(await run(`${down} looks = 0 meanwhile = function() probe() end probe() return tostring(looks)`)).toBe("1");
    expect(await run(`${down} frozen = {} probe() looks = 0 probe() return tostring(M.call("GET", "a")) .. " " .. looks`)).toBe("OK 1");
  });

  it("are back at once where a single command took too long, without a word in the log", async () => {
    const late = `M.call("GET", "a") broken = true M.call("KEYS", "*")`;
    expect(
      await run(`${late} local _, why = M.call("GET", "a") at_once()
        return why .. " " .. tostring(M.call("GET", "a")) .. " " .. #logged`),
    ).toBe("Redis is away OK 0");
    expect(await run(`${late} return at_once() .. " " .. at_once()`)).toBe("1 0");
    // Such a look that was lost is made up for by the next one.
    expect(await run(`${late} soon = {} probe() return M.call("GET", "a")`)).toBe("OK");
  });

  it("take an answer that was late from before Redis came back for no sign that it is away again", async () => {
    const late = `methods_late = function() frozen = {} broken = true M.call("GET", "other") at_once() end`;
    expect(
      await run(`M.call("GET", "a") ${late} held = true M.call("GET", "a") return tostring(M.call("GET", "b")) .. " " .. at_once()`),
    ).toBe("OK 0");
  });

  it("find Redis away when it does not take a connection in time", async () => {
    expect(await run(`M.call("GET", "a") silent = true looks = 0 local _, why = M.call("GET", "a") return why .. " " .. looks`)).toBe(
      "Redis is away 1",
    );
  });

  it("log what a wrong password is answered with", async () => {
    expect(await run(`password = "other" M.call("GET", "a") return logged[1]`)).toBe(
      "warn gateway: Redis is away: 10.0.0.1:6379: WRONGPASS invalid",
    );
  });

  it.each([
    "SELECT",
    "subscribe",
    "MULTI",
    "WATCH",
    "AUTH",
    "HELLO",
    "RESET",
    "CLIENT",
    "MONITOR",
    "quit",
    "PSUBSCRIBE",
    "SSUBSCRIBE",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE",
    "SUNSUBSCRIBE",
    "SYNC",
    "PSYNC",
    "REPLCONF",
    "ASKING",
    "READONLY",
    "READWRITE",
  ])("refuse %s, which would stay with the connection for the next request, or end it", async (command) => {
    expect(await run(`local _, why = M.call("${command}", 1) return why .. " " .. #sent`)).toBe(
      `${command.toUpperCase()} would change or end a connection that others use 0`,
    );
  });

  it.each(["close", "set_timeout", "READ_REPLY"])("refuse %s, which is the library's and no command", async (command) => {
    const why = `${command.toUpperCase()} is no command`;
    expect(await run(`local _, why = M.call("${command}", 1) return why .. " " .. #sent`)).toBe(`${why} 0`);
    expect(await run(`local _, why = M.pipeline({ { "GET", "a" }, { "${command}", 1 } }) return why .. " " .. #sent`)).toBe(`${why} 0`);
  });

  it("tell of a command that failed in a transaction", async () => {
    const commands = '{ { "MULTI" }, { "SET", "a", 1 }, { "LPUSH", "a", 1 }, { "EXEC" } }';
    const given = 'replies = { "OK", "QUEUED", "QUEUED", { "OK", { false, "WRONGTYPE not a list" } } }';
    expect(await run(`${given} local _, why = M.pipeline(${commands}) return tostring(_) .. " " .. why`)).toBe(
      "nil EXEC: WRONGTYPE not a list",
    );
  });

  it("do not wait for each connection in turn once one was not answered in time", async () => {
    // Two that are kept, of a server that says nothing any more.
    expect(
      await run(`M.call("GET", "a") pooled["10.0.0.1:6379"] = 2 frozen["10.0.0.1:6379"] = true
        local whys = {}
        for i = 1, 3 do local _, why = M.call("GET", "a") whys[i] = why end
        return table.concat(whys, ", ") .. "; " .. pooled["10.0.0.1:6379"]`),
    ).toBe("timeout, Redis is away, Redis is away; 1");
  });

  it("do not take Redis for silent where this worker was busy for longer than an answer may take, and read once more what changes nothing", async () => {
    // Each answer comes when it is not looked for any more; the worker notices when it has done all else.
    const late = (busyFor: number, command: string) =>
      run(`M.call("GET", "a") local before = #sent
        busy_for, broken = ${busyFor}, true
        local reply, why = M.call(${command})
        return tostring(reply) .. " " .. tostring(why) .. ", " .. #sent - before .. ", " .. tostring((select(2, M.call("GET", "c"))))`);
    expect(await late(0.6, '"GET", "b"')).toBe("OK nil, 3, nil");
    expect(await late(0.6, '"SET", "b", 1')).toBe("nil timeout, 0, nil");
    // One that hangs is found to hang all the same.
    const hung = 'M.call("GET", "a") busy_for, frozen["10.0.0.1:6379"] = 0.6, true';
    expect(await run(`${hung} local _, why = M.call("GET", "b") return why .. ", " .. tostring((select(2, M.call("GET", "c"))))`)).toBe(
      "Redis is away, Redis is away",
    );
    // The control: it came as soon as the time was over.
    expect(await late(0.5, '"GET", "b"')).toBe("nil timeout, 0, Redis is away");
  });

  it("wait on behind others while these have their answers, and find a Redis that answers nobody", async () => {
    const none = "function() end";
    const other = `function() local rest = queued queued = nil M.call("GET", "other") queued = rest clock = clock + 0.01 end`;
    const behind = (waits: readonly string[], command: string) =>
      run(`M.call("GET", "a") queued = { ${waits.join(", ")} }
        local reply, why = M.call(${command})
        return tostring(reply) .. " " .. tostring(why) .. ", " .. tostring((select(2, M.call("GET", "c"))))`);
    expect(await behind([other, other, other], '"GET", "b"')).toBe("OK nil, nil");
    // Nothing was sent of what waits for a connection.
    expect(await behind([other], '"SET", "b", 1')).toBe("OK nil, nil");
    // Who has waited for long enough is told so, and the others are not told that Redis is away.
    expect(await behind([other, other, other, other], '"GET", "b"')).toBe("nil timeout, nil");
    expect(await behind([other, none], '"GET", "b"')).toBe("nil Redis is away, Redis is away");
  });

  it("take a transaction in one pipeline", async () => {
    expect(await run(`return #M.pipeline({ { "MULTI" }, { "INCR", "a" }, { "EXEC" } })`)).toBe(3);
  });
});

describe("the gateway's Redis with Sentinels", () => {
  it("is the server that a Sentinel names", async () => {
    const sent = await run(
      `${SENTINELS} servers["10.0.0.1:6379"] = "slave" primary = { "10.0.0.2", "6379" } M.call("GET", "a") return table.concat(sent, "\\n")`,
      THREE,
    );
    expect(sent.split("\n")).toEqual([
      "10.0.0.7:26379 auth edge secret",
      "10.0.0.7:26379 sentinel get-master-addr-by-name cache",
      "10.0.0.2:6379 auth edge secret",
      "10.0.0.2:6379 role",
      "10.0.0.2:6379 get a",
    ]);
  });

  it("is asked of the next Sentinel where one is gone, or knows no primary", async () => {
    expect(
      await run(
        `servers["10.0.0.8:26379"] = "sentinel" primary = { "10.0.0.2", "6379" } M.call("GET", "a") return sent[1] .. ", " .. sent[#sent]`,
        THREE,
      ),
    ).toBe("10.0.0.8:26379 auth edge secret, 10.0.0.2:6379 get a");
  });

  it("is the server that says it is the primary while no Sentinel answers", async () => {
    expect(await run(`servers["10.0.0.1:6379"] = "slave" M.call("GET", "a") return sent[#sent]`, THREE)).toBe("10.0.0.2:6379 get a");
  });

  it("is looked for anew, and the command sent there, when the server has become a replica", async () => {
    expect(
      await run(
        `${SENTINELS} primary = { "10.0.0.1", "6379" } M.call("GET", "a")
         servers["10.0.0.1:6379"] = "slave" primary = { "10.0.0.2", "6379" } replies = { "READONLY" }
         local reply = M.call("SET", "b", 1)
         return tostring(reply) .. " " .. sent[#sent] .. " " .. #logged`,
        THREE,
      ),
    ).toBe("OK 10.0.0.2:6379 set b 1 0");
  });

  it("is looked for anew, and what was run is not sent again, when the server refuses a later command of a pipeline", async () => {
    expect(
      await run(
        `${SENTINELS} primary = { "10.0.0.1", "6379" } M.call("GET", "a")
         servers["10.0.0.1:6379"] = "slave" primary = { "10.0.0.2", "6379" } replies = { "1", "READONLY" }
         local reply, why = M.pipeline({ { "INCR", "b" }, { "set", "c", 1 } })
         M.call("GET", "a")
         return tostring(reply) .. " " .. string.sub(why, 1, 13) .. ", " .. sent[#sent]`,
        THREE,
      ),
    ).toBe("nil set: READONLY, 10.0.0.2:6379 get a");
  });

  it("is away while the Sentinels name a server that has not become the primary yet", async () => {
    expect(
      await run(
        `${SENTINELS} servers["10.0.0.1:6379"] = nil servers["10.0.0.2:6379"] = "slave" primary = { "10.0.0.2", "6379" }
         local _, why = M.call("SET", "b", 1)
         return why .. ", " .. logged[1]`,
        THREE,
      ),
    ).toBe("Redis is away, warn gateway: Redis is away: 10.0.0.2:6379: it is a slave");
  });
});
