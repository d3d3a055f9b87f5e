import * as pulumi from "@pulumi/pulumi";
import { RandomBytes } from "@pulumi/random/randomBytes";

/** A generated key of `bytes` random bytes in base64. It is a secret in the state and everywhere that it flows. */
export function generatedKey(name: string, bytes: number, opts: pulumi.CustomResourceOptions): pulumi.Output<string> {
  return pulumi.secret(new RandomBytes(name, { length: bytes }, opts).base64);
}
