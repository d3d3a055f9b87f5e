/** A block of nginx's configuration; an empty line at its end is dropped. */
export function block(head: string, lines: readonly string[]): string {
  const body = lines.filter((line, i) => !(line === "" && i === lines.length - 1)).join("\n");
  return `${head} {\n${body.replace(/^(?=.)/gm, "    ")}\n}`;
}
