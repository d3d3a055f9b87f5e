import { containerState, shellCommand, shellWord } from "../core/shell";
import { ALSO_LISTENS, CURRENT, MESH_FILES, MESH_PATH, RUN_PATH } from "./mesh-files";

/** The server in the foreground, with its log on the container's; its path is absolute because it runs itself again for every login. */
export function sshdCommand(): string[] {
  return ["/usr/sbin/sshd", "-D", "-e", "-f", `${CURRENT}/${MESH_FILES.serverConfig}`];
}

/** Has a node log in to itself: that takes both its keys, its pinned host key and its own entry among the authorized ones. */
export function sshProbe(): string[] {
  return ["ssh", "-F", `${CURRENT}/${MESH_FILES.clientConfig}`, "localhost", "true"];
}

/** Has OpenSSH itself read every file of a client's folder, before it is in use. */
export function clientCheck(folder: string): string[] {
  return shellCheck(folder, CLIENT_CHECKS);
}

/** The same of a node's folder, which has a server's files as well. */
export function nodeCheck(folder: string): string[] {
  return shellCheck(folder, [...CLIENT_CHECKS, ...SERVER_CHECKS]);
}

const CLIENT_CHECKS = [
  `ssh -G -F "$1/${MESH_FILES.clientConfig}" localhost >/dev/null`,
  // Two while one takes the place of the other.
  `for key in "$1/${MESH_FILES.loginKey}"*; do ssh-keygen -y -P '' -f "$key" >/dev/null; done`,
  `ssh-keygen -l -f "$1/${MESH_FILES.knownHosts}" >/dev/null`,
];

const SERVER_CHECKS = [
  // The host key is given on the command line as well, because the path in the file is that of the folder in use.
  `/usr/sbin/sshd -t -f "$1/${MESH_FILES.serverConfig}" -h "$1/${MESH_FILES.hostKey}"`,
  `ssh-keygen -y -P '' -f "$1/${MESH_FILES.hostKey}" >/dev/null`,
  `ssh-keygen -l -f "$1/${MESH_FILES.authorizedKeys}" >/dev/null`,
];

function shellCheck(folder: string, checks: readonly string[]): string[] {
  return ["/bin/sh", "-c", ["set -e", ...checks].join("\n"), "sh", folder];
}

/**
 * Makes the server take up a changed host key or setting, and waits until it has.
 *
 * Who may log in is read at every login, so a node that comes or goes does not touch the servers of the others: the server, which does not
 * listen for a moment while it starts anew, is signalled only when no PID file is called after its current configuration. One that moves listens
 * where it did as well, for those who do not know yet, from {@link openCommand} until {@link settleCommand}.
 */
export function sshdReload(): string[] {
  const script = [
    ...SERVER_FUNCTIONS,
    'if ! server "$wanted"; then',
    // Beside the configuration in use lies the one before.
    `  grep -h '^ListenAddress ' ${MESH_PATH}/*/${MESH_FILES.serverConfig} | sort -u | grep -vxF "$(grep '^ListenAddress ' ${CURRENT}/${MESH_FILES.serverConfig})" > ${ALSO_LISTENS} || true`,
    "fi",
    "take_up",
  ];
  return ["/bin/sh", "-c", script.join("\n")];
}

const SERVER_FUNCTIONS = [
  "set -eu",
  `wanted=$(sed -n 's/^PidFile //p' ${CURRENT}/${MESH_FILES.serverConfig})`,
  // A server that was killed leaves its file behind, and its number may be another process's by now.
  'server() { pid=$(cat "$1" 2>/dev/null) && case $(cat "/proc/$pid/comm" 2>/dev/null) in sshd | sshd.*) ;; *) false ;; esac; }',
  "take_up() {",
  "  tries=0",
  "  again=0",
  '  until server "$wanted"; do',
  '    [ "$tries" -lt 100 ] || { echo "sshd has not taken its new configuration up within 10 s" >&2; exit 1; }',
  // A signal is lost on one that is just starting; one too many would close the listener on logins that the new start has let in.
  '    if [ "$tries" -ge "$again" ]; then',
  `      for file in ${RUN_PATH}/*.pid; do`,
  '        if server "$file"; then kill -HUP "$pid" || true; again=$((tries + 20)); break; fi',
  "      done",
  "    fi",
  "    tries=$((tries + 1))",
  "    sleep 0.1",
  "  done",
  "}",
  // Where it listens else is no part of what its PID file is called after; it writes one when it has started anew.
  "listen_anew() {",
  '  if server "$wanted"; then mv "$wanted" "$wanted.old.pid"; fi',
  "  take_up",
  '  rm -f "$wanted.old.pid"',
  "}",
];

/** A node's container, and how to reach the engine that runs it. */
export interface MeshContainer {
  readonly docker: readonly string[];
  readonly container: string;
  /** Where its server is to listen, `<address>:<port>`. */
  readonly listens: string;
}

/**
 * Has the servers that run listen at another port as well, before anybody is told of it.
 *
 * One that gets another address gets it with another container.
 */
export function openCommand(nodes: readonly MeshContainer[]): string {
  return inEach(nodes, [
    ...SERVER_FUNCTIONS,
    `grep -q "^ListenAddress \${1%:*}:" ${CURRENT}/${MESH_FILES.serverConfig} || exit 0`,
    `! grep -qxF "ListenAddress $1" ${CURRENT}/${MESH_FILES.serverConfig} || exit 0`,
    `grep -sqxF "ListenAddress $1" ${ALSO_LISTENS} || echo "ListenAddress $1" >> ${ALSO_LISTENS}`,
    "listen_anew",
  ]);
}

/** Has the servers that run listen only where they are by now: everyone has been told. */
export function settleCommand(nodes: readonly MeshContainer[]): string {
  return inEach(nodes, [...SERVER_FUNCTIONS, `[ -s ${ALSO_LISTENS} ] || exit 0`, `rm ${ALSO_LISTENS}`, "listen_anew"]);
}

function inEach(nodes: readonly MeshContainer[], script: readonly string[]): string {
  return [
    "set -eu",
    `script=${shellWord(script.join("\n"))}`,
    ...nodes.flatMap(({ docker, container, listens }) => [
      `state=$(${containerState(docker, container)})`,
      `[ "$state" != running ] || ${shellCommand(docker)} exec ${container} /bin/sh -c "$script" sh ${listens} >&2`,
    ]),
  ].join("\n");
}
