import { pulumiEnvironment } from "../setup/environment";
import { setup } from "../setup/setup";
import { shellWord } from "../../components/core/shell";

/** Prints what scripts/env evaluates, so that `pulumi` works by hand. */
export default async function env(): Promise<number> {
  await setup(["pulumi"]);
  for (const [name, value] of Object.entries(pulumiEnvironment())) console.log(`export ${name}=${shellWord(value)}`);
  return 0;
}
