import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { engineName, stackId } from "./naming";
import { Placement } from "./host";
import { shellCommand } from "./shell";

export interface FoundingOptions {
  /** Node that may begin a cluster. @default the first one */
  readonly founder?: string;
}

/** Seconds after which a node without data no longer begins a cluster because it was `found` that it may: it has lost what it had. */
export const FOUNDING_SECONDS = 3600;

/**
 * Finds out whether a cluster may begin: `found` and the seconds since 1970 where no node of it but the founder has a data volume on any
 * host, else `join`.
 *
 * A node that has no data cannot know by itself whether there is a cluster that does not run now, as after an `npm run down`; its volume
 * may have been lost. In a rolling set the volume of every node but the first is made when the nodes before are whole, so until a cluster
 * has begun there are none.
 *
 * It runs when the component is made, and again where a first run was cut so long ago that nobody would begin any more: what it prints is
 * for the founder alone, and good for {@link FOUNDING_SECONDS}.
 */
export function createFounding(
  name: string,
  placement: Placement,
  opts: pulumi.CustomResourceOptions,
  options: FoundingOptions = {},
): Command {
  return new Command(`${name}-founding`, { create: renderFoundingCommand(name, placement, options) }, opts);
}

export function renderFoundingCommand(
  component: string,
  { dockers }: Pick<Placement, "dockers">,
  { founder = `${component}-1` }: FoundingOptions = {},
): string {
  const labels = [`dockyard.stack=${stackId()}`, `dockyard.component=${component}`].flatMap((label) => ["--filter", `label=${label}`]);
  return [
    "set -u",
    ...dockers.map(
      (docker, index) => `volumes${index}=$(${shellCommand([...docker, "volume", "ls", ...labels, "--format", "{{.Name}}"])}) || exit 1`,
    ),
    `others=$(printf '%s\\n' ${dockers.map((_, index) => `"$volumes${index}"`).join(" ")} | grep -E '^${engineName(component)}-([a-z-]+-)?[0-9]+-data$' | grep -vxF ${engineName(`${founder}-data`)})`,
    `if [ -z "$others" ]; then echo "found $(date +%s)"; else echo join; fi`,
  ].join("\n");
}
