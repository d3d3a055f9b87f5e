import type { NormalGatewayLua } from "./lua-args";
import { limitLines } from "./limit-conf";
import type { Sized } from "./memory";
import { block } from "./nginx-block";

/** The locations that Lua answers. */
export function luaLocations(conf: Sized): string[] {
  return Object.entries(conf.lua.locations).map(([name, { path, maxBodyKiB, limits }]) =>
    block(`location ${path}`, [
      ...limitLines(conf, limits, name),
      `log_by_lua_block { gateway.finish("lua:${name}") }`,
      `client_max_body_size ${maxBodyKiB}k;`,
      // A body never goes to /tmp, where Lua would have to read it from, and which is memory as well.
      // A KiB more than there may be: nginx tells only by what is left of it that a body in chunks has ended.
      `client_body_buffer_size ${maxBodyKiB + 1}k;`,
      "client_body_in_single_buffer on;",
      `content_by_lua_block { gateway.locations.answer("${name}") }`,
    ]),
  );
}

/** Files of the configuration folder with what the user wrote, and what has nginx load all Lua before it is taken up. */
export function luaFiles({ locations, modules }: NormalGatewayLua, load: readonly string[]): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(locations).map(([name, { code }]) => [`lua/site/locations/${name}.lua`, code])),
    ...Object.fromEntries(Object.entries(modules).map(([name, code]) => [`lua/site/${name}.lua`, code])),
    "check.conf": checkConf(load, Object.keys(modules)),
  };
}

/** What the Lua modules are told of the locations. */
export function luaSettings({ locations }: NormalGatewayLua): Record<string, unknown> {
  return Object.fromEntries(Object.entries(locations).map(([name, { methods }]) => [name, { methods }]));
}

/**
 * An nginx that loads the gateway's own modules and the locations' files, and ends: `nginx -t` runs no Lua.
 *
 * @param load Lines that load nginx's modules.
 * @param modules Further files, which are compiled as well: one that is asked for in the midst of a request is loaded only there.
 */
function checkConf(load: readonly string[], modules: readonly string[]): string {
  const compiled = modules.map((name) => `assert(loadfile(ngx.config.prefix() .. "lua/site/${name}.lua"));`);
  return [
    ...load,
    "daemon off;",
    "master_process off;",
    "pid /tmp/check.pid;",
    "events {}",
    block("http", [
      'lua_package_path "${prefix}lua/?.lua;;";',
      `init_by_lua_block { ${[...compiled, 'require("gateway.main").check();', "os.exit(0, true)"].join(" ")} }`,
    ]),
    "",
  ].join("\n");
}
