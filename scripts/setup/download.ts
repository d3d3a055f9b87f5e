import { createHash } from "node:crypto";
import { SetupError } from "./shell";

/** How long a server may take to begin its answer, and then to send more of it, in ms: on a machine without a way out the next way is tried soon. */
const PATIENCE = 10_000;

/** Hexadecimal digits of a SHA-512, by which it is told from a SHA-256. */
const SHA_512_DIGITS = 128;

/**
 * Fetches a file and compares it with the checksum file published beside it.
 *
 * @returns the file's bytes, or undefined where the server cannot be reached.
 * @throws {SetupError} when the file arrives but is not the one that the checksum names.
 */
export async function download(url: string, checksumsUrl: string): Promise<Uint8Array | undefined> {
  const checksums = await fetchBytes(checksumsUrl);
  const file = checksums && (await fetchBytes(url));
  if (!checksums || !file) return undefined;
  const name = url.slice(url.lastIndexOf("/") + 1);
  const wanted = checksumOf(name, new TextDecoder().decode(checksums));
  const algorithm = wanted?.length === SHA_512_DIGITS ? "SHA-512" : "SHA-256";
  const found = createHash(algorithm).update(file).digest("hex");
  if (found !== wanted) {
    throw new SetupError(
      `${url}: its ${algorithm} is ${found}, but ${checksumsUrl} says ${wanted ?? "nothing of it"}; nothing was installed, try again later`,
    );
  }
  return file;
}

/**
 * The sum of a file: in a list that names its files, alone in a file of its own, or as GnuPG prints it, behind the name in groups of capitals over
 * several lines.
 */
export function checksumOf(name: string, text: string): string | undefined {
  const grouped = text.startsWith(`${name}:`)
    ? text
        .slice(name.length + 1)
        .replaceAll(/\s/g, "")
        .toLowerCase()
    : "";
  if (/^[0-9a-f]{64,}$/.test(grouped)) return grouped;
  const lines = text.trim().split("\n");
  const line =
    lines.find((each) => each.endsWith(name)) ?? (lines.length === 1 && /^[0-9a-f]+$/.test(lines[0] ?? "") ? lines[0] : undefined);
  return line?.split(/\s+/)[0];
}

async function fetchBytes(url: string): Promise<Uint8Array | undefined> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE);
  const chunks: Uint8Array[] = [];
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || response.body === null) return undefined;
    for await (const chunk of response.body) {
      timer.refresh();
      chunks.push(chunk as Uint8Array);
    }
    return Buffer.concat(chunks);
  } catch {
    // Unreachable is an ordinary answer here: the caller has another way.
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
