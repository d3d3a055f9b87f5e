import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { engineName, stackId } from "./naming";
import { Placement } from "./host";
import { shellCommand } from "./shell";

export interface FoundingOptions {
  /** Node that may begin a cluster. @default the first one */
  readonly founder?: string;

  /** Whether the time is told behind `found`, in seconds since 1970, for nodes that begin nothing much later. @default false */
  readonly stamped?: boolean;
}

/**
 * Finds out whether a cluster may begin: `found` where no node of it but the founder has a data volume on any host, else `join`.
 *
 * A node that has no data cannot know by itself whether there is a cluster that does not run now, as after an `npm run down`; its volume
 * may have been lost. The volumes of a rolling set are made after the resources that it is to come after, this one among them, so at
 * a true beginning there are none.
 *
 * It runs when the component is made, and not again: what it prints is for the founder alone.
 *
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
  { founder = `${component}-1`, stamped = false }: FoundingOptions = {},
): string {
  const labels = [`dockyard.stack=${stackId()}`, `dockyard.component=${component}`].flatMap((label) => ["--filter", `label=${label}`]);
  return [
    "set -u",
    ...dockers.map(
      (docker, index) => `volumes${index}=$(${shellCommand([...docker, "volume", "ls", ...labels, "--format", "{{.Name}}"])}) || exit 1`,
    ),
    `others=$(printf '%s\\n' ${dockers.map((_, index) => `"$volumes${index}"`).join(" ")} | grep -E '^${engineName(component)}-([a-z-]+-)?[0-9]+-data$' | grep -vxF ${engineName(`${founder}-data`)})`,
    `if [ -z "$others" ]; then echo ${stamped ? '"found $(date +%s)"' : "found"}; else echo join; fi`,
  ].join("\n");
}
