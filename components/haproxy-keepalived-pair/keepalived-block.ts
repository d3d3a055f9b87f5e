/** A section of keepalived's configuration, with lines and sections in it. */
export interface Block {
  readonly title: string;
  readonly body: readonly (string | Block)[];
}

export function block(title: string, body: readonly (string | Block)[]): Block {
  return { title, body };
}

/** A command as keepalived takes it. Its words have been checked: none needs a quote within. */
export function command(argv: readonly string[]): string {
  return `"${argv.join(" ")}"`;
}

export function renderBlocks(blocks: readonly Block[]): string {
  return `${blocks.map((each) => renderBlock(each, "")).join("\n\n")}\n`;
}

function renderBlock({ title, body }: Block, indent: string): string {
  const inner = `${indent}    `;
  const lines = body.map((entry) => (typeof entry === "string" ? line(entry, inner) : renderBlock(entry, inner)));
  return [`${indent}${title} {`, ...lines, `${indent}}`].join("\n");
}

/** A line for some configurations only begins with its @. */
function line(entry: string, indent: string): string {
  return entry.startsWith("@") ? entry : `${indent}${entry}`;
}
