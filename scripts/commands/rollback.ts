import { rmSync } from "node:fs";
import { mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterRollback } from "../deployments/after";
import { layOut } from "../deployments/checkout";
import { chosenDeployment, earlierDeployment, renderHistory, revisionOf } from "../deployments/choose";
import { acceptedLosses, configOptions, deploy } from "../deployments/deploy";
import { Deployment, historyFolder, readHistory } from "../deployments/history";
import { showChanges } from "../deployments/preview";
import { isChangedSince } from "../deployments/record";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { Target, parseTarget, takeFlag, takeOption } from "../stack";

/**
 * Takes the stack back to what an earlier `up` was made from, program and configuration, after showing what that changes; data stays as it is.
 *
 * It ends with 1 where it was not agreed to: whoever asked for a rollback and has none must know.
 */
export default async function rollback(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const [asked, list, agreed] = [takeOption(rest, ["--to"]), takeFlag(rest, ["--list"]), takeFlag(rest, ["--yes", "-y"])];
  if (rest[0]?.startsWith("-") === false)
    throw new SetupError(`${rest[0]} is no option; \`npm run rollback -- --to N\` goes to a certain deployment, and --list shows them.`);
  const given = configOptions(rest);
  if (given.length > 0)
    throw new SetupError(
      `A rollback takes the configuration of its deployment, and no other: leave out ${given.join(" ")}, or use \`npm run up\`.`,
    );
  await setup(list ? ["pulumi"] : ["engine", "pulumi"]);
  const history = readHistory(historyFolder(target));
  const isChanged = await isChangedSince(target, history.at(-1));
  if (list) {
    console.log(
      history.length === 0
        ? `No deployment of the stack ${target.stack} is known; \`npm run up\` notes each.`
        : renderHistory(history, isChanged),
    );
    return 0;
  }
  if (isChanged)
    console.log(`The stack ${target.stack} was changed since deployment ${history.at(-1)?.number}, by a command that notes no deployment.`);
  const deployment = asked === undefined ? earlierDeployment(history, isChanged) : chosenDeployment(history, asked);
  return inFolder((folder, isEnded) => goBack(target, deployment, { folder, isEnded, agreed, rest }));
}

interface Going {
  readonly folder: string;
  /** Whether somebody has ended this command. */
  readonly isEnded: () => boolean;
  readonly agreed: boolean;
  /** Options for Pulumi. */
  readonly rest: readonly string[];
}

async function goBack(target: Target, deployment: Deployment, { folder, isEnded, agreed, rest }: Going): Promise<number> {
  const { number, began, result = "not ended" } = deployment;
  console.log(`Deployment ${number} of ${began.slice(0, 19).replace("T", " ")} UTC, ${revisionOf(deployment)}, ${result}:`);
  const { target: earlier, options, notes } = await layOut(target, deployment, folder);
  for (const note of notes) console.log(note);
  if (isEnded()) return 1;
  const seen = await showChanges(earlier, [...options, ...acceptedLosses(rest).rest]);
  if (seen === undefined) console.log("The last run was killed while it wrote the state, so there is no preview: that is mended first.");
  else if (seen !== 0) return seen;
  if (isEnded() || (!agreed && !(await isAgreed(target, number, rest))) || isEnded()) return 1;
  const code = await deploy(earlier, [...options, "--skip-preview", ...rest], deployment);
  if (code !== 0) {
    console.error(
      `The stack ${target.stack} is not yet back at deployment ${number}; once what stands in the way is mended, the same command goes on.`,
    );
    return code;
  }
  console.log(`The stack ${target.stack} is back at the inputs of deployment ${number}; data is as it was before the rollback.`);
  console.log(await afterRollback(target, deployment));
  return 0;
}

/** Asks on a terminal; elsewhere there is nobody to ask. */
async function isAgreed({ stack }: Target, number: number, rest: readonly string[]): Promise<boolean> {
  if (!process.stdin.isTTY || rest.includes("--non-interactive")) {
    console.log(`Nothing is changed: this was a preview. With --yes the same command takes the stack ${stack} back.`);
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await new Promise<string>((resolve) => {
    terminal.question(`Take the stack ${stack} back to deployment ${number}? [y/N] `, resolve);
    // Ctrl-C and the end of what is typed are answers as well.
    terminal.once("close", () => resolve(""));
  });
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/**
 * Runs `work` with a folder that is gone afterwards. What ends it meanwhile ends what runs for it; the rest of it looks at `isEnded`.
 *
 * A signal would end this process at once and leave the folder, and Pulumi in it.
 */
async function inFolder(work: (folder: string, isEnded: () => boolean) => Promise<number>): Promise<number> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "dockyard-rollback-")));
  let ended = false;
  const end = () => {
    ended = true;
  };
  process.on("SIGINT", end).on("SIGTERM", end).on("SIGHUP", end);
  try {
    return await work(folder, () => ended);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    process.off("SIGINT", end).off("SIGTERM", end).off("SIGHUP", end);
  }
}
