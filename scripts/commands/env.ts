import { pulumiEnvironment } from "../setup/environment";
import { shellWord } from "../../components/core/shell";

/** Prints what scripts/env evaluates, so that `pulumi` works by hand. */
export default async function env(): Promise<number> {
  for (const [name, value] of Object.entries(pulumiEnvironment())) console.log(`export ${name}=${shellWord(value)}`);
  return 0;
}
