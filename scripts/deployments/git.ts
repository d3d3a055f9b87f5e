import { copyFile, mkdtemp, rm, stat, utimes } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { SetupError, lastWords, run, succeeds } from "../setup/shell";

/** What git holds of a folder at a moment. */
export interface Snapshot {
  /** Revision that was checked out; left out before a repository's first one. */
  readonly revision?: string;
  /** Commit with all that the working tree held: the revision itself, or one of its own that no branch has. */
  readonly commit: string;
  /** Id of the tree in it, the same for the same files. */
  readonly tree: string;
  /** The folder, from the repository's root; `.` where it is the root. */
  readonly folder: string;
}

/** A folder in a repository. */
export interface Place {
  readonly root: string;
  readonly folder: string;
}

/** A hook that runs this command names its own repository by these. */
const OWN_REPOSITORY = { GIT_DIR: undefined, GIT_WORK_TREE: undefined, GIT_INDEX_FILE: undefined, GIT_PREFIX: undefined };

/** Who made the commits that no branch has: git refuses to commit for nobody. */
const AUTHOR = {
  GIT_AUTHOR_NAME: "dockyard",
  GIT_AUTHOR_EMAIL: "dockyard@localhost",
  GIT_COMMITTER_NAME: "dockyard",
  GIT_COMMITTER_EMAIL: "dockyard@localhost",
};

function git(root: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  return run(["git", "-C", root, ...args], { env: { ...OWN_REPOSITORY, LC_ALL: "C", ...env } });
}

/**
 * The repository that a folder is in; undefined where it is in none, or where no git is installed.
 *
 * @throws {SetupError} with git's own words where it refuses to look.
 */
export async function placeOf(folder: string): Promise<Place | undefined> {
  try {
    const [root = "", prefix = ""] = (await git(folder, ["rev-parse", "--show-toplevel", "--show-prefix"])).split("\n");
    return { root, folder: prefix.replace(/\/$/, "") || "." };
  } catch (error) {
    const why = lastWords(error);
    if (/not a git repository|ENOENT|must be run in a work tree/.test(why)) return undefined;
    throw new SetupError(`git cannot tell of ${folder}:\n${why}`);
  }
}

/**
 * Takes down the working tree as it is: what is changed or new and not ignored is part of it. Index, branch and files are left alone.
 *
 * Changes in the stacks' configurations are left out: a stack has one of them, which is noted apart, and Pulumi writes salts into all.
 *
 * @returns undefined where git ignores the folder itself, so that nothing of it would be in there.
 */
export async function takeSnapshot({ root, folder }: Place): Promise<Snapshot | undefined> {
  return withIndex(async (env) => {
    const index = resolve(root, await git(root, ["rev-parse", "--git-path", "index"]));
    // With git's own notes of which files it has seen, so that only what has changed is read.
    if (existsSync(index)) await copyIndex(index, env.GIT_INDEX_FILE);
    await git(root, ["add", "--all"], env);
    await git(root, ["reset", "--quiet", "--", configurations(folder)], env);
    const tree = await git(root, ["write-tree"], env);
    if (folder !== "." && !(await has(root, `${tree}:${folder}`))) return undefined;
    if (!(await has(root, "HEAD^{commit}"))) return { commit: await commitOf(root, tree), tree, folder };
    const [revision = "", committed] = (await git(root, ["rev-parse", "HEAD^{commit}", "HEAD^{tree}"])).split("\n");
    return { revision, commit: tree === committed ? revision : await commitOf(root, tree, revision), tree, folder };
  });
}

/**
 * Copies git's index, with the second that it was written in: what was changed in that second or later git looks into, even where a file's size
 * and times say that nothing has changed. In a copy of now it would trust them.
 */
async function copyIndex(from: string, to: string): Promise<void> {
  const { mtimeMs } = await stat(from);
  await copyFile(from, to);
  const second = Math.floor(mtimeMs / 1000);
  await utimes(to, second, second);
}

/** Pathspec of the files of Pulumi's in a folder that configure a stack. */
function configurations(folder: string): string {
  const path = folder === "." ? "" : `${folder.replace(/[*?[\\]/g, "\\$&")}/`;
  return `:(glob)${path}Pulumi.*.yaml`;
}

function commitOf(root: string, tree: string, parent?: string): Promise<string> {
  const message = ["-m", "What `npm run up` brought up"];
  return git(root, ["commit-tree", "--no-gpg-sign", ...(parent === undefined ? [] : ["-p", parent]), ...message, tree], AUTHOR);
}

/** Whether a repository has an object. */
export function has(root: string, object: string): Promise<boolean> {
  return succeeds(["git", "-C", root, "cat-file", "-e", object], { env: OWN_REPOSITORY });
}

/** Folders of the repositories that are inside of a tree, submodules or not; git holds which revision they are at, and none of their files. */
export async function repositoriesIn(root: string, tree: string): Promise<string[]> {
  const entries = await git(root, ["ls-tree", "-r", "-z", "--full-tree", tree]);
  return entries.split("\0").flatMap((entry) => (entry.startsWith("160000 ") ? [join(root, entry.slice(entry.indexOf("\t") + 1))] : []));
}

/** Whether the one revision comes before the other one, or is it. */
export function isBefore(root: string, earlier: string, later: string): Promise<boolean> {
  return succeeds(["git", "-C", root, "merge-base", "--is-ancestor", earlier, later], { env: OWN_REPOSITORY });
}

/** Keeps a commit from git's clearing away, also when no branch has it any more. */
export async function keepCommit(root: string, ref: string, commit: string): Promise<void> {
  await git(root, ["update-ref", ref, commit]);
}

export async function forgetCommit(root: string, ref: string): Promise<void> {
  await git(root, ["update-ref", "-d", ref]);
}

/** Writes all files of a commit into a folder; git notes nothing of it, as it would of a work tree. */
export async function checkOut(root: string, commit: string, folder: string): Promise<void> {
  await withIndex(async (env) => {
    await git(root, ["read-tree", commit], env);
    await git(root, ["checkout-index", "--all", `--prefix=${folder}/`], env);
  });
}

async function withIndex<T>(work: (env: { GIT_INDEX_FILE: string }) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "dockyard-index-"));
  try {
    return await work({ GIT_INDEX_FILE: join(folder, "index") });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
