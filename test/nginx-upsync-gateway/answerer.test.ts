import { describe, expect, it } from "vitest";
import { luaWith } from "./lua";

/** The word for a request with this status, these variables and what its location has said. */
async function tierOf(status: number, variables: Record<string, string>, said?: string): Promise<string> {
  const fields = Object.entries(variables).map(([name, value]) => `${name} = "${value}"`);
  const ctx = said === undefined ? "{}" : `{ tier = "${said}" }`;
  const lua = await luaWith("answerer.lua", `ngx = { status = ${status}, var = { ${fields.join(", ")} }, ctx = ${ctx} }`);
  return (await lua.doString("return M.tier()")) as string;
}

describe("who answers a request", () => {
  it.each<[string, string, number, Record<string, string>, string?]>([
    ["an instance", "service", 200, { upstream_addr: "10.0.0.1:80" }, "service"],
    ["an instance of a service without tiers", "service", 200, { upstream_addr: "10.0.0.1:80" }],
    ["an instance that says 503", "service", 503, { upstream_addr: "10.0.0.1:80", limit_req_status: "PASSED" }],
    ["a limit of requests", "limit", 429, { limit_req_status: "REJECTED" }],
    ["a limit of connections", "limit", 503, { limit_req_status: "PASSED", limit_conn_status: "REJECTED" }],
    ["what was kept", "cache", 200, {}, "cache"],
    ["a bucket", "rejected", 503, { limit_req_status: "PASSED" }, "rejected"],
    ["a location in Lua", "lua", 200, {}, "lua"],
    ["nginx, of a body that is too large", "none", 413, {}],
    ["nginx, of chunks that are too large on their way to the service", "none", 413, {}, "service"],
    ["nobody, for the client has gone", "none", 499, { upstream_addr: "" }, "service"],
  ])("is %s", async (_, tier, status, variables, said) => {
    expect(await tierOf(status, variables, said)).toBe(tier);
  });
});
