import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * A short digest of every file below some folders: their paths and contents.
 *
 * @param root Folder that the others are relative to, so that the digest is the same in every checkout.
 */
export function folderDigest(root: string, folders: readonly string[]): string {
  const digest = createHash("sha256");
  for (const file of folders.flatMap((folder) => filesBelow(root, folder))) {
    digest
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  }
  return digest.digest("hex").slice(0, 12);
}

function filesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(root, join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort();
}
