import { describe, expect, it } from "vitest";
import { luaWith } from "../lua";

async function run<T = unknown>(script: string): Promise<T> {
  const lua = await luaWith("tiers/answer.lua", "");
  lua.global.set("json_encode", (value: unknown) => JSON.stringify(value));
  return (await lua.doString(script)) as T;
}

const STORED = `
  local text = M.encode({ service = "goods", uri = "/goods/1?x=2", stored = 12.5, headers = { etag = "a" }, body = "line\\nline" }, json_encode)`;

describe("a kept answer", () => {
  it("comes back as it was", async () => {
    expect(
      await run(
        `${STORED} local found = M.decode(text, "goods", "/goods/1?x=2", json_decode) return { found.stored, found.headers.etag, found.body }`,
      ),
    ).toEqual([12.5, "a", "line\nline"]);
  });

  it("is none when it is torn, or of something else", async () => {
    for (const asked of [
      'string.sub(text, 1, -2), "goods", "/goods/1?x=2"',
      'text, "goods", "/goods/1"',
      'text, "order", "/goods/1?x=2"',
      '"", "goods", "/"',
      '"{}\\n", "goods", "/"',
      '"x\\ny", "goods", "/"',
    ])
      expect(await run(`${STORED} return tostring(M.decode(${asked}, json_decode))`)).toBe("nil");
  });

  it("keeps what says what a browser may do with it, all of it", async () => {
    const headers =
      '{ ["content-security-policy"] = { "a", "b" }, ["access-control-allow-origin"] = "*", ["x-frame-options"] = "SAMEORIGIN" }';
    expect(
      await run(`local text = M.encode({ service = "a", uri = "/", stored = 1, headers = M.kept(${headers}), body = "" }, json_encode)
        return M.decode(text, "a", "/", json_decode).headers`),
    ).toEqual({ "content-security-policy": ["a", "b"], "access-control-allow-origin": "*", "x-frame-options": "SAMEORIGIN" });
  });

  it("keeps of its headers those that are about the content", async () => {
    expect(
      await run('return M.kept({ ["content-type"] = "a/b", etag = "e", ["x-instance"] = "1", ["set-cookie"] = "s", date = "d" })'),
    ).toEqual({
      "content-type": "a/b",
      etag: "e",
    });
  });
});

describe("an answer for everybody", () => {
  it.each([
    ["a plain one", "{}"],
    ["one that others may keep", '{ ["cache-control"] = "public, max-age=60" }'],
    ["one that differs by compression alone", '{ vary = "Accept-Encoding" }'],
  ])("is %s", async (_, response) => {
    expect(await run(`return M.is_public(${response})`)).toBe(true);
  });

  it.each([
    ["one with a cookie", '{ ["set-cookie"] = "a=b" }'],
    ["one with several", '{ ["set-cookie"] = { "a=b", "c=d" } }'],
    ["a private one", '{ ["cache-control"] = "max-age=3, Private" }'],
    ["one that must not be stored", '{ ["cache-control"] = { "max-age=3", "no-store" } }'],
    ["one that must be asked for each time", '{ ["cache-control"] = "no-cache" }'],
    ["one that may not be given once it is stale", '{ ["cache-control"] = "max-age=3, must-revalidate" }'],
    ["one that a proxy may not give once it is stale", '{ ["cache-control"] = "max-age=3, proxy-revalidate" }'],
    ["one that is for proxies, for a time, which says the same", '{ ["cache-control"] = "public, S-MaxAge=60" }'],
    ["one that is for proxies for no time", '{ ["cache-control"] = "s-maxage=0" }'],
    ["one that differs by language", '{ vary = "Accept-Language" }'],
    ["one that differs by more than compression", '{ vary = { "Accept-Encoding", "Cookie" } }'],
    ["a compressed one", '{ ["content-encoding"] = "gzip" }'],
  ])("is not %s", async (_, response) => {
    expect(await run(`return M.is_public(${response})`)).toBe(false);
  });
});
