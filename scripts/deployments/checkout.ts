import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { ROTATIONS_KEY } from "../../components/core/rotation";
import { configureRotations, configuredRotations } from "../rotation/configured";
import { PROJECT_ROOT } from "../setup/paths";
import { SetupError, lastWords, run } from "../setup/shell";
import { Target, environmentOf, pulumiOutput } from "../stack";
import { checkOut, has, repositoriesIn } from "./git";
import { Deployment } from "./history";
import { configurationOf, placesOf } from "./record";

/** An earlier deployment's inputs, ready to be brought up. */
export interface EarlierInputs {
  readonly target: Target;
  /** Options for Pulumi that make its configuration the earlier one. */
  readonly options: readonly string[];
  /** What had to be left out or is as it is today, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Lays out what a deployment was made from below a temporary folder.
 *
 * Each repository is put there under its own path, so that what leads from one to the other by a relative path, as a dependency
 * `file:../dockyard` does, leads to the other one as it was. Nothing in the checkout is touched.
 *
 * @throws {SetupError} where git has no longer what was recorded.
 */
export async function layOut(target: Target, deployment: Deployment, folder: string): Promise<EarlierInputs> {
  const notes: string[] = [];
  const earlier = deployment.program === undefined ? target : await layOutTrees(target, deployment, { folder, notes });
  if (deployment.program === undefined)
    notes.push(
      "git knew nothing of its program, so only the configuration is the earlier one; the program is that of today. In a repository both are recorded.",
    );
  else if (deployment.dockyard === undefined) notes.push(`git knew nothing of Dockyard in ${PROJECT_ROOT}: that is as it is today.`);
  const file = join(folder, "configuration.yaml");
  writeFileSync(file, deployment.configuration, { mode: 0o600 });
  const options = [...withoutDataLoss(deployment.options), "--config-file", file];
  if (`${deployment.configuration} ${deployment.options.join(" ")}`.includes("allowDataLoss")) {
    notes.push("Its allowDataLoss is left out: a rollback deletes no data.");
    // Emptied, and not removed: the program may require it.
    const setting = [`${target.project}:allowDataLoss`, "[]", "--plaintext"];
    await pulumiOutput(earlier, ["config", "set", ...setting, "--stack", target.stack, "--config-file", file, "--non-interactive"]);
  }
  // A secret that was rotated stays: the one before may be known to somebody.
  if (configurationOf(target).includes(ROTATIONS_KEY)) {
    const rotations = await configuredRotations(target);
    await configureRotations(earlier, rotations, ["--config-file", file]);
    notes.push(`Rotated secrets stay as they are: ${[...rotations.keys()].join(", ")}.`);
  }
  return { target: earlier, options, notes };
}

/** Options without those that name data which may be deleted. */
export function withoutDataLoss(options: readonly string[]): readonly string[] {
  const kept: string[] = [];
  for (let at = 0; at < options.length; at++) {
    const [option = "", value = ""] = options.slice(at, at + 2);
    const isValued = option === "-c" || option === "--config";
    const setting = isValued ? value : option.replace(/^(--config=|-c)/, "");
    if (!/^([\w-]+:)?allowDataLoss\b/.test(setting)) kept.push(option, ...(isValued ? [value] : []));
    if (isValued) at++;
  }
  return kept;
}

interface Layout {
  readonly folder: string;
  /** Is added to. */
  readonly notes: string[];
}

async function layOutTrees(target: Target, deployment: Deployment, { folder, notes }: Layout): Promise<Target> {
  const places = await placesOf(target, deployment);
  const [program, dockyard] = [
    places.find(([, tree]) => tree === deployment.program),
    places.find(([, tree]) => tree === deployment.dockyard),
  ];
  if (program === undefined || (dockyard === undefined && deployment.dockyard !== undefined))
    throw lostRevision(deployment, target.checkout);
  const roots = new Map(places.map(([{ root }, { commit }]) => [root, commit]));
  // An outer repository before one inside of it.
  for (const [root, commit] of [...roots].sort(([a], [b]) => a.length - b.length)) {
    if (!(await has(root, `${commit}^{tree}`))) throw lostRevision(deployment, root);
    const empty = (await repositoriesIn(root, commit)).filter((path) => !roots.has(path));
    if (empty.length > 0) throw emptyFolders(deployment, empty);
    mkdirSync(join(folder, root), { recursive: true });
    await checkOut(root, commit, join(folder, root));
  }
  const cwd = join(folder, program[0].root, program[1].folder);
  if (!existsSync(join(folder, PROJECT_ROOT))) {
    mkdirSync(join(folder, dirname(PROJECT_ROOT)), { recursive: true });
    symlinkSync(PROJECT_ROOT, join(folder, PROJECT_ROOT));
  }
  const own = dockyard && join(folder, dockyard[0].root, dockyard[1].folder);
  if (cwd !== own) notes.push(...(await installPackages(target.checkout, cwd)));
  if (own !== undefined) {
    if (isSameLock(PROJECT_ROOT, own)) linkPackages(PROJECT_ROOT, own);
    await setUp(target, own);
  }
  return { ...target, cwd };
}

function lostRevision({ number, program }: Deployment, folder: string): SetupError {
  return new SetupError(
    `Deployment ${number} cannot be gone back to: git in ${folder} no longer has ${program?.commit ?? "its revision"}. ` +
      "Fetch it from a clone that has it, or choose another deployment; `npm run rollback -- --list` shows them.",
  );
}

function emptyFolders({ number }: Deployment, folders: readonly string[]): SetupError {
  return new SetupError(
    `Deployment ${number} cannot be gone back to: ${folders.join(" and ")} ${folders.length === 1 ? "is a repository" : "are repositories"} ` +
      "inside of the program's, of which it holds no files. Check the earlier revision out by hand, with its submodules, and run `npm run up`.",
  );
}

/** The images that the earlier Dockyard uses have names of their own: it makes those that are missing itself. */
async function setUp(target: Target, folder: string): Promise<void> {
  try {
    await run([process.execPath, join(folder, "scripts", "dockyard.mjs"), "setup"], {
      env: environmentOf(target),
      stdout: ["pipe", "inherit"],
      stderr: ["pipe", "inherit"],
    });
  } catch (error) {
    throw new SetupError(`The earlier Dockyard could not set up what it needs:\n${lastWords(error)}`);
  }
}

const LOCKS = ["package-lock.json", "pnpm-lock.yaml", "yarn.lock"] as const;

function isSameLock(a: string, b: string, lock: (typeof LOCKS)[number] = "package-lock.json"): boolean {
  const [one, other] = [join(a, lock), join(b, lock)];
  return existsSync(one) && existsSync(other) && readFileSync(one, "utf8") === readFileSync(other, "utf8");
}

/**
 * Has the packages of an earlier program: those of today where the lock file is the same one or there is none, else those that it names.
 *
 * @returns What is to be said of it.
 */
async function installPackages(today: string, earlier: string): Promise<readonly string[]> {
  const lock = LOCKS.find((file) => existsSync(join(earlier, file)));
  if (lock === undefined || isSameLock(today, earlier, lock)) {
    linkPackages(today, earlier);
    return lock === undefined ? ["Its packages are those of today: there was no package-lock.json."] : [];
  }
  if (lock !== "package-lock.json")
    throw new SetupError(
      `The earlier program's packages are not those of today, and only npm's can be installed for it: its ${lock} is another one. ` +
        "Check the earlier revision out by hand, install its packages, and run `npm run up`.",
    );
  console.log("Installing the node packages of that time…");
  try {
    await run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: earlier });
  } catch (error) {
    throw new SetupError(`The earlier program's packages could not be installed by \`npm ci\`:\n${lastWords(error)}`);
  }
  return [];
}

/** Links to each installed package; a package that is itself a link, as of a neighbouring folder, leads to the neighbour below the new root. */
function linkPackages(from: string, to: string): void {
  const source = join(from, "node_modules");
  if (!existsSync(source)) return;
  rmSync(join(to, "node_modules"), { recursive: true, force: true });
  linkEntries(source, join(to, "node_modules"));
}

function linkEntries(source: string, folder: string): void {
  mkdirSync(folder);
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(folder, entry.name)];
    if (entry.isDirectory() && entry.name.startsWith("@")) linkEntries(from, to);
    else if (entry.isSymbolicLink() && !isAbsolute(readlinkSync(from))) symlinkSync(readlinkSync(from), to);
    else symlinkSync(from, to);
  }
}
