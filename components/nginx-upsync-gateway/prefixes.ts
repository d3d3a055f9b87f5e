import type { NormalGatewaySettings } from "./gateway-settings";

/** A prefix of paths; nginx takes each once, and compares with a path whose slashes it has merged and whose steps it has taken. */
const PREFIX = /^\/[A-Za-z0-9._~/-]*$/;
const UNRESOLVED = /\/\/|\/\.{1,2}(\/|$)/;

/** What to do about a path that is no {@link isPrefix prefix}. */
export const PREFIX_REMEDY =
  'must start with "/" and go on in letters, digits, ".", "_", "~", "-" and "/", without "//", "/./" and "/../", which nginx resolves before it compares';

export function isPrefix(path: string): boolean {
  return PREFIX.test(path) && !UNRESOLVED.test(path);
}

/** Prefixes of the public server, and whose each is: those of services and of Lua, which take limits themselves, then guarded ones. */
export function publicPrefixes({
  services,
  lua,
  guardedPaths,
}: Pick<NormalGatewaySettings, "services" | "lua" | "guardedPaths">): readonly [path: string, owner: string][] {
  return [
    ...Object.entries(services).map(([name, { path }]): [string, string] => [path, name]),
    ...Object.entries(lua.locations).map(([name, { path }]): [string, string] => [path, `lua.locations.${name}`]),
    ...guardedPaths.flatMap(({ match, path }, i): [string, string][] => (match === "prefix" ? [[path, `guardedPaths[${i}]`]] : [])),
  ];
}
