import { describe, expect, it } from "vitest";
import { luaWith } from "./lua";

/** A socket that gives out `incoming`; a piece `PAUSE` is a read that times out with what came before it. */
const NGINX = `
  sent, incoming, closed, kept, clock = "", {}, false, false, 0

  local function take_line()
    local text = ""
    while true do
      local piece = table.remove(incoming, 1)
      if piece == nil then return nil, "closed", text end
      if piece == "PAUSE" then clock = clock + 1 return nil, "timeout", text end
      local stop = string.find(piece, "\\n", 1, true)
      if stop then
        if stop < #piece then table.insert(incoming, 1, string.sub(piece, stop + 1)) end
        return (string.gsub(text .. string.sub(piece, 1, stop - 1), "\\r", ""))
      end
      text = text .. piece
    end
  end

  local function take(size)
    local text = ""
    while #text < size do
      local piece = table.remove(incoming, 1)
      if piece == nil then return nil, "closed", text end
      text = text .. piece
    end
    if #text > size then table.insert(incoming, 1, string.sub(text, size + 1)) end
    return string.sub(text, 1, size)
  end

  local sock = {
    settimeout = function() end,
    connect = function() if refused then return nil, "connection refused" end return 1 end,
    send = function(_, text) sent = sent .. text return #text end,
    receive = function(_, what) if what == "*l" then return take_line() end return take(what) end,
    close = function() closed = true end,
    setkeepalive = function() kept = true end,
  }
  ngx = { now = function() return clock end, socket = { tcp = function() return sock end } }
`;

/** Asks a server that answers with these pieces; `stopAfter` pauses the worker leaves. */
async function ask(pieces: readonly string[], { timeoutMs = 5000, stopAfter = 100 } = {}): Promise<string> {
  const lua = await luaWith("consul.lua", NGINX);
  lua.global.set("incoming_json", JSON.stringify(pieces));
  return (await lua.doString(`
    for _, piece in ipairs(json_decode(incoming_json)) do table.insert(incoming, piece) end
    local answer, err = M.get({ host = "10.0.0.1", port = 8500 }, "/v1/kv/upstreams/?recurse", ${timeoutMs}, function() return clock >= ${stopAfter} end)
    local end_of_it = closed and "closed" or kept and "kept"
    if not answer then return "error: " .. err .. ", " .. end_of_it end
    return answer.status .. " index " .. tostring(answer.headers["x-consul-index"]) .. " [" .. answer.body .. "] " .. end_of_it`)) as string;
}

const HEAD = "HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\n";

describe("a query of Consul", () => {
  it("reads an answer with a length and keeps the connection", async () => {
    expect(await ask([`${HEAD}Content-Length: 2\r\n\r\n[]`])).toBe("200 index 7 [[]] kept");
  });

  it("reads an answer in chunks, wherever the network cut it", async () => {
    expect(await ask([HEAD, "Transfer-Enc", "oding: chunked\r\n\r", "\n4\r\n[{}", ",\r\n3;x=y\r\n{}]", "\r\n0\r\n\r\n"])).toBe(
      "200 index 7 [[{},{}]] kept",
    );
  });

  it("takes the answer for an absent key", async () => {
    expect(await ask(["HTTP/1.1 404 Not Found\r\nX-Consul-Index: 3\r\nContent-Length: 0\r\n\r\n"])).toBe("404 index 3 [] kept");
  });

  it("does not keep a connection that the server will close", async () => {
    expect(await ask([`${HEAD}Connection: close\r\nContent-Length: 2\r\n\r\n[]`])).toBe("200 index 7 [[]] closed");
  });

  it("waits for the answer to begin, also in the middle of its first line", async () => {
    expect(await ask(["PAUSE", "HTTP/1", "PAUSE", ".1 200 OK\r\nX-Consul-Index: 7\r\nContent-Length: 0\r\n\r\n"])).toBe(
      "200 index 7 [] kept",
    );
  });

  it("gives up on a frozen server", async () => {
    expect(await ask(Array.from({ length: 9 }, () => "PAUSE"))).toBe("error: no answer in 5000 ms, closed");
  });

  it("ends when the worker leaves", async () => {
    expect(await ask(["PAUSE", "PAUSE", "PAUSE"], { stopAfter: 2 })).toBe("error: stopped, closed");
  });

  it.each([
    ["closes before it answers", [], "closed"],
    ["closes within the body", [`${HEAD}Content-Length: 9\r\n\r\n[]`], "closed"],
    ["speaks something else", ["SSH-2.0\r\n"], "not an HTTP answer"],
    ["gives no length", [`${HEAD}\r\n`], "an answer without a length"],
    ["gives a bad chunk", [`${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`], "a bad chunk size"],
    ["gives too much", [`${HEAD}Content-Length: 99999999999\r\n\r\n`], "the answer is too large"],
  ])("fails when the server %s", async (_, pieces, error) => {
    expect(await ask(pieces)).toBe(`error: ${error}, closed`);
  });
});
