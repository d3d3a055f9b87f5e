import { TREE_FUNCTION } from "../../components/core/command-text";
import { heredoc } from "../../components/core/shell";
import { DeclaredConfiguration } from "./declared";
import { Difference } from "./difference";

/** Where the volumes are mounted that are compared, each in a folder called by its place. */
const LIVE = "/dockyard-live";

/**
 * Options and image of the container in which the configurations of one host are written anew, into memory, to be compared with what is on
 * their volumes, which it can only read.
 */
export function comparingContainer(label: string, image: string, configurations: readonly DeclaredConfiguration[]): string[] {
  const memory = [...new Set(["/tmp", ...configurations.map(({ mountPath }) => mountPath)])];
  return [
    ...["run", "--rm", "--interactive", "--pull", "never", "--label", `dockyard.stack=${label}`, "--network", "none", "--read-only"],
    ...["--user", "0:0", "--security-opt", "no-new-privileges", "--cap-drop", "ALL"],
    // As when they are installed.
    ...["CHOWN", "DAC_OVERRIDE", "FOWNER"].flatMap((capability) => ["--cap-add", capability]),
    ...memory.flatMap((folder) => ["--tmpfs", `${folder}:mode=0755`]),
    ...configurations.flatMap(({ volume }, index) => ["--volume", `${volume}:${LIVE}/${index}:ro`]),
    ...["--entrypoint", "/bin/sh", image, "-s"],
  ];
}

/** What that container runs: each configuration is written as it was rendered, and told beside what is there. */
export function renderComparison(configurations: readonly DeclaredConfiguration[]): string {
  return [
    "set -eu",
    TREE_FUNCTION,
    ...configurations.flatMap(({ script }, index) => [
      heredoc("folder=$(sh -s", script),
      ")",
      `echo "= ${index} $(readlink ${LIVE}/${index}/current || true)"`,
      `tree ${LIVE}/${index}/current 2>/dev/null || true`,
      `echo "= ${index} rendered"`,
      'tree "$folder"',
      'rm -rf "$folder"',
    ]),
    "echo =",
    "",
  ].join("\n");
}

interface Tree {
  /** Permissions and owner by path. */
  readonly modes: ReadonlyMap<string, string>;
  /** Digest of what is in it by path, of plain files. */
  readonly digests: ReadonlyMap<string, string>;
}

/**
 * How configurations differ from what was rendered, by what their comparison printed.
 *
 * @throws {Error} where the comparison did not come to its end, or could not list files.
 */
export function configurationDifferences(configurations: readonly DeclaredConfiguration[], printed: string): Difference[] {
  const parts = printed.split(/^= ?/m).slice(1);
  if (parts.length !== configurations.length * 2 + 1) throw new Error(`the configurations cannot be compared: ${printed.slice(-300)}`);
  return configurations.flatMap((configuration, index) => {
    const [live = "", rendered = ""] = parts.slice(index * 2);
    const [head = "", ...lines] = live.split("\n");
    const tree = readTree(rendered.split("\n").slice(1));
    if (tree.modes.size === 0)
      throw new Error(`the files of ${configuration.name} cannot be listed: the image has no find, stat or sha256sum`);
    const version = head.split(" ")[1] ?? "";
    const differs = version === "" ? ["it has no version in use"] : treeDifferences(readTree(lines), tree);
    const other = differs.length === 0 && version !== configuration.version ? [`the version ${version} is in use`] : [];
    return [...differs, ...other].map((each) => differenceOf(configuration, each));
  });
}

function differenceOf({ urn, name, host, install, script, gate }: DeclaredConfiguration, differs: string): Difference {
  return {
    ...{ kind: "configuration", host: host.name, name, urn, differs },
    repair: { commands: [["sh", "-c", install]], input: script, ...(gate && { gate }) },
  };
}

function readTree(lines: readonly string[]): Tree {
  const [modes, digests] = [new Map<string, string>(), new Map<string, string>()];
  for (const line of lines) {
    const [, digest, plain] = /^([0-9a-f]{64}) [ *]\.\/(.+)$/.exec(line) ?? [];
    const [, mode, path] = /^(\d+ \d+:\d+) \.\/(.+)$/.exec(line) ?? [];
    if (digest !== undefined && plain !== undefined) digests.set(plain, digest);
    else if (mode !== undefined && path !== undefined) modes.set(path, mode);
  }
  return { modes, digests };
}

function treeDifferences(live: Tree, rendered: Tree): string[] {
  const paths = [...new Set([...live.modes.keys(), ...rendered.modes.keys()])].sort();
  return paths.flatMap((path) => {
    const [now, then] = [live.modes.get(path), rendered.modes.get(path)];
    if (now === undefined) return [`${path} is missing`];
    if (then === undefined) return [`${path} is not the stack's`];
    if (live.digests.get(path) !== rendered.digests.get(path)) return [`${path} was edited`];
    return now === then ? [] : [`${path} has mode and owner ${now} instead of ${then}`];
  });
}
