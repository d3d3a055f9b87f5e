import { deploy } from "../deployments/deploy";
import { holdOf, releaseHold } from "../recovery/local-state";
import { configuredRotations } from "../rotation/configured";
import { rotateSecrets } from "../rotation/rotate";
import { GeneratedSecret, SecretResource, chosenSecret, renderSecrets, secretsIn } from "../rotation/secrets";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { Target, exportedStack, parseTarget, takeFlag } from "../stack";

const USAGE = "npm run rotate -- SECRET..., such as `npm run rotate -- mysql-goods-password`; `npm run rotate -- --list` names all";

/**
 * Has new secrets take the place of generated ones, with nobody refused meanwhile and the old ones refused afterwards.
 *
 * What was cut is finished by the same command.
 */
export default async function rotate(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const list = takeFlag(rest, ["--list"]);
  const asked = [...new Set(rest)];
  if (asked.some((name) => name.startsWith("-")) || (asked.length === 0) !== list) throw new SetupError(`It is ${USAGE}.`);
  await setup(["engine", "pulumi"]);
  if (list) {
    console.log(renderSecrets(await generatedSecrets(target), await configuredRotations(target), new Date()));
    return 0;
  }
  const code = await mended(target);
  if (code !== 0) return code;
  const secrets = await generatedSecrets(target);
  const chosen = asked.map((name) => chosenSecret(secrets, name));
  await setup(["images"]);
  return rotateSecrets(target, chosen, secrets);
}

/** Puts right what a run that was cut has left of the state. @throws {SetupError} where another run holds the stack: nothing is noted then. */
async function mended(target: Target): Promise<number> {
  const hold = await holdOf(target);
  if (hold === "held")
    throw new SetupError(`Another run holds the stack ${target.stack}; wait for it to end, then run the same command again.`);
  if (hold === "free") {
    releaseHold(target);
    return 0;
  }
  console.log("The last run was cut while it wrote the state: what it was to bring up is brought up first.");
  await setup(["images"]);
  return deploy(target, ["--skip-preview"]);
}

async function generatedSecrets(target: Target): Promise<readonly GeneratedSecret[]> {
  const exported = await exportedStack(target);
  const { deployment } = JSON.parse(exported ?? "{}") as { deployment?: { resources?: SecretResource[] } };
  if (deployment?.resources === undefined)
    throw new SetupError(`The stack ${target.stack} has nothing that could be rotated; \`npm run up\` brings it up.`);
  return secretsIn(deployment.resources);
}
