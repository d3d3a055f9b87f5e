import { recover, retainData, takeBack } from "../recovery/recover";
import { holdingStack } from "../recovery/stack-hold";
import { setup } from "../setup/setup";
import { run } from "../setup/shell";
import { Target, parseTarget, pulumi } from "../stack";

/** The clusters stop as they are: nobody leaves, so that all come back to each other. */
const STOP = { DOCKYARD_STOP: "1" };

/** Removes the stack's containers and networks; its data stays for the next `up`. */
export default async function down(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi"]);
  return holdingStack(target, () => downHeld(target, rest));
}

async function downHeld(target: Target, rest: readonly string[]): Promise<number> {
  const { hosts = [], halfMade = [] } = (await recover(target)) ?? {};
  await takeBack(halfMade, STOP);
  // One that may be deleted goes with its node, by an `up`; this command deletes no data.
  await retainData(target);
  const code = await pulumi(target, ["destroy", "--stack", target.stack, "--yes", "--skip-preview", ...rest], STOP);
  if (code !== 0) return code;
  const volumes = await Promise.all(
    hosts.map((docker) => run([...docker, "volume", "ls", "--quiet", "--filter", `label=dockyard.stack=${target.label}`])),
  );
  const kept = volumes.flatMap((names) => names.split("\n").filter(Boolean));
  if (kept.length > 0) console.log(`Kept for the next \`npm run up\`: ${kept.join(", ")}.`);
  return 0;
}
