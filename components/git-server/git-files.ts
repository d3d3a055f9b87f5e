import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const GIT_CONFIG_PATH = "/etc/git-server";
const CURRENT = `${GIT_CONFIG_PATH}/current`;
/** The home of the image's user. */
export const REPOSITORIES_PATH = "/repositories";

/** A repository as it is made. */
export interface DeclaredRepository {
  readonly name: string;
  readonly branch: string;
}

const SCRIPTS = { start: "start", create: "create", session: "session", "hooks/post-receive": "post-receive" } as const;

/** What the server runs, by its path in the configuration folder; git asks that a hook may be run. */
export function gitScripts(): { path: string; content: string; mode: string }[] {
  return Object.entries(SCRIPTS).map(([path, file]) => ({
    path,
    content: readFileSync(join(dirname(__filename), "scripts", file), "utf8"),
    mode: "0555",
  }));
}

/** A line for each repository: its name, and the branch that it begins with. */
export function renderRepositories(repositories: readonly DeclaredRepository[]): string {
  return repositories.map(({ name, branch }) => `${name} ${branch}\n`).join("");
}

/** A line for each address from which repositories are only read. */
export function renderReaders(addresses: readonly string[]): string {
  return [...new Set(addresses)].map((address) => `${address}\n`).join("");
}

/** What each request is told for itself: curl forgets it at the next one. */
const REQUEST = ["request = POST", "fail", "silent", "show-error", 'noproxy = "*"', "max-time = 2"];

/** curl's configuration for all requests that a push makes, side by side: each with two seconds of its own. */
export function renderListeners(urls: readonly string[]): string {
  const requests = urls.map((url) => [...REQUEST, `url = "${url.replace(/[\\"]/g, "\\$&")}"`, ""].join("\n"));
  return `parallel\nparallel-immediate\nno-progress-meter\n${requests.join("next\n")}`;
}

/** What every login runs, as the mesh's files have it. */
export const SESSION_COMMAND = `/bin/sh ${CURRENT}/session`;

/** Makes what is missing, and becomes the SSH server. */
export function startCommand(server: readonly string[]): string[] {
  return ["/bin/sh", `${CURRENT}/start`, ...server];
}

export function createCommand(): string[] {
  return ["/bin/sh", `${CURRENT}/create`];
}

/** Has the shell read every script, and git every branch's name. */
export function filesCheck(folder: string): string[] {
  const script = [
    "set -e",
    ...Object.keys(SCRIPTS).map((path) => `/bin/sh -n "$1/${path}"`),
    'while read -r name branch; do [ -z "$name" ] || git check-ref-format "refs/heads/$branch"; done < "$1/repositories"',
  ];
  return ["/bin/sh", "-c", script.join("\n"), "sh", folder];
}
