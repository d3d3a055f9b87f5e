import { beforeEach, describe, expect, it } from "vitest";
import type { LuaEngine } from "wasmoon";
import { luaWith } from "./lua";

interface Decoded {
  lists: Record<string, { address: string }[]>;
  faults: { key: string; modify_index: number; reason: string }[];
}

let lua: LuaEngine;

beforeEach(async () => {
  lua = await luaWith("entries.lua");
});

/** What the module makes of these keys and values, `goods` and `order` being routed. */
async function decode(values: Record<string, string | null>): Promise<Decoded> {
  const answer = Object.entries(values).map(([key, value], i) => ({
    Key: `upstreams/${key}`,
    Value: value === null ? null : Buffer.from(value).toString("base64"),
    ModifyIndex: 10 + i,
  }));
  lua.global.set("answer", JSON.stringify(answer));
  const text = (await lua.doString(`
    local lists, faults = M.decode(json_decode(answer), "upstreams", { goods = true, order = true }, { json = json_decode, base64 = base64_decode })
    -- A marker keeps empty tables apart from empty objects on their way out.
    local out = { "x" }
    for service, list in pairs(lists) do
      for _, peer in ipairs(list) do
        table.insert(out, table.concat({ "peer", service, peer.address, peer.host, peer.port, peer.weight, peer.max_fails, peer.fail_timeout, tostring(peer.down), tostring(peer.backup) }, "|"))
      end
    end
    for _, fault in ipairs(faults) do
      table.insert(out, table.concat({ "fault", fault.key, fault.modify_index, fault.reason }, "|"))
    end
    return table.concat(out, "\\n")`)) as string;
  return parse(text);
}

function parse(text: string): Decoded {
  const decoded: Decoded = { lists: { goods: [], order: [] }, faults: [] };
  for (const line of text.split("\n").slice(1)) {
    const [kind, ...fields] = line.split("|");
    if (kind === "fault") {
      decoded.faults.push({ key: fields[0] ?? "", modify_index: Number(fields[1]), reason: fields[2] ?? "" });
      continue;
    }
    const [service = "", address = "", host, port, weight, maxFails, failTimeout, down, backup] = fields;
    decoded.lists[service]?.push({ address, host, port, weight, maxFails, failTimeout, down, backup } as { address: string });
  }
  return decoded;
}

const FULL = '{"weight":3,"max_fails":5,"fail_timeout":20,"down":1,"backup":1}';

describe("the entries of Consul", () => {
  it("become peers with every attribute", async () => {
    const { lists, faults } = await decode({ "goods/10.0.0.1:80": FULL });
    expect(faults).toEqual([]);
    expect(lists.goods).toEqual([
      { address: "10.0.0.1:80", host: "10.0.0.1", port: "80", weight: "3", maxFails: "5", failTimeout: "20", down: "true", backup: "true" },
    ]);
  });

  it.each([
    ["an empty object", "{}"],
    ["an empty value", ""],
    ["no value", null],
    ["an unknown field", '{"zone":"a"}'],
  ])("take nginx-upsync's defaults for %s", async (_, value) => {
    const { lists } = await decode({ "goods/10.0.0.1:80": value });
    expect(lists.goods).toEqual([
      {
        address: "10.0.0.1:80",
        host: "10.0.0.1",
        port: "80",
        weight: "1",
        maxFails: "2",
        failTimeout: "10",
        down: "false",
        backup: "false",
      },
    ]);
  });

  it("may have flags as booleans", async () => {
    const { lists } = await decode({ "goods/10.0.0.1:80": '{"down":true,"backup":false}' });
    expect(lists.goods).toMatchObject([{ down: "true", backup: "false" }]);
  });

  it("go to their own services, and those of other services nowhere", async () => {
    const { lists, faults } = await decode({
      "goods/10.0.0.1:80": "{}",
      "order/10.0.0.2:80": "{}",
      "goods-old/10.0.0.3:80": "{}",
      "other/x": "no",
    });
    expect(lists.goods?.map(({ address }) => address)).toEqual(["10.0.0.1:80"]);
    expect(lists.order?.map(({ address }) => address)).toEqual(["10.0.0.2:80"]);
    expect(faults).toEqual([]);
  });

  it("leave out the folder keys that Consul's pages make", async () => {
    expect(await decode({ "": null, "goods/": null })).toEqual({ lists: { goods: [], order: [] }, faults: [] });
  });

  it.each([
    ["not json", "the value must be a JSON object"],
    ["null", "the value must be a JSON object"],
    ["7", "the value must be a JSON object"],
    ["[1]", "the value must be a JSON object"],
    ['{"weight":0}', "weight must be a whole number from 1 to 100"],
    ['{"weight":101}', "weight must be a whole number from 1 to 100"],
    ['{"weight":1.5}', "weight must be a whole number from 1 to 100"],
    ['{"weight":"1"}', "weight must be a whole number from 1 to 100"],
    ['{"weight":null}', "weight must be a whole number from 1 to 100"],
    ['{"max_fails":-1}', "max_fails must be a whole number from 0 to 2147483647"],
    ['{"fail_timeout":"10s"}', "fail_timeout must be a whole number from 0 to 2147483647"],
    ['{"down":2}', "down must be 0 or 1"],
    ['{"backup":"yes"}', "backup must be 0 or 1"],
  ])("with the value %s are skipped while the others stay", async (value, reason) => {
    const { lists, faults } = await decode({ "goods/10.0.0.1:80": value, "goods/10.0.0.2:80": "{}" });
    expect(lists.goods?.map(({ address }) => address)).toEqual(["10.0.0.2:80"]);
    expect(faults).toEqual([{ key: "upstreams/goods/10.0.0.1:80", modify_index: 10, reason }]);
  });

  it.each([
    "10.0.0.1",
    "10.0.0.1:0",
    "10.0.0.1:65536",
    "10.0.0.1:080",
    "10.0.0.256:80",
    "10.0.0.01:80",
    "goods-1:80",
    "a/10.0.0.1:80",
    "10.0.0.1:80/",
    "[::1]:80",
  ])("at %s are skipped", async (address) => {
    const { lists, faults } = await decode({ [`goods/${address}`]: "{}" });
    expect(lists.goods).toEqual([]);
    expect(faults).toMatchObject([{ reason: "the key must end in ip:port" }]);
  });
});

describe("a list's signature", () => {
  it("changes with any attribute and with nothing else", async () => {
    const signatures = (await lua.doString(`
      local function signature(attributes) return M.signature({ assert(M.peer("10.0.0.1:80", attributes)) }) end
      local same = signature({}) == signature({ weight = 1, down = 0 }) and "same" or "different"
      local seen, distinct = {}, 0
      for _, attributes in ipairs({ {}, { weight = 2 }, { max_fails = 3 }, { fail_timeout = 3 }, { down = 1 }, { backup = 1 } }) do
        local text = signature(attributes)
        if not seen[text] then seen[text], distinct = true, distinct + 1 end
      end
      return same .. " " .. distinct`)) as string;
    expect(signatures).toBe("same 6");
  });
});
