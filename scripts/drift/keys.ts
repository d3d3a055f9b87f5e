import { DeclaredKeys } from "./declared";
import { Difference } from "./difference";

/** Values by their keys, from the lists that `consul kv export` prints, one in each line. */
export function exportedKeys(printed: string): ReadonlyMap<string, string> {
  const entries = printed
    .split("\n")
    .filter(Boolean)
    .flatMap((line) => JSON.parse(line) as { key: string; value: string }[]);
  return new Map(entries.map(({ key, value }) => [key, Buffer.from(value, "base64").toString()]));
}

/** The most characters of a value that are told. */
const SHOWN = 200;

/** How the keys of an instance differ from those that the stack wrote; the values of those that are secret are not told. */
export function keyDifferences({ urn, keys, register, isSecret }: DeclaredKeys, live: ReadonlyMap<string, string>): Difference[] {
  return [...keys].flatMap(([key, value]): Difference[] => {
    const now = live.get(key);
    if (now === value) return [];
    const other = isSecret ? "has another value, which is secret" : `is ${shown(now ?? "")} instead of ${shown(value)}`;
    const differs = now === undefined ? "is missing" : other;
    return [{ kind: "key", host: undefined, name: key, urn, differs, repair: { commands: [["sh", "-c", register]] } }];
  });
}

/** A value on one line, of which a terminal does nothing but show it: anybody may have written it. */
function shown(value: string): string {
  const plain = /^[\x20-\x7e]+$/.test(value) ? value : JSON.stringify(value).replace(/[^\x20-\x7e]/g, "\ufffd");
  return plain.length > SHOWN ? `${plain.slice(0, SHOWN)}… (${value.length} characters)` : plain;
}
