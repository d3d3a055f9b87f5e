import { shellCommand, shellWord } from "../core/shell";
import { apiCommand } from "./rabbitmq-conf";
import type { Broker } from "./rabbitmq-gate";

/** Name of the global parameter in which a cluster keeps what was declared of it: it lives as long as what it tells of. */
const RECORD = "dockyard";

/**
 * Makes a running cluster as it is declared: the definitions come by standard input.
 *
 * What was declared before and is no more is removed; what somebody made by hand is left alone. What was declared is read from the cluster
 * itself, so that a removal is not forgotten over an `npm run down`. A vhost with queues stays, and the run fails.
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
    // Shell's own printf: the definitions are on no command line.
    `printf %s "$definitions" | broker ${apiCommand("definitions", "--request", "POST", ...send)} >&2 || exit 1`,
    `before=$(broker ${apiCommand(`global-parameters/${RECORD}`)} 2>/dev/null | sed -n 's/.*"value":"\\([^"]*\\)".*/\\1/p')`,
    "for path in users/guest $before; do",
    '  case $wanted in *" $path "*) continue ;; esac',
    "  case $path in vhosts/*)",
    `    queues=$(broker ${apiCommand("queues/${path#vhosts/}?columns=name")} 2>&1) || case $queues in *404*) continue ;; esac`,
    '    if [ "$queues" != "[]" ]; then echo "the vhost ${path#vhosts/} still has queues, and they would go with it: $queues. Delete them, or declare the vhost again" >&2; exit 1; fi',
    "  esac",
    // What went with its user or its vhost is gone already.
    `  said=$(broker ${apiCommand("$path", "--request", "DELETE")} 2>&1) || case $said in *404*) ;; *) echo "$path cannot be removed: $said" >&2; exit 1 ;; esac`,
    "done",
    `printf '{"name":"${RECORD}","value":"%s"}' "\${wanted# }" | broker ${apiCommand(`global-parameters/${RECORD}`, "--request", "PUT", ...send)} >&2 || exit 1`,
  ].join("\n");
}
