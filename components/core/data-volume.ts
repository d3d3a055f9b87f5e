import * as pulumi from "@pulumi/pulumi";
import { Volume } from "@pulumi/docker/volume";
import { Host } from "./host";
import { engineName, ownershipLabels } from "./naming";

export interface DataVolumeArgs {
  host: Host;

  /** Component that the data belongs to, for the labels. */
  component: string;

  /** Node that the data belongs to, for the labels. */
  node: string;

  /** Volumes, by their name on the engine, that may be deleted with all that is in them. @default none */
  allowDataLoss?: readonly string[];
}

/**
 * A volume that outlives its container and its stack.
 *
 * It stays on the engine when its node leaves the program, at `npm run down` and at `pulumi destroy`, and is found again by its name. It
 * goes only with a `pulumi destroy` or a scale-down after `allowDataLoss` named it in an `up`.
 */
export function createDataVolume(
  name: string,
  { host, component, node, allowDataLoss = [] }: DataVolumeArgs,
  opts: pulumi.CustomResourceOptions,
): Volume {
  const volumeName = engineName(name);
  return new Volume(
    name,
    { name: volumeName, labels: ownershipLabels(component, node) },
    {
      ...opts,
      provider: host.provider,
      retainOnDelete: !allowDataLoss.includes(volumeName),
    },
  );
}
