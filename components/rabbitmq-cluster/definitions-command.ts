import { shellCommand, shellWord } from "../core/shell";
import { apiCommand } from "./rabbitmq-conf";
import type { Broker } from "./rabbitmq-gate";

/** Name of the global parameter in which a cluster keeps what was declared of it: it lives as long as what it tells of. */
const RECORD = "dockyard";

/**
 * An answer that is an error ends with its status: what curl says of it comes by another stream, and `docker exec` mixes the two letter by letter.
 */
const STATUS = ["--no-show-error", "--write-out", "%{onerror}\\n%{http_code}"];

/**
 * Makes a running cluster as it is declared: the definitions come by standard input.
 *
 * What was declared before and is no more is removed; what somebody made by hand is left alone. What was declared is read from the cluster
 * itself, so that a removal is not forgotten over an `npm run down`. What is about to be declared is written down before it is: a run that is
 * cut leaves nothing that the next one does not know of. A vhost with queues is not taken away: the run is refused before it changes anything.
 */
export function renderApplyDefinitions(brokers: readonly Broker[], managed: readonly string[]): string {
  const send = ["--header", "content-type: application/json", "--data-binary", "@-"];
  const choose = brokers.map(
    ({ docker, container }) =>
      `if ${shellCommand(docker)} exec ${container} ${apiCommand("overview?columns=node")} >/dev/null 2>&1; then broker() { ${shellCommand(docker)} exec -i ${container} "$@"; }; break; fi`,
  );
  return [
    "set -u",
    "definitions=$(cat)",
    `wanted=${shellWord(` ${managed.join(" ")} `)}`,
    "deadline=$(($(date +%s) + 60))",
    "while :; do",
    ...choose.map((line) => `  ${line}`),
    '  if [ "$(date +%s)" -ge "$deadline" ]; then echo "no broker answers" >&2; exit 1; fi',
    "  sleep 0.5",
    "done",
    `before=$(broker ${apiCommand(`global-parameters/${RECORD}`, ...STATUS)}) || case $before in *404) before= ;; *) echo "what was declared cannot be read: $before" >&2; exit 1 ;; esac`,
    `before=$(printf %s "$before" | sed -n 's/.*"value":"\\([^"]*\\)".*/\\1/p')`,
    `record() { printf '{"name":"${RECORD}","value":"%s"}' "$1" | broker ${apiCommand(`global-parameters/${RECORD}`, "--request", "PUT", ...send)} >&2 || exit 1; }`,
    'removed=; for path in users/guest $before; do case $wanted in *" $path "*) ;; *) removed="$removed $path" ;; esac; done',
    "for path in $removed; do",
    "  case $path in vhosts/*)",
    `    queues=$(broker ${apiCommand("queues/${path#vhosts/}?columns=name", ...STATUS)}) || case $queues in *404) continue ;; *) echo "the queues of \${path#vhosts/} cannot be listed: $queues" >&2; exit 1 ;; esac`,
    '    if [ "$queues" != "[]" ]; then echo "the vhost ${path#vhosts/} still has queues, and they would go with it: $queues. Delete them, or declare the vhost again" >&2; exit 1; fi',
    "  esac",
    "done",
    `both=\${wanted# }; for path in $before; do case $wanted in *" $path "*) ;; *) both="$both$path " ;; esac; done`,
    'record "$both"',
    // Shell's own printf: the definitions are on no command line.
    `printf %s "$definitions" | broker ${apiCommand("definitions", "--request", "POST", ...send)} >&2 || exit 1`,
    "for path in $removed; do",
    // What went with its user or its vhost is gone already.
    `  said=$(broker ${apiCommand("$path", "--request", "DELETE", ...STATUS)}) || case $said in *404) ;; *) echo "$path cannot be removed: $said" >&2; exit 1 ;; esac`,
    "done",
    'record "${wanted# }"',
  ].join("\n");
}
