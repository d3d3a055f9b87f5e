/** A block of nginx's configuration; an empty line at its end is dropped. */
export function block(head: string, lines: readonly string[]): string {
  const body = lines.filter((line, i) => !(line === "" && i === lines.length - 1)).join("\n");
  return `${head} {\n${body.replace(/^(?=.)/gm, "    ")}\n}`;
}

/** A word of nginx's configuration in double quotes, which takes any text; variables in it stay variables. */
export function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
