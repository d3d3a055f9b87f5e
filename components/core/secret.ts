import * as pulumi from "@pulumi/pulumi";
import { RandomBytes } from "@pulumi/random/randomBytes";
import { RandomPassword } from "@pulumi/random/randomPassword";
import { Checks, ConfigError } from "./errors";

/** A generated key of `bytes` random bytes in base64. It is a secret in the state and everywhere that it flows. */
export function generatedKey(name: string, bytes: number, opts: pulumi.CustomResourceOptions): pulumi.Output<string> {
  return pulumi.secret(new RandomBytes(name, { length: bytes }, opts).base64);
}

/** A generated password of letters and digits, which needs no quotes anywhere. It is a secret as a key is. */
export function generatedPassword(name: string, length: number, opts: pulumi.CustomResourceOptions): pulumi.Output<string> {
  return pulumi.secret(new RandomPassword(name, { length, special: false }, opts).result);
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
