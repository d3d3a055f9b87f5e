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
  reportFaults([
    {
      path: name,
      value: {
        ...(patterns.length > 0 && { guardedPaths: patterns }),
        ...(filters.length > 0 && { filters }),
        ...(hasLua(gateway) && { lua: Object.keys(gateway.lua.locations) }),
        modules: gateway.modules,
      },
      remedy: `must be what nginx takes, which says: ${wordsOf(said)}`,
    },
  ]);
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
