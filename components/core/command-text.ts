/**
 * What a stack's state keeps of keys, configurations and limits is the text of the commands that made them; here it is read off that text again,
 * for whoever compares it with what there is. Each reads what a renderer beside it writes: none of them makes a resource.
 */
import { shellWord, shellWords } from "./shell";

/**
 * Shell function `tree`: what a folder has, a line for each file, so that two folders with the same files print the same: first its permissions,
 * owner and path, then the digest and path of what is in it. Only the software's own image is there to run it in.
 */
export const TREE_FUNCTION = `tree() { (cd "$1" && find . ! -type d -exec stat -c '%a %u:%g %n' {} + | sort && find . -type f -exec sha256sum {} + | sort); }`;

/** The folder that a stage script writes: where the configuration is mounted, and the version. */
export function stagedFolder(script: string): { readonly mountPath: string; readonly version: string } | undefined {
  const [, mountPath, version] = /\necho (\/\S+)\/([0-9a-f]{16})\n$/.exec(script) ?? [];
  return mountPath === undefined || version === undefined ? undefined : { mountPath, version };
}

/** The volume that an install command fills, by its name on the engine, read off its text. */
export function filledVolume(command: string): string | undefined {
  return / run --rm -i .* -v (\S+):\/\S+ --security-opt .* -s <"\$pipes\/in" /.exec(command)?.[1];
}

/** The keys and values that a register command writes, read off its text: the state keeps nothing else of them. */
export function registeredKeys(command: string): ReadonlyMap<string, string> {
  const puts = command.split("\n").flatMap((line) => {
    const [, words] = /^consul kv put (.*) \|\| exit 1$/.exec(line) ?? [];
    const [key, value] = words === undefined ? [] : shellWords(words);
    return key === undefined || value === undefined ? [] : [[key, value] as const];
  });
  return new Map(puts);
}

/** A script that prints all keys below the prefixes of those that a register command writes, asking as that does: a JSON list in each line. */
export function renderKeysQuestion(command: string): string {
  const consul = command.split("\n").find((line) => line.startsWith("consul() {")) ?? "";
  const prefixes = new Set([...registeredKeys(command).keys()].map((key) => key.split("/").slice(0, -2).join("/")));
  const ask = (prefix: string) => `consul kv export ${shellWord(`${prefix}/`)} || exit 1; printf '%s' "$said" | tr -d '\\n'; echo`;
  return ["set -u", consul, ...[...prefixes].sort().map(ask)].join("\n");
}

/** The limit on processes that a gate sets, read off its command. */
export function gatedPids(command: string): number | undefined {
  const [, pids] = /\$docker update --pids-limit (\d+) /.exec(command) ?? [];
  return pids === undefined ? undefined : Number(pids);
}
