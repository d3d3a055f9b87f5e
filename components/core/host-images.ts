import { Command } from "@pulumi/command/local/command";
import { Host } from "./host";
import { CATALOGUE_PREFIX } from "./images";
import { shellCommand, shellWord } from "./shell";

/** What has been arranged so far, so that an image comes to a host once, however many nodes run it there. */
const delivered = new WeakMap<Host, Map<string, Command>>();

/**
 * What must be waited for before an image can be run on a host: nothing where the host's engine has it or pulls it.
 *
 * Dockyard's own images are in no registry. They are made on the engine of the program's machine, and copied from there to the others.
 */
export function deliverImage(host: Host, image: string): Command[] {
  if (host.engine === undefined || !image.startsWith(CATALOGUE_PREFIX)) return [];
  const images = delivered.get(host) ?? new Map<string, Command>();
  delivered.set(host, images);
  const name = image.slice(CATALOGUE_PREFIX.length).split(":")[0] ?? "";
  const command =
    images.get(image) ??
    new Command(`host-${host.name}-image-${name}`, { create: renderDeliverCommand(host.docker, image), triggers: [image] });
  images.set(image, command);
  return [command];
}

/** Copies an image from the engine of the program's machine, unless it is there already. */
export function renderDeliverCommand(docker: readonly string[], image: string): string {
  const there = `${shellCommand(docker)} image inspect --format '{{.Id}}' ${shellWord(image)}`;
  return [
    "set -u",
    `${there} 2>/dev/null && exit 0`,
    `docker image save ${shellWord(image)} | ${shellCommand(docker)} image load >&2`,
    // A pipe ends as its last command does; whether the image came through is what counts.
    there,
  ].join("\n");
}
