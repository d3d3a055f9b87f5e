import { ROTATIONS_KEY } from "../../components/core/rotation";
import { configurationOf } from "../deployments/record";
import { Target } from "../stack";
import { configuredRotations, fileOption } from "./configured";

/** Secrets whose rotation a stack's configuration has begun and not ended, by name. @param given Options by which the program is another one. */
export async function unfinishedRotations(target: Target, given: readonly string[]): Promise<readonly string[]> {
  if (!configurationOf(target, given).includes(ROTATIONS_KEY)) return [];
  const rotations = await configuredRotations(target, fileOption(given));
  return [...rotations].filter(([, { step }]) => step !== undefined).map(([name]) => name);
}
