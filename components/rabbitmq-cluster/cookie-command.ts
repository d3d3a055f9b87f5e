import { heredoc, shellCommand } from "../core/shell";
import type { Broker } from "./rabbitmq-gate";

/** The cookie that brokers are to have, and those that they may have now, each once and a line each. */
export function renderCookies(cookies: readonly string[]): string {
  return [...new Set(cookies)].map((cookie) => `${cookie}\n`).join("");
}

/** Seconds for one of the server's own tools, which starts an Erlang machine first. */
const TOOL_SECONDS = 30;

/**
 * Gives a broker that runs its cookie, asked with each of those that it may have. They come by standard input and are in files in memory: no
 * command line has them.
 */
const CHANGE = [
  "set -u",
  "umask 077",
  "home=$(mktemp -d /tmp/cookie.XXXXXX)",
  `trap 'rm -rf "$home"' EXIT`,
  "mapfile -t cookies",
  `printf "erlang:set_cookie('%s')." "\${cookies[0]}" > "$home/change"`,
  'for cookie in "${cookies[@]}"; do',
  '  printf %s "$cookie" > "$home/.erlang.cookie"',
  `  if said=$(HOME=$home timeout ${TOOL_SECONDS} rabbitmqctl --quiet eval_file "$home/change" 2>&1); then exit 0; fi`,
  "done",
  'echo "$said"',
  "exit 1",
].join("\n");

/**
 * Has all brokers take another cookie at once, so that one whose connection is cut meanwhile is away from the others for a second at most.
 *
 * The cookies come by standard input, see {@link renderCookies}.
 */
export function renderCookieCommand(brokers: readonly Broker[]): string {
  return [
    "set -u",
    "cookies=$(cat)",
    `${heredoc("script=$(cat", CHANGE)}\n)`,
    `change() { container=$1; shift; said=$(printf '%s\\n' "$cookies" | "$@" exec -i "$container" bash -c "$script" 2>&1) || { echo "$container does not take its cookie: $said" >&2; return 1; }; }`,
    "failed=0; running=",
    ...brokers.map(({ docker, container }) => `change ${container} ${shellCommand(docker)} & running="$running $!"`),
    'for each in $running; do wait "$each" || failed=1; done',
    "exit $failed",
  ].join("\n");
}
