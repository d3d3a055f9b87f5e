/** Quotes one word for a POSIX shell. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The words of a line that {@link shellWord} quoted. */
export function shellWords(line: string): string[] {
  const quoted = [...line.matchAll(/((?:[\w@%+=:,./-]|'[^']*'|\\')+)/g)].map(([word]) => word);
  return quoted.map((word) => word.replaceAll(/'([^']*)'|\\'/g, (_, inside?: string) => inside ?? "'"));
}

/** A command line for a POSIX shell from an argument array. */
export function shellCommand(argv: readonly string[]): string {
  return argv.map(shellWord).join(" ");
}

/**
 * A heredoc that hands `text` to `command` unchanged.
 *
 * The delimiter grows until no line of the text equals it, so no content can end the heredoc early.
 */
export function heredoc(command: string, text: string): string {
  const lines = new Set(text.split("\n"));
  let delimiter = "EOF";
  while (lines.has(delimiter)) delimiter += "_";
  return `${command} <<'${delimiter}'\n${text.endsWith("\n") ? text : `${text}\n`}${delimiter}`;
}

/**
 * Shell words for a container's state: `running`, `exited`, …, or nothing where there is no such container.
 *
 * Unlike `docker inspect` it tells an absent container, which is an answer, from an engine that cannot be asked, which is a failure.
 */
export function containerState(docker: readonly string[], container: string, format = "{{.State}}"): string {
  return shellCommand([...docker, "ps", "--all", "--filter", `name=^${container}$`, "--format", format]);
}
