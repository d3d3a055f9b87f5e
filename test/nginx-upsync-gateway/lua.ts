import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type LuaEngine, LuaFactory } from "wasmoon";

const MODULES = join(__dirname, "../../components/nginx-upsync-gateway/lua");

/** A Lua engine with one of the gateway's modules as the global `M`; `prelude` makes what the module expects of nginx. */
export async function luaWith(module: string, prelude = ""): Promise<LuaEngine> {
  // Objects become Lua tables, and JSON's null a value that is neither nil nor a table, as under nginx.
  const lua = await new LuaFactory().createEngine({ enableProxy: false, injectObjects: true });
  lua.global.set("json_decode", decodeJson);
  lua.global.set("base64_decode", (text: string) => Buffer.from(text, "base64").toString());
  await lua.doString(prelude);
  await lua.doString(`M = (function() ${readFileSync(join(MODULES, module), "utf8")}\nend)()`);
  return lua;
}

/** Lua that makes gateway modules, by file without its ending, available to the one that is tested. */
export function preload(...modules: readonly string[]): string {
  return modules
    .map((module) => `package.preload["gateway.${module}"] = function() ${readFileSync(join(MODULES, `${module}.lua`), "utf8")}\nend`)
    .join("\n");
}

function decodeJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
