import { describe, expect, it } from "vitest";
import { luaWith } from "./lua";

/** A request as nginx gives it; `post` is read only where the type of the body says so. */
const NGINX = `
  headers, get, post, body, file, truncated = {}, {}, {}, nil, nil, nil
  ngx = {
    var = { uri = "/hello", remote_addr = "10.0.0.9", request_id = "abc" },
    req = {
      get_headers = function() return headers end,
      get_uri_args = function() return get, truncated end,
      get_post_args = function() return post end,
      get_method = function() return "POST" end,
      read_body = function() end,
      get_body_data = function() return body end,
      get_body_file = function() return file end,
    },
  }
  package.preload["gateway.json"] = function()
    return { decode = json_decode, encode_plain = function(value)
      if type(value) == "function" then return nil, "Cannot serialise function" end
      return "JSON"
    end }
  end
`;

async function run(code: string): Promise<string> {
  return (await (await luaWith("exchange.lua", NGINX)).doString(code)) as string;
}

describe("a request in Lua", () => {
  it("has the first value of each argument as a text, and all of them in lists", async () => {
    expect(
      await run(`get = { a = { "1", true }, b = "x", flag = true }
        local r = M.request()
        return r.get.a .. r.get.b .. "[" .. r.get.flag .. "]" .. #r.lists.get.a .. "[" .. r.lists.get.a[2] .. "]" .. r.lists.get.b[1]`),
    ).toBe("1x[]2[]x");
  });

  it.each([
    ["application/x-www-form-urlencoded", "1"],
    ["Application/X-WWW-Form-Urlencoded; charset=utf-8", "1"],
    ["text/plain", "nil"],
  ])("has arguments of a form with the type %s: %s", async (type, value) => {
    expect(await run(`headers["content-type"] = "${type}" body = "a=1" post = { a = "1" } return tostring(M.request().post.a)`)).toBe(
      value,
    );
  });

  it("has what its JSON holds, and is refused where it is none", async () => {
    expect(await run(`headers["content-type"] = "application/json" body = '{"a":[7]}' return tostring(M.request().json.a ~= nil)`)).toBe(
      "true",
    );
    expect(await run(`headers["content-type"] = "application/json" body = "{" local _, s, why = M.request() return s .. " " .. why`)).toBe(
      "400 the body is not JSON",
    );
  });

  it("has an empty body where there is none, and is refused where it went to a file", async () => {
    expect(await run(`return "[" .. M.request().body .. "]"`)).toBe("[]");
    expect(await run(`file = "/tmp/x" local _, s, why = M.request() return s .. " " .. why`)).toBe("413 the body is too large");
  });

  it("is refused with more arguments than are read", async () => {
    expect(await run(`truncated = "truncated" local _, s, why = M.request() return s .. " " .. why`)).toBe("400 more than 100 arguments");
  });
});

describe("an answer in Lua", () => {
  it.each([
    ["nil", "204 nil []"],
    ['"hello"', "200 text/plain; charset=utf-8 [hello]"],
    ["7", "200 text/plain; charset=utf-8 [7]"],
    ['{ status = 201, body = "x" }', "201 text/plain; charset=utf-8 [x]"],
    ["{ json = { a = 1 } }", "200 application/json [JSON]"],
    ["{}", "200 text/plain; charset=utf-8 []"],
  ])("may be %s", async (returned, expected) => {
    expect(
      await run(`local a = M.answer(${returned}) return math.tointeger(a.status) .. " " .. tostring(a.type) .. " [" .. a.body .. "]"`),
    ).toBe(expected);
  });

  it.each([
    ["function() end", "it returned a function; an answer is a text, a table or nil"],
    ["true", "it returned a boolean; an answer is a text, a table or nil"],
    ["{ status = 99 }", "it returned the status 99"],
    ["{ status = 200.5 }", "it returned the status 200.5"],
    ['{ status = "200" }', "it returned the status 200"],
    ["{ status = 444 }", "it returned the status 444"],
    ['{ headers = { ["Transfer-Encoding"] = "chunked" } }', "it returned the header Transfer-Encoding, which nginx sets by the body"],
    ["{ json = print }", "it returned what is no JSON: Cannot serialise function"],
    ['{ headers = "a: b" }', "it returned a string for headers; they are a table of texts by their names"],
    ["{ headers = { ETag = true } }", "it returned the header ETag with a boolean; headers are texts by their names"],
    ["{ headers = { ETag = { print } } }", "it returned the header ETag with a table; headers are texts by their names"],
    ['{ headers = { "a: b" } }', "it returned the header 1 with a string; headers are texts by their names"],
  ])("cannot be %s", async (returned, words) => {
    expect(await run(`local _, why = pcall(M.answer, ${returned}) return why`)).toBe(words);
  });
});
