import * as pulumi from "@pulumi/pulumi";
import { RandomBytes } from "@pulumi/random/randomBytes";
import { RandomPassword } from "@pulumi/random/randomPassword";
import { Checks, ConfigError } from "./errors";
import { FIRST_GENERATION, ROTATIONS_KEY, Rotation, generationName, generationsIn, readRotations } from "./rotation";

/** A secret as it is while another one takes its place, which `npm run rotate` has it do. */
export interface RotatingSecret {
  /** What clients use. */
  readonly used: pulumi.Output<string>;

  /** What a server that knows several accepts, the newest first; one of them but while a rotation goes on. */
  readonly accepted: readonly pulumi.Output<string>[];

  /** How often another one has taken its place, or is about to. */
  readonly generation: number;
}

/** A generated key of `bytes` random bytes in base64. It is a secret in the state and everywhere that it flows. */
export function rotatingKey(name: string, bytes: number, opts: pulumi.CustomResourceOptions): RotatingSecret {
  return rotating(name, (resource) => new RandomBytes(resource, { length: bytes }, opts).base64);
}

/** A generated password of letters and digits, which needs no quotes anywhere. It is a secret as a key is. */
export function rotatingPassword(name: string, length: number, opts: pulumi.CustomResourceOptions): RotatingSecret {
  return rotating(name, (resource) => new RandomPassword(resource, { length, special: false }, opts).result);
}

/** The same key for a server that knows only one. */
export function generatedKey(name: string, bytes: number, opts: pulumi.CustomResourceOptions): pulumi.Output<string> {
  return rotatingKey(name, bytes, opts).used;
}

/** The same password for a server that knows only one. */
export function generatedPassword(name: string, length: number, opts: pulumi.CustomResourceOptions): pulumi.Output<string> {
  return rotatingPassword(name, length, opts).used;
}

/** A secret that was given. One that another component has generated, and that was given as it is, is rotated here as well as there. */
export function givenSecret(path: string, given: pulumi.Output<string>): RotatingSecret {
  const used = secretOnly(path, given);
  return generated.get(given) ?? { used, accepted: [used], generation: 0 };
}

/** Secrets by what clients are given of them. */
const generated = new WeakMap<pulumi.Output<string>, RotatingSecret>();

/** A rotated secret is another resource, so that both are there for as long as both are accepted, and a rollback finds nothing of the old one. */
function rotating(name: string, create: (resource: string) => pulumi.Output<string>): RotatingSecret {
  const rotation = rotationOf(name);
  const { used, accepted } = generationsIn(rotation);
  const secrets = new Map(accepted.map((generation) => [generation, pulumi.secret(create(generationName(name, generation)))]));
  const secret = (generation: number) => secrets.get(generation)!;
  const rotated = { used: secret(used), accepted: accepted.map(secret), generation: rotation.generation };
  generated.set(rotated.used, rotated);
  return rotated;
}

/** Where a secret of the running program is. Secrets are made deep inside of components, whose arguments do not speak of them. */
function rotationOf(name: string): Rotation {
  // eslint-disable-next-line no-restricted-syntax -- Whatever program has a component, its secrets can be rotated.
  const configured = pulumi.runtime.allConfig()[ROTATIONS_KEY];
  if (read?.configured !== configured) read = { configured, rotations: readRotations(configured) };
  return read?.rotations.get(name) ?? FIRST_GENERATION;
}

let read: { readonly configured: string | undefined; readonly rotations: ReadonlyMap<string, Rotation> } | undefined;

/**
 * A password that depends on the command which makes it good, for a server that knows one alone: who has it from here does not have it before the
 * server does. By the command's URN, which does not change when it runs again.
 *
 * It always depends on it, also where nobody would have to wait: where a dependency comes and goes, a program registers things in another order
 * than its state has them, and an `up` of some targets alone then ends with "Duplicate resource URN" (seen with Pulumi 3.256).
 */
export function goodAfter(command: pulumi.Resource, password: pulumi.Output<string>): pulumi.Output<string> {
  return pulumi.all([password, command.urn]).apply(([text]) => text);
}

/** Adds to `checks` that what may be given as a secret is in clear. */
export function checkSecret(checks: Checks, path: string, given: pulumi.Output<string> | undefined): void {
  checks.that(given === undefined || pulumi.Output.isInstance(given), path, CLEAR, `${AS_SECRET}; leave it out to have one generated`);
}

/** The same of a secret that has to be given, since it is somebody else's. */
export function checkGivenSecret(checks: Checks, path: string, given: pulumi.Output<string>): void {
  checks.that(pulumi.Output.isInstance(given), path, CLEAR, AS_SECRET);
}

const CLEAR = "(in clear)";
const AS_SECRET = "must be a secret, such as config.requireSecret(...) or pulumi.secret(...)";

/** What was given as an output has to be a secret one, or the state would hold it in clear. */
export function secretOnly(path: string, given: pulumi.Output<string>): pulumi.Output<string> {
  return pulumi.all([given, pulumi.isSecret(given)]).apply(([value, secret]) => {
    if (secret) return value;
    throw new ConfigError([{ path, value: CLEAR, remedy: "must be a secret; wrap it in pulumi.secret(...)" }]);
  });
}
