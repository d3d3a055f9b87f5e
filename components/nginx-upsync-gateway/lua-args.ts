import { readFileSync } from "node:fs";
import { Shape, listOf, maybe, named, number, oneOf, shape, text, texts } from "../core/argument-shape";
import type { Checks } from "../core/errors";
import { isWhole } from "../core/whole";
import { PREFIX_REMEDY, isPrefix } from "./prefixes";

/** A file in Lua 5.1 with LuaJIT's extensions: the text, or where it is. */
export interface LuaSource {
  /** Path of a local file, from the program's folder. */
  readonly file?: string;

  /** Text, where it is not in a file. */
  readonly code?: string;
}

type LuaMethod = (typeof METHODS)[number];

/**
 * A location that a Lua file answers: it returns `function(request, redis)`, which returns the answer.
 *
 * `request` has `method`, `path`, `headers`, `address`, `id`, `body`; `get` and `post`, the first value of each argument by its name, always
 * a string; `lists.get` and `lists.post` with all values; `json`, what a body of JSON holds. `redis.call("GET", key)` returns the reply, nil
 * for what is absent, or nil and an error; `redis.pipeline({ { "INCR", a }, { "GET", b } })` a list of replies with `redis.null` for what is
 * absent. The answer is a text, or `{ status, headers, body }` with `json` in place of `body` for a value, in which an empty table is an object; nil is 204. What raises an error is
 * answered with 500 and logged.
 *
 * It shares the worker with all other requests: a loop that does not end, or a table that grows without bound, stops the worker for all of
 * them. Nothing guards against that.
 */
export interface LuaLocation extends LuaSource {
  /** Prefix of the paths that it answers, as `/hello`. */
  readonly path: string;

  /** Methods that it takes; others are answered with 405. `GET` means `HEAD` as well. @default GET and POST */
  readonly methods?: readonly LuaMethod[];

  /** Largest body of a request, in KiB; it is held in memory. @default 64 */
  readonly maxBodyKiB?: number;

  /** Names of the gateway's `limits` that its clients are held to. @default none */
  readonly limits?: readonly string[];
}

/** Lua of the user's own. */
export interface GatewayLua {
  /** Locations that Lua files answer, by name. */
  readonly locations: Readonly<Record<string, LuaLocation>>;

  /** Further files, by the name under which the others have them: `require "site.<name>"`. @default none */
  readonly modules?: Readonly<Record<string, LuaSource>>;
}

const METHODS = ["GET", "POST"] as const;
const SOURCE: Shape<LuaSource> = { file: maybe(text), code: maybe(text) };

/** Names and types of {@link GatewayLua}. */
export const LUA = shape<GatewayLua>({
  locations: named(
    shape<LuaLocation>({ ...SOURCE, path: text, methods: maybe(listOf(oneOf(METHODS))), maxBodyKiB: maybe(number), limits: maybe(texts) }),
  ),
  modules: maybe(named(shape<LuaSource>(SOURCE))),
});

export interface NormalLuaLocation {
  readonly path: string;
  readonly methods: readonly LuaMethod[];
  readonly maxBodyKiB: number;
  readonly limits: readonly string[];
  readonly code: string;
}

export interface NormalGatewayLua {
  readonly locations: Readonly<Record<string, NormalLuaLocation>>;
  /** Texts by name. */
  readonly modules: Readonly<Record<string, string>>;
}

/** Fills in the defaults and reads the files; one that cannot be read is added to `checks`. */
export function normalizeLua(checks: Checks, { locations, modules = {} }: GatewayLua): NormalGatewayLua {
  return {
    locations: mapped(locations, (location, name) => {
      const { path, methods = METHODS, maxBodyKiB = 64, limits = [] } = location;
      return { path, methods, maxBodyKiB, limits, code: read(checks, `lua.locations.${name}`, location) };
    }),
    modules: mapped(modules, (source, name) => read(checks, `lua.modules.${name}`, source)),
  };
}

function mapped<T, R>(record: Readonly<Record<string, T>>, map: (value: T, name: string) => R): Record<string, R> {
  const sorted = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, value]) => [name, map(value, name)]));
}

function read(checks: Checks, at: string, { file, code }: LuaSource): string {
  checks.that((file === undefined) !== (code === undefined), at, { file, code }, "must have either file or code");
  if (file === undefined) return code ?? "";
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    checks.that(false, `${at}.file`, file, `must be a file that can be read (${(error as NodeJS.ErrnoException).code ?? "no file"})`);
    return "";
  }
}

const NAME = /^[a-z][a-z0-9_]{0,62}$/;

/** @param services Paths of the services, by the services' names. */
export function checkLua(checks: Checks, { locations, modules }: NormalGatewayLua, services: Readonly<Record<string, string>>): void {
  const owners = new Map(Object.entries(services).map(([service, path]) => [path, service]));
  for (const [name, { path, methods, maxBodyKiB }] of Object.entries(locations)) {
    const at = `lua.locations.${name}`;
    const owner = owners.get(path);
    checks
      .that(NAME.test(name), at, name, 'must be 1 to 63 of a-z, 0-9 and "_", a letter first: it names the file')
      .that(isPrefix(path), `${at}.path`, path, PREFIX_REMEDY)
      .that(owner === undefined, `${at}.path`, path, `must differ from that of ${owner}; give each location a path of its own`)
      .that(methods.length > 0, `${at}.methods`, methods, "must name GET, POST or both; leave it out for both")
      .that(
        isWhole(maxBodyKiB, 1, 16_384),
        `${at}.maxBodyKiB`,
        maxBodyKiB,
        "must be 1 to 16384 KiB, which every request may hold in memory",
      );
    owners.set(path, name);
  }
  const unused = Object.keys(modules);
  checks.that(
    unused.length === 0 || Object.keys(locations).length > 0,
    "lua.modules",
    unused,
    "must be left out without a location, whose file could ask for them",
  );
  for (const name of Object.keys(modules)) {
    checks.that(NAME.test(name), `lua.modules.${name}`, name, 'must be 1 to 63 of a-z, 0-9 and "_", a letter first: it names the file');
  }
}
