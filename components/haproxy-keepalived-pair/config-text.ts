import type { Checks } from "../core/errors";

/** Names of sections, servers, instances and scripts: one word in either configuration, and nothing that either reads as more. */
export const SECTION_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,47}$/;

/** Words of a command that keepalived runs: it splits at spaces, and knows quotes, comments and variables of its own. */
const COMMAND_WORD = /^[\w@%+=:,./-]+$/;

const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;

export function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

export function checkPort(checks: Checks, path: string, port: number): void {
  checks.that(isWhole(port, 1, 65_535), path, port, "must be a port from 1 to 65535");
}

export function checkHost(checks: Checks, path: string, host: string): void {
  checks.that(HOST_NAME.test(host), path, host, "must be a host name or an IPv4 address");
}

export function checkName(checks: Checks, path: string, name: string): void {
  checks.that(SECTION_NAME.test(name), path, name, "must be called by letters, digits, _ and inner hyphens, a letter first, up to 48");
}

/** Text that HAProxy takes between single quotes, where nothing else than they themselves has a meaning. */
export function checkQuotable(checks: Checks, path: string, text: string): void {
  checks.that(/^[ -&(-~]+$/.test(text), path, text, "must be printable ASCII without a single quote or a line break, and not empty");
}

/** A word for HAProxy, quoted where it needs to be. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text}'`;
}

/** Directives that a user writes: whole lines of their own section. */
export function checkLines(checks: Checks, path: string, lines: readonly string[]): void {
  const sections = /^(global|defaults|frontend|backend|listen|userlist|peers|resolvers|mailers|program|cache|ring|http-errors|fcgi-app)\b/;
  for (const [i, line] of lines.entries()) {
    checks
      .that(/^[ -~]+$/.test(line), `${path}[${i}]`, line, "must be one line of printable ASCII; give each directive an entry of its own")
      .that(!sections.test(line.trim()), `${path}[${i}]`, line, "must be a directive of its section, not the beginning of another one");
  }
}

/** A command for keepalived: a program of the image by its path, or one of `files` by its name, and its arguments. */
export function checkCommand(checks: Checks, path: string, command: readonly string[], files: readonly string[]): void {
  const [program = "", ...words] = command;
  checks.that(
    program.startsWith("/") || files.includes(program),
    path,
    command,
    `must begin with the path of a program in the image, or the name of a file (${files.join(", ") || "there are none"})`,
  );
  for (const word of [program, ...words])
    checks.that(COMMAND_WORD.test(word), path, word, "must be words of letters, digits and @%+=:,./_-; put anything else into a file");
}
