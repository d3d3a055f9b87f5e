import { Rotation, generationOf } from "../../components/core/rotation";
import { renderColumns } from "../columns";
import { SetupError } from "../setup/shell";
import { Rotating, rotatingOf } from "./kinds";

/** A secret that a component has generated, as the stack's state has it. */
export interface GeneratedSecret extends Rotating {
  /** Name by which it is rotated: that of its resource, without a generation. */
  readonly name: string;
  /** Class of the component that it belongs to. */
  readonly component: string;
  /** Those that are there; two while a rotation is on its way. */
  readonly generations: readonly number[];
  /** When the latest was made, as in ISO 8601; undefined where the state does not say. */
  readonly made?: string;
}

/** The part of a resource of the state that tells of secrets. */
export interface SecretResource {
  readonly urn: string;
  readonly type: string;
  readonly created?: string;
}

const TYPES = ["random:index/randomPassword:RandomPassword", "random:index/randomBytes:RandomBytes"];

/** All secrets that Dockyard's components have generated, in the order of their names; what else the program generates is its own. */
export function secretsIn(resources: readonly SecretResource[]): GeneratedSecret[] {
  const found = new Map<string, GeneratedSecret>();
  for (const { urn, type, created } of resources) {
    const component = componentOf(urn);
    if (!TYPES.includes(type) || component === undefined) continue;
    const { name, generation } = generationOf(urn.split("::").pop() ?? "");
    const before = found.get(name);
    const isLatest = before === undefined || generation > Math.max(...before.generations);
    found.set(name, {
      name,
      component,
      generations: [...(before?.generations ?? []), generation].sort((a, b) => a - b),
      made: isLatest ? created : before.made,
      ...rotatingOf(component, name),
    });
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

/** Class of the component that a resource is the child of: `urn:pulumi:dev::shop::dockyard:index:RedisCache$random:…::name`. */
function componentOf(urn: string): string | undefined {
  const [, , types = ""] = urn.split("::");
  return /dockyard:index:(\w+)\$[^$]+$/.exec(types)?.[1];
}

/** The secret that was asked for. @throws {SetupError} where there is none of that name, with those that there are, or it cannot be rotated. */
export function chosenSecret(secrets: readonly GeneratedSecret[], asked: string): GeneratedSecret {
  const secret = secrets.find(({ name }) => name === asked);
  if (secret === undefined) {
    const names = secrets.filter(({ refusal }) => refusal === undefined).map(({ name }) => name);
    const known = names.length === 0 ? "it has none that can be rotated" : `there are ${names.join(", ")}`;
    throw new SetupError(`The stack has no generated secret ${asked}; ${known}. One that was given is rotated where it comes from.`);
  }
  if (secret.refusal !== undefined) throw new SetupError(`${asked} cannot be rotated: ${secret.refusal}.`);
  return secret;
}

/**
 * Secrets of which the state has a later generation than the configuration: it is older than the last rotation, and bringing it up would
 * generate a secret anew while its servers and clients know only the later one.
 */
export function overtaken(secrets: readonly GeneratedSecret[], rotations: ReadonlyMap<string, Rotation>): readonly GeneratedSecret[] {
  return secrets.filter(({ name, generations }) => Math.max(...generations) > (rotations.get(name)?.generation ?? 0));
}

/** One line for each secret; `now` is what ages are told from. */
export function renderSecrets(secrets: readonly GeneratedSecret[], rotations: ReadonlyMap<string, Rotation>, now: Date): string {
  const rows = secrets.map(({ name, component, generations, made, refusal }) => {
    const { step } = rotations.get(name) ?? {};
    const unfinished = step !== undefined || generations.length > 1 ? "a rotation is unfinished" : "";
    return [
      name,
      component,
      ageOf(made, now),
      String(Math.max(...generations)),
      refusal === undefined ? unfinished : `cannot be: ${refusal}`,
    ];
  });
  return renderColumns([["secret", "of", "age", "rotations", ""], ...rows]);
}

function ageOf(made: string | undefined, now: Date): string {
  if (made === undefined) return "unknown";
  const minutes = Math.max(0, Math.floor((now.getTime() - Date.parse(made)) / 60_000));
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / (24 * 60))} days`;
}
