import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ConfigError } from "../../components/core/errors";
import { gatewayFolder } from "../../components/nginx-upsync-gateway/gateway-files";
import type { GatewaySettings } from "../../components/nginx-upsync-gateway/gateway-settings";
import { gatewayCheck } from "../../components/nginx-upsync-gateway/nginx-command";
import { renderNginxConf } from "../../components/nginx-upsync-gateway/nginx-conf";
import { settingsOf } from "./settings";

const CODE = "return function(request, redis) end";
const GOOD: GatewaySettings = {
  consul: { servers: [{ host: "10.20.0.11", port: 8500 }] },
  services: { goods: { path: "/goods/" } },
};
const folder = mkdtempSync(join(tmpdir(), "dockyard-lua-"));
const file = join(folder, "hello.lua");
writeFileSync(file, `${CODE} -- from a file`);

afterAll(() => rmSync(folder, { recursive: true }));

function conf(lua: object) {
  return { ...settingsOf("edge", { ...GOOD, lua } as GatewaySettings), adminClients: [], memoryMiB: 512 };
}

function faults(lua: object, more: object = {}): string[] {
  try {
    settingsOf("edge", { ...GOOD, lua, ...more } as GatewaySettings);
  } catch (error) {
    return (error as ConfigError).message.split("\n");
  }
  return [];
}

const hello = (change: object) => ({ locations: { hello: { path: "/hello", code: CODE, ...change } } });

describe("Lua of the user's own", () => {
  it("takes GET and POST, and bodies of 64 KiB, by default", () => {
    expect(settingsOf("edge", { ...GOOD, lua: hello({}) }).lua).toEqual({
      locations: { hello: { path: "/hello", methods: ["GET", "POST"], maxBodyKiB: 64, limits: [], code: CODE } },
      modules: {},
    });
  });

  it("may lie in files, and be more than one", () => {
    const { files } = gatewayFolder(conf({ locations: { hello: { path: "/hello", file } }, modules: { words: { code: "return {}" } } }));
    expect(files["lua/site/locations/hello.lua"]).toBe(`${CODE} -- from a file`);
    expect(files["lua/site/words.lua"]).toBe("return {}");
    expect(JSON.parse(files["gateway.json"] ?? "")).toMatchObject({ lua: { hello: { methods: ["GET", "POST"] } } });
    expect(files["check.conf"]).toContain(
      'init_by_lua_block { assert(loadfile(ngx.config.prefix() .. "lua/site/words.lua")); require("gateway.main").check(); os.exit(0, true) }',
    );
    expect(files["check.conf"]).toContain("load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;\n");
  });

  it("is known by another name when a file has changed", () => {
    const nameOf = (lua: object) => gatewayFolder(conf(lua)).configuration;
    expect(nameOf(hello({ code: `${CODE} -- changed` }))).not.toBe(nameOf(hello({})));
  });

  it("has a location each, with its body in memory", () => {
    expect(renderNginxConf(conf(hello({ maxBodyKiB: 4 })))).toContain(
      [
        "        location /hello {",
        '            log_by_lua_block { gateway.finish("lua:hello") }',
        "            client_max_body_size 4k;",
        "            client_body_buffer_size 5k;",
        "            client_body_in_single_buffer on;",
        '            content_by_lua_block { gateway.locations.answer("hello") }',
        "        }",
      ].join("\n"),
    );
  });

  it("holds its clients to limits, which it has to know", () => {
    const limits = { slow: { rate: "1r/s" } } as const;
    const limited = { ...GOOD, limits, lua: hello({ limits: ["slow"], maxBodyKiB: 4 }) };
    expect(renderNginxConf({ ...settingsOf("edge", limited), adminClients: [], memoryMiB: 512 })).toContain(
      "location /hello {\n            limit_req zone=requests_slow_c7b622;\n            limit_req_status 429;\n            set $gateway_wait 1;\n",
    );
    expect(faults(hello({ limits: ["slow", "none"] }), { limits })).toEqual([
      'edge.lua.locations.hello.limits[1]: must be the name of a limit; there are slow, got "none"',
    ]);
  });

  it("may answer everything that no service does", () => {
    const refusals = (lua: object) => renderNginxConf(conf(lua)).split("return 404;").length - 1;
    // That of the admin pages stays.
    expect([refusals(hello({ path: "/" })), refusals(hello({}))]).toEqual([1, 2]);
  });

  it("is loaded by nginx, as the gateway's own is, before it is taken up", () => {
    expect(gatewayCheck("/etc/gateway/1", "lua")).toEqual([
      "sh",
      "-euc",
      'nginx -e stderr -t -q -p "$0/" -c nginx.conf; nginx -e stderr -p "$0/" -c check.conf',
      "/etc/gateway/1",
    ]);
    expect(gatewayCheck("/etc/gateway/1", "upsync")).toEqual([
      "nginx",
      "-e",
      "stderr",
      "-t",
      "-q",
      "-p",
      "/etc/gateway/1/",
      "-c",
      "nginx.conf",
    ]);
    expect(Object.keys(gatewayFolder(conf({ locations: {} })).files)).toContain("check.conf");
  });

  it.each<[string, object, string]>([
    [
      "both a file and its text",
      hello({ file }),
      `edge.lua.locations.hello: must have either file or code, got {"file":${JSON.stringify(file)},"code":${JSON.stringify(CODE)}}`,
    ],
    ["neither", { locations: { hello: { path: "/hello" } } }, "edge.lua.locations.hello: must have either file or code, got {}"],
    [
      "a file that is not there",
      { locations: { hello: { path: "/hello", file: "absent.lua" } } },
      'edge.lua.locations.hello.file: must be a file that can be read (ENOENT), got "absent.lua"',
    ],
    [
      "a name that is no file's",
      { locations: { "../hello": { path: "/hello", code: CODE } } },
      'edge.lua.locations.../hello: must be 1 to 63 of a-z, 0-9 and "_", a letter first: it names the file, got "../hello"',
    ],
    [
      "a path that would end the directive",
      hello({ path: "/a {" }),
      'edge.lua.locations.hello.path: must start with "/" and go on in letters, digits, ".", "_", "~", "-" and "/", without "//", "/./" and "/../", which nginx resolves before it compares, got "/a {"',
    ],
    [
      "a service's path",
      hello({ path: "/goods/" }),
      'edge.lua.locations.hello.path: must differ from that of goods; give each location a path of its own, got "/goods/"',
    ],
    [
      "a path twice",
      { locations: { a: { path: "/a", code: CODE }, b: { path: "/a", code: CODE } } },
      'edge.lua.locations.b.path: must differ from that of a; give each location a path of its own, got "/a"',
    ],
    ["no method", hello({ methods: [] }), "edge.lua.locations.hello.methods: must name GET, POST or both; leave it out for both, got []"],
    [
      "no body",
      hello({ maxBodyKiB: 0 }),
      "edge.lua.locations.hello.maxBodyKiB: must be 1 to 16384 KiB, which every request may hold in memory, got 0",
    ],
    [
      "modules that no location could ask for",
      { locations: {}, modules: { words: { code: "return {}" } } },
      'edge.lua.modules: must be left out without a location, whose file could ask for them, got ["words"]',
    ],
    [
      "a module's name",
      { ...hello({}), modules: { "a.b": { code: "" } } },
      'edge.lua.modules.a.b: must be 1 to 63 of a-z, 0-9 and "_", a letter first: it names the file, got "a.b"',
    ],
  ])("is refused with %s", (_, lua, line) => {
    expect(faults(lua)).toEqual([line]);
  });

  it("is refused where a guarded path has its path", () => {
    expect(faults(hello({}), { guardedPaths: [{ service: "goods", path: "/hello" }] })).toEqual([
      'edge.guardedPaths[0].path: must differ from the path of lua.locations.hello, which takes limits itself, got "/hello"',
    ]);
  });

  it("is refused where there is no Lua", () => {
    expect(faults(hello({}), { engine: "upsync" })).toEqual([
      'edge.lua: must be left out with the engine "upsync", which has no Lua, got ["hello"]',
    ]);
  });
});
