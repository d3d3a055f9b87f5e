import { relative } from "node:path";
import { shellCommand } from "../../components/core/shell";
import { PROJECT_ROOT } from "../setup/paths";
import { Target } from "../stack";
import { isBefore } from "./git";
import { Deployment, Inputs, Tree, configurationFile, historyFolder, isSame } from "./history";
import { currentInputs, placesOf } from "./record";

/** What is left to do after a rollback, since the working tree still holds the newer program; the ways that there are, a line each. */
export async function afterRollback(target: Target, deployment: Deployment): Promise<string> {
  const now = await currentInputs(target, []);
  if (isSame(now, deployment)) return "The working tree holds the same inputs: the next `npm run up` changes nothing.";
  const places = await placesOf(target, deployment);
  const lines: string[] = [];
  for (const [{ root }, earlier] of places.filter(([{ root }], at) => places.findIndex(([other]) => other.root === root) === at)) {
    const today = earlier === deployment.program ? now.program : now.dockyard;
    if (today !== undefined) lines.push(...(await waysBack(root, today, earlier)));
  }
  lines.push(...configurationBack(target, now, deployment));
  return [
    "The working tree still holds the newer inputs, and the next `npm run up` would bring those again. To take them back as well:",
    ...lines.map((line) => `  ${line}`),
  ].join("\n");
}

async function waysBack(root: string, today: Tree, earlier: Tree): Promise<string[]> {
  if (today.tree === earlier.tree) return [];
  const git = root === PROJECT_ROOT ? "git" : `git -C ${root}`;
  const { revision, commit } = earlier;
  const short = commit.slice(0, 12);
  const restore = `${git} restore --source=${short} -- ${root === PROJECT_ROOT ? ":/" : "."}    # the files as they were, with the uncommitted changes of that time`;
  const putAside =
    today.commit === today.revision ? [] : [`${git} stash --include-untracked    # puts the uncommitted changes of today aside`];
  if (commit !== revision) return [...putAside, restore];
  if (today.revision === undefined || today.revision === revision) return putAside;
  const revert = (await isBefore(root, revision, today.revision))
    ? [`${git} revert --no-edit ${revision.slice(0, 12)}..HEAD    # new revisions that undo what came after, or`]
    : [];
  return [...putAside, ...revert, `${git} checkout ${short}    # the earlier revision itself`];
}

function configurationBack(target: Target, now: Inputs, { number, configuration, options }: Deployment): string[] {
  const copy = relative(PROJECT_ROOT, configurationFile(historyFolder(target), number));
  return [
    ...(now.configuration === configuration ? [] : [`${copy}    # holds the stack's configuration as it was`]),
    ...(options.length === 0
      ? []
      : [
          `npm run up -- ${shellCommand(withoutValues(options))}    # with the options of that time, and their values, which may be secret`,
        ]),
  ];
}

/** Options as they may be shown: what `-c` sets can be a secret. */
export function withoutValues(options: readonly string[]): readonly string[] {
  return options.map((option, at) =>
    ["-c", "--config"].includes(options[at - 1] ?? "") || /^(--config=|-c.)/.test(option)
      ? option.replace(/^((--config=)?[^=]*=).*$/s, "$1…")
      : option,
  );
}
