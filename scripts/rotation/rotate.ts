import { FIRST_GENERATION, Rotation } from "../../components/core/rotation";
import { deploy } from "../deployments/deploy";
import { SetupError, lastWords } from "../setup/shell";
import { Target, pulumiOutput } from "../stack";
import { configureRotations, configuredRotations } from "./configured";
import { GeneratedSecret } from "./secrets";

/**
 * The states that a rotation goes through, from where it is to its end; each is an `up` of its own, and any of them may stay for as long as
 * it likes.
 *
 * One that was cut is gone on with, its last state once more: nothing tells whether that was reached.
 *
 * @param generations Those that the state has.
 */
export function statesOf(current: Rotation, generations: readonly number[]): readonly Rotation[] {
  const { generation, step } = current;
  if (step === "offer") return [current, { generation, step: "switch" }, { generation }];
  if (step === "switch") return [current, { generation }];
  // The last `up` was cut: the old one is still there.
  if (generations.length > 1) return [current];
  const next = generation + 1;
  return [{ generation: next, step: "offer" }, { generation: next, step: "switch" }, { generation: next }];
}

/**
 * The same for several secrets at once: those that are further wait in the states that they are in for the others.
 *
 * @param single Those whose servers know one at a time. Their clients go over in an `up` of its own: whatever else changes in the same one would
 *   come between a server and its clients, and new logins would wait for it.
 */
export function roundsOf(
  states: ReadonlyMap<string, readonly Rotation[]>,
  single: readonly string[] = [],
): readonly ReadonlyMap<string, Rotation>[] {
  const count = Math.max(...[...states.values()].map(({ length }) => length));
  const at = (of: readonly Rotation[], round: number) => of[Math.max(0, round - (count - of.length))]!;
  const rounds = Array.from({ length: count }, (_, round) => new Map([...states].map(([name, of]) => [name, at(of, round)] as const)));
  const over = rounds.findIndex((round, index) => index > 0 && [...round.values()].some(({ step }) => step === "switch"));
  const [before, after] = [rounds[over - 1], rounds[over]];
  const isGoing = (name: string) => before?.get(name)?.step !== "switch" && after?.get(name)?.step === "switch";
  const going = [...states.keys()].filter(isGoing);
  if (before === undefined || after === undefined || new Set(going.map((name) => single.includes(name))).size < 2) return rounds;
  const between = new Map([...after].map(([name, state]) => [name, single.includes(name) ? (before.get(name) ?? state) : state] as const));
  return [...rounds.slice(0, over), between, ...rounds.slice(over)];
}

/** What becomes true of secrets with a state, as it is told. */
function told({ step }: Rotation): string {
  if (step === "offer") return "servers accept another one as well";
  return step === "switch" ? "clients use it" : "the old one is refused";
}

/**
 * Has other secrets take the place of some, in as many `up`s as that takes.
 *
 * @param all Those that the stack has.
 * @throws {SetupError} where another rotation is unfinished, or the stack has changes that are not brought up yet; nothing is changed then.
 */
export async function rotateSecrets(target: Target, chosen: readonly GeneratedSecret[], all: readonly GeneratedSecret[]): Promise<number> {
  const rotations = await configuredRotations(target);
  const names = chosen.map(({ name }) => name).join(" ");
  if (isAnyUnfinished(chosen, all, rotations)) console.log(`The rotation of ${names} is unfinished and is gone on with.`);
  else await refuseOtherChanges(target);
  const states = chosen.map(({ name, generations }) => [name, statesOf(rotations.get(name) ?? FIRST_GENERATION, generations)] as const);
  const single = chosen.filter(({ isSingle }) => isSingle).map(({ name }) => name);
  for (const round of roundsOf(new Map(states), single)) {
    for (const [name, state] of round) console.log(`${name}: ${told(state)}…`);
    await configureRotations(target, round);
    const code = await deployed(target, () =>
      console.error(
        interruption(
          names,
          single.filter((name) => round.get(name)?.step === "switch"),
        ),
      ),
    );
    if (code !== 0) return code;
  }
  console.log(`Rotated: ${names}. The old one is refused; what people have in their own clients is theirs to change.`);
  return 0;
}

/** Brings up what is noted, and says it where that does not come to its end. */
async function deployed(target: Target, tell: () => void): Promise<number> {
  let code = 1;
  try {
    code = await deploy(target, ["--skip-preview"]);
  } finally {
    if (code !== 0) tell();
  }
  return code;
}

/** What is true of a rotation that was cut. @param apart Those that servers may have already while clients have not. */
export function interruption(names: string, apart: readonly string[]): string {
  return [
    `The rotation of ${names} is unfinished, and nothing is lost.`,
    ...(apart.length > 0
      ? [`New logins with ${apart.join(" and ")} may be refused until it goes on; connections that are open stay.`]
      : ["Clients are served with what they have."]),
    `Once what stands in the way is mended, \`npm run rotate -- ${names}\` goes on.`,
  ].join(" ");
}

/** Whether it was begun before. @throws {SetupError} where another one was: it is finished first, and by itself. */
function isAnyUnfinished(
  chosen: readonly GeneratedSecret[],
  all: readonly GeneratedSecret[],
  rotations: ReadonlyMap<string, Rotation>,
): boolean {
  const isUnfinished = ({ name, generations }: GeneratedSecret) => generations.length > 1 || rotations.get(name)?.step !== undefined;
  const unfinished = all.filter(isUnfinished).map(({ name }) => name);
  const isSame = unfinished.length === chosen.length && chosen.every(({ name }) => unfinished.includes(name));
  if (unfinished.length === 0 || isSame) return unfinished.length > 0;
  throw new SetupError(
    `The rotation of ${unfinished.join(" and ")} is unfinished; \`npm run rotate -- ${unfinished.join(" ")}\` finishes it, then run this again.`,
  );
}

/** A rotation brings up the whole program three times: what else has changed is to be seen for itself first. */
async function refuseOtherChanges(target: Target): Promise<void> {
  try {
    await pulumiOutput(target, ["preview", "--stack", target.stack, "--non-interactive", "--expect-no-changes", "--suppress-progress"]);
  } catch (error) {
    throw new SetupError(
      `The stack ${target.stack} is not as its program says, and a rotation would bring that up as well. Run \`npm run up\`, then the same command again.\n${lastWords(error)}`,
    );
  }
}
