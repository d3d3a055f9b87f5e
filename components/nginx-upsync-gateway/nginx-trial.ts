import { isRefused, reportFaults } from "../core/errors";
import type { Host } from "../core/host";
import { CATALOGUE_PREFIX } from "../core/images";
import { heredoc, shellCommand, shellWord } from "../core/shell";
import type { NormalNginxUpsyncGatewayArgs } from "./args";
import { hasLua } from "./gateway-files";
import { type GatewayEngine, LUA_MODULES } from "./gateway-settings";
import { gatewayCheck } from "./nginx-command";

const FOLDER = "/tmp/trial";

/**
 * Has nginx itself look at a configuration before anything is touched, where that can tell more than the checks of the arguments: regular
 * expressions of guarded paths and filters, Lua, modules and images of the user's own. Elsewhere it would only make every preview longer.
 *
 * @param files What gives the configuration without its certificate, which may not be known yet.
 * @throws {ConfigError} with nginx's own words.
 */
export function tryOut(
  name: string,
  host: Host,
  gateway: NormalNginxUpsyncGatewayArgs,
  files: () => Readonly<Record<string, string>>,
): void {
  const patterns = gateway.guardedPaths.flatMap(({ match, path }) => (match === "regex" ? [path] : []));
  const filters = Object.values(gateway.tiers).flatMap(({ filter }) => (filter ? [filter.pattern] : []));
  const own = gateway.modules.some((module) => !LUA_MODULES.includes(module)) || !gateway.image.startsWith(CATALOGUE_PREFIX);
  // Of a program that is refused anyway it would only tell what the faults lead to.
  if ((patterns.length === 0 && filters.length === 0 && !own && !hasLua(gateway)) || isRefused()) return;
  const said = host.refusedBy(gateway.image, gateway.user, renderTrial(files(), gateway.engine));
  if (said === undefined) return;
  const value = {
    ...(patterns.length > 0 && { guardedPaths: patterns }),
    ...(filters.length > 0 && { filters }),
    ...(hasLua(gateway) && { lua: Object.keys(gateway.lua.locations) }),
    modules: gateway.modules,
  };
  const [argument, given] = culprit(gateway, said) ?? ["", value];
  reportFaults([{ path: `${name}${argument}`, value: given, remedy: `must be what nginx takes, which says: ${wordsOf(said)}` }]);
}

/** Words of nginx', the argument that they are about, and what was given for it. */
type Candidate = readonly [words: string, argument: string, value: unknown];

/** The argument that nginx means, where its words tell, and what was given for it. */
function culprit({ guardedPaths, tiers, lua }: NormalNginxUpsyncGatewayArgs, said: string): [argument: string, value: unknown] | undefined {
  const candidates: Candidate[] = [
    ...guardedPaths.map(({ path }, i): Candidate => [` in "${path}"`, `.guardedPaths[${i}].path`, path]),
    ...Object.entries(tiers).map(([service, { filter }]): Candidate => [
      `the pattern of the filter ${filter?.name} cannot be used`,
      `.tiers.${service}.filter.pattern`,
      filter?.pattern,
    ]),
    ...Object.keys(lua.locations).map((name): Candidate => [`the Lua of ${name} cannot be used`, `.lua.locations.${name}`, name]),
  ];
  const found = candidates.find(([words]) => said.includes(words));
  return found && [found[1], found[2]];
}

/** The script that writes the configuration and has nginx check it. */
export function renderTrial(files: Readonly<Record<string, string>>, engine: GatewayEngine): string {
  const folders = new Set(Object.keys(files).map((path) => `${FOLDER}/${path}`.replace(/\/[^/]*$/, "")));
  return [
    "set -eu",
    `mkdir -p ${[...folders].sort().join(" ")}`,
    ...Object.entries(files).map(([path, content]) => heredoc(`cat > ${shellWord(`${FOLDER}/${path}`)}`, content)),
    shellCommand(gatewayCheck(FOLDER, engine)),
    "",
  ].join("\n");
}

/** What nginx says, without the folder that nobody knows. */
function wordsOf(said: string): string {
  const faults = said.split("\n").filter((line) => /\[(emerg|alert|crit|error)\]/.test(line));
  const lines = faults.length > 0 ? faults : said.trim().split("\n").slice(-1);
  return lines.map((line) => line.replace(/^nginx: /, "").replaceAll(`${FOLDER}/`, "")).join("; ");
}
