import { ConfigError } from "./errors";

/** Key of a stack's configuration that says which secrets were rotated, by the names of their resources. `npm run rotate` writes it. */
export const ROTATIONS_KEY = "dockyard:rotations";

/**
 * How far a rotation is: with `offer` servers accept the new secret beside the old one, which clients still use; with `switch` clients use the
 * new one. Without a step it is over, and the old one is gone.
 */
export type RotationStep = "offer" | "switch";

/** Where a secret is: how many others there were before it, and whether it is just taking the place of the one before. */
export interface Rotation {
  readonly generation: number;
  readonly step?: RotationStep;
}

/** A secret as it was generated first. */
export const FIRST_GENERATION: Rotation = { generation: 0 };

/** Reads `2`, or `2 offer`; undefined where it is neither. */
export function parseRotation(text: unknown): Rotation | undefined {
  const [, generation, step] = /^([1-9]\d{0,5})(?: (offer|switch))?$/.exec(String(text)) ?? [];
  if (generation === undefined) return undefined;
  return { generation: Number(generation), ...(step !== undefined && { step: step as RotationStep }) };
}

export function renderRotation({ generation, step }: Rotation): string {
  return step === undefined ? String(generation) : `${generation} ${step}`;
}

/** Name of the resource that holds a generation of a secret; the first has the secret's own. */
export function generationName(name: string, generation: number): string {
  return generation === 0 ? name : `${name}-generation-${generation}`;
}

/** Takes a resource's name apart into the secret's and its generation. */
export function generationOf(resource: string): { readonly name: string; readonly generation: number } {
  const [, name = resource, generation = "0"] = /^(.+)-generation-([1-9]\d*)$/.exec(resource) ?? [];
  return { name, generation: Number(generation) };
}

/** Generations of a secret that are there: which clients use, and which servers accept, the newest first. */
export function generationsIn({ generation, step }: Rotation): { readonly used: number; readonly accepted: readonly number[] } {
  return {
    used: step === "offer" ? generation - 1 : generation,
    accepted: step === undefined ? [generation] : [generation, generation - 1],
  };
}

/**
 * Reads all rotations of a stack's configuration, as Pulumi hands it over.
 *
 * @throws {ConfigError} naming every one that cannot be read.
 */
export function readRotations(configured: string | undefined): ReadonlyMap<string, Rotation> {
  const given = configured === undefined ? {} : parsed(configured);
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new ConfigError([{ path: ROTATIONS_KEY, value: given, remedy: "must be as `npm run rotate` has written it" }]);
  const entries = Object.entries(given).map(([name, value]) => ({ name, value: value as unknown, rotation: parseRotation(value) }));
  const faults = entries.flatMap(({ name, value, rotation }) =>
    rotation === undefined
      ? [{ path: `${ROTATIONS_KEY}.${name}`, value, remedy: 'must be a number, alone or with a step, like 2, "2 offer" or "2 switch"' }]
      : [],
  );
  if (faults.length > 0) throw new ConfigError(faults);
  return new Map(entries.flatMap(({ name, rotation }) => (rotation === undefined ? [] : [[name, rotation] as const])));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
