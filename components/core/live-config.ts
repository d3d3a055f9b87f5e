import * as pulumi from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import { Command } from "@pulumi/command/local/command";
import { Volume } from "@pulumi/docker/volume";
import { TREE_FUNCTION } from "./command-text";
import { Host } from "./host";
import { deliverImage } from "./host-images";
import { engineName, ownershipLabels, stackId } from "./naming";
import { dependencies } from "./resource-options";
import { containerState, heredoc, shellCommand, shellWord } from "./shell";

/** One file of a configuration. */
export interface ConfigFile {
  /** Path below the configuration folder. */
  readonly path: string;

  /** Text; a secret makes the whole configuration secret in previews and the state. */
  readonly content: pulumi.Input<string>;

  /** Permissions in octal; a secret is for the software alone, "0400". @default "0444" */
  readonly mode?: string;
}

/** How a server takes its configuration. */
export interface LiveConfigArgs {
  /** Where the node's container mounts the configuration; the files are in `<mountPath>/current`. */
  readonly mountPath: string;

  readonly files: readonly ConfigFile[];

  /** Argument array with which the software itself checks the configuration in a folder. */
  readonly check: (folder: string) => readonly string[];

  /** Argument array that makes the running software take `current` up; absent where it only reads it when it starts. */
  readonly reload?: readonly string[];

  /** `uid:gid` of the software that owns and reads the files, where it is not the user of the node's container. @default the node's user */
  readonly user?: string;

  /**
   * Whether software that still runs with another image takes it up as well, where its own check accepts it: for what all nodes have to change
   * at the same time, before any of them is replaced. @default false
   */
  readonly together?: boolean;

  /** Linux capabilities that the check takes, as the container has them. @default none */
  readonly checkCapabilities?: readonly string[];
}

interface LiveConfigNode {
  readonly host: Host;
  readonly component: string;
  readonly image: string;
  /** `uid:gid` that owns the files. */
  readonly user: string;
  /** Last part of the volume's and the command's name, where a node has more than one configuration. @default "config" */
  readonly role?: string;
}

/** A node's configuration: the volume to mount, and the command that a change runs. */
export interface LiveConfig {
  readonly volumeName: string;
  readonly command: Command;
}

/**
 * A configuration that changes in place, while its container runs.
 *
 * The files of one version are written to a folder of their own, checked there by the software itself — inside the running container, or
 * in a throw-away one where the node does not run yet or is about to change its image — and only then does the link `current` move to them,
 * in one rename, and the software reloads. What fails its check never replaces what runs: the update fails with the software's own words.
 */
export function createLiveConfig(name: string, node: LiveConfigNode, args: LiveConfigArgs, opts: pulumi.CustomResourceOptions): LiveConfig {
  const { role = "config" } = node;
  const configName = `${name}-${role}`;
  const volume = new Volume(
    configName,
    {
      name: engineName(configName),
      labels: ownershipLabels(node.component, name),
    },
    { ...opts, provider: node.host.provider },
  );
  const owner = args.user ?? node.user;
  const contents = pulumi.all(args.files.map(({ content }) => content));
  const command = new Command(
    configName,
    {
      create: renderInstallCommand(engineName(name), engineName(configName), node, args),
      stdin: contents.apply((texts) => renderStageScript(owner, args, texts)),
    },
    { ...opts, dependsOn: [volume, ...dependencies(opts), ...deliverImage(node.host, node.image)] },
  );
  return { volumeName: engineName(configName), command };
}

/** The script, run as root in a throw-away container, that writes one version's files and prints its folder. */
export function renderStageScript(user: string, { mountPath, files }: LiveConfigArgs, contents: readonly string[]): string {
  const version = createHash("sha256")
    .update(JSON.stringify([user, files.map(({ path, mode = "0444" }) => [path, mode]), contents]))
    .digest("hex")
    .slice(0, 16);
  const folder = `${mountPath}/${version}`;
  return [
    "set -eu",
    `rm -rf ${folder}.part`,
    `mkdir -p ${folder}.part`,
    ...files.flatMap((file, index) => writeFile(`${folder}.part/${file.path}`, file, contents[index] ?? "")),
    `chown -R ${user} ${folder}.part`,
    // A version that is there already may be the one in use. It stays where it is the same to the byte; where somebody has edited it the edited
    // one stays in use, and beside the new one, under another name.
    TREE_FUNCTION,
    `if [ ! -d ${folder} ]; then mv ${folder}.part ${folder}`,
    `elif [ "$(tree ${folder})" = "$(tree ${folder}.part)" ]; then rm -rf ${folder}.part`,
    "else",
    `  rm -rf ${folder}.edited; cp -a ${folder} ${folder}.edited`,
    `  if [ "$(readlink ${mountPath}/current)" = ${version} ]; then ln -sfn ${version}.edited ${mountPath}/current.new; mv -T ${mountPath}/current.new ${mountPath}/current; fi`,
    `  rm -rf ${folder}; mv ${folder}.part ${folder}`,
    "fi",
    `echo ${folder}`,
    "",
  ].join("\n");
}

function writeFile(path: string, file: ConfigFile, content: string): string[] {
  const { mode = "0444" } = file;
  const quoted = shellWord(path);
  return [
    ...(file.path.includes("/") ? [`mkdir -p ${shellWord(path.slice(0, path.lastIndexOf("/")))}`] : []),
    `(umask 077; ${heredoc(`cat > ${quoted}`, content)}\n)`,
    `chmod ${mode} ${quoted}`,
  ];
}

/**
 * The command on the program's machine: stage, check, swap, reload.
 *
 * What is done as root is done by one throw-away container, which is told to go on when the check is over: to make and to remove one is most of
 * what a change of a configuration costs.
 */
export function renderInstallCommand(
  container: string,
  volume: string,
  { host, image, ...node }: LiveConfigNode,
  { mountPath, check, reload, user = node.user, together = false, checkCapabilities = [] }: LiveConfigArgs,
): string {
  const docker = shellCommand(host.docker);
  const exec = `${docker} exec ${user === node.user ? "" : `--user ${user} `}${container}`;
  const mount = `--label dockyard.stack=${stackId()} --network none -v ${volume}:${mountPath} --security-opt no-new-privileges`;
  const asRoot = `${docker} run --rm -i ${mount} --user 0:0 --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER --entrypoint /bin/sh ${shellWord(image)}`;
  const asItself = `${docker} run --rm ${mount} --user ${user} --cap-drop ALL${checkCapabilities.map((each) => ` --cap-add ${each}`).join("")} --tmpfs /run:mode=1777 --tmpfs /tmp:mode=1777 --entrypoint`;
  const [program = "", ...args] = check("FOLDER").map((word) => shellWord(word).replaceAll("FOLDER", '"$folder"'));
  const checkInside = [exec, program, ...args].join(" ");
  return [
    "set -eu",
    ...converse(`${asRoot} -s`),
    "cat >&8 || true",
    "answer folder",
    // Asked for by the reference that it was made with: the list of containers writes references its own way.
    `state=$(${containerState(host.docker, container)})`,
    `runs=; if [ "$state" = running ] && [ "$(${docker} inspect --format '{{.Config.Image}}' ${container})" = ${shellWord(image)} ]; then runs=1; fi`,
    `if [ -n "$runs" ]; then said=$(${checkInside} 2>&1) || refused=1`,
    `else said=$(${asItself} ${program} ${shellWord(image)} ${args.join(" ")} 2>&1) || refused=1; fi`,
    `if [ -n "\${refused:-}" ]; then echo "${container}: the configuration was refused and the old one stays: $said" >&2; finish; exit 1; fi`,
    ...(together ? [`if [ "$state" = running ] && [ -z "$runs" ] && ${checkInside} >/dev/null 2>&1; then runs=1; fi`] : []),
    `tell "version=\${folder##*/}"`,
    `tell ${shellWord(swapScript(mountPath))}`,
    "answer swapped",
    // What the software does not take up after all must not wait on the volume for its next start.
    ...(reload === undefined
      ? []
      : [
          `if [ -n "$runs" ] && ! ${exec} ${shellCommand(reload)} >&2; then`,
          `  tell ${shellWord(UNSWAP_SCRIPT)}; finish`,
          `  echo "${container}: the configuration was not taken up, and the old one is back in its place" >&2; exit 1`,
          "fi",
        ]),
    "finish",
    'echo "${folder##*/}"',
  ].join("\n");
}

/**
 * Begins a shell that runs beside the command: `tell` hands it lines to run, `answer NAME` reads a line that it prints, `finish` ends it and waits.
 * A line that fails ends it, and the command with it.
 */
function converse(shell: string): string[] {
  return [
    "pipes=$(mktemp -d)",
    'mkfifo "$pipes/in" "$pipes/out"',
    `${shell} <"$pipes/in" >"$pipes/out" & beside=$!`,
    // Both are held open from here on, and need no name.
    'exec 8>"$pipes/in" 9<"$pipes/out"; rm -r "$pipes"',
    'finish() { exec 8>&-; wait "$beside"; }',
    // Where it has ended what it says itself is told, and not that a pipe is broken.
    "tell() { (trap '' PIPE; printf '%s\\n' \"$1\" >&8) 2>/dev/null || { finish; exit 1; }; }",
    'answer() { read -r "$1" <&9 || { finish; exit 1; }; }',
  ];
}

/** Moves the link to `$version` in one rename, and says so. The version before stays, for software that still has files of it open. */
function swapScript(mountPath: string): string {
  return `cd ${mountPath}; before=$(readlink current || true); ln -sfn "$version" current.new; mv -T current.new current; for old in *; do case $old in current|"$version"|"$before") ;; *) rm -rf "$old";; esac; done; echo swapped`;
}

/** Moves the link back to where it was. */
const UNSWAP_SCRIPT = `[ -z "$before" ] || [ "$before" = "$version" ] || { ln -sfn "$before" current.new; mv -T current.new current; }`;
