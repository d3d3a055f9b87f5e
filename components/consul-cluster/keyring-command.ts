import { heredoc, shellCommand } from "../core/shell";
import { CONSUL_HTTP_PORT } from "./consul-config";
import type { ConsulNode } from "./consul-gate";

/** The key that gossip is to be encrypted with, and those that are to be understood as well, each once and a line each. */
export function renderGossipKeys(keys: readonly string[]): string {
  return [...new Set(keys)].map((key) => `${key}\n`).join("");
}

/**
 * Makes the keyring of all servers what comes by standard input: every key is there before one is used, and others go after that.
 *
 * It speaks to the server's API and not by its command line, which would show the keys. An image has `nc` or `bash`, by which that can be done.
 */
const CHANGE = [
  "set -u",
  `talk() { if command -v nc >/dev/null; then nc 127.0.0.1 ${CONSUL_HTTP_PORT}; else bash -c 'exec 3<>/dev/tcp/127.0.0.1/${CONSUL_HTTP_PORT} && cat >&3 && cat <&3'; fi; }`,
  "ask() {",
  `  said=$(printf '%s /v1/operator/keyring HTTP/1.0\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "$1" "\${#2}" "$2" | talk)`,
  "  case $said in 'HTTP/1.'?' 200'*) ;; *) echo \"the keyring cannot be changed by $1: $said\"; exit 1 ;; esac",
  "}",
  `key() { ask "$1" '{"Key":"'"$2"'"}'; }`,
  "used=; wanted=",
  "while read -r each; do",
  '  used=${used:-$each}; wanted="$wanted $each "',
  '  key POST "$each"',
  "done",
  'key PUT "$used"',
  "ask GET ''",
  `for each in $(printf %s "$said" | grep -o '"[A-Za-z0-9+/]*="' | tr -d '"' | sort -u); do`,
  '  case $wanted in *" $each "*) ;; *) key DELETE "$each" ;; esac',
  "done",
].join("\n");

/** Has the servers take other keys, asked of the first that answers: it tells the others, and fails where one of them does not hear it. */
export function renderKeyringCommand(servers: readonly ConsulNode[]): string {
  const attempts = servers.map(
    ({ docker, container }) => `said=$(printf '%s\\n' "$keys" | ${shellCommand(docker)} exec -i ${container} sh -c "$script" 2>&1)`,
  );
  return [
    "set -u",
    "keys=$(cat)",
    `${heredoc("script=$(cat", CHANGE)}\n)`,
    `${attempts.join(" ||\n")} ||\n  { echo "$said" >&2; exit 1; }`,
  ].join("\n");
}
