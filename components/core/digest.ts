import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * A short digest of files, and of every file below folders: their paths and contents.
 *
 * @param root Folder that the paths are relative to, so that the digest is the same in every checkout.
 */
export function digestOf(root: string, paths: readonly string[]): string {
  const digest = createHash("sha256");
  for (const file of paths.flatMap((path) => filesOf(root, path))) {
    digest
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  }
  return digest.digest("hex").slice(0, 12);
}

function filesOf(root: string, path: string): string[] {
  if (statSync(join(root, path)).isFile()) return [path];
  return readdirSync(join(root, path))
    .sort()
    .flatMap((entry) => filesOf(root, join(path, entry)));
}

/** A short digest of texts, in their order. */
export function digestOfText(texts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 12);
}
