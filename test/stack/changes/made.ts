import { execa } from "execa";
import { ImageName, imageReference } from "../../../components/core/images";
import { docker } from "../support/engine";
import type { Absent, Effects, Elsewhere, Made, MadeElsewhere, Spoilt } from "./table";

/** What is added to an environment. */
export const CHANGED = { CHANGED: "1" };

/** The environment of a component that has no argument for it. */
export const byTransform: Made = { environment: CHANGED, effect: "rolled" };

/** That of one that has. */
export const byEnvironment: Made = { args: { environment: CHANGED }, effect: "rolled" };

export const labelled: Made = { labels: { changed: "1" }, effect: "rolled" };

/** The tag under which an image is known beside its own while the table is gone through. */
export function otherTag(image: ImageName): string {
  return `${imageReference(image).split(":")[0]}:test-changes`;
}

/** The same image by another tag. */
export function tagged(image: ImageName): Made {
  return { args: { image: otherTag(image) }, effect: "rolled" };
}

/** A limit that only the engine has to know. */
export function remembered(memoryMiB: number): Made {
  return { args: { memoryMiB }, effect: "updated" };
}

/** What another test proves. @param file Its file in `test/stack`. */
export function elsewhere(file: string, test: string): Elsewhere {
  return { file, test };
}

/** A change that another test proves. */
export function madeElsewhere(effect: Effects, file: string, test: string): MadeElsewhere {
  return { effect, file, test };
}

/** What proves that generated secrets are rotated, one of each kind. */
export const ROTATION = ["alone/rotation.test.ts", "has new secrets take the place of the old ones with no request failed"] as const;

/** What a component has nothing of. */
export function absent(why: string): Absent {
  return { absent: why };
}

/** What an image says that was made with {@link unstartable}. */
export const LAST_WORDS = "this image does not start";

/**
 * An image with a script in a program's place: it says that it does not start, and ends.
 *
 * @param but Shell patterns of the arguments, between blanks, with which it does its work all the same: its check of a configuration.
 */
export function unstartable(program: string, but?: string): Spoilt {
  const spared = but === undefined ? "" : `case " $* " in ${but}) exec ${program}.real "$@";; esac\\n`;
  return {
    commands: `mv ${program} ${program}.real && printf '%b' '#!/bin/sh\\n${spared}echo "${LAST_WORDS}" >&2\\nexit 1\\n' > ${program} && chmod 755 ${program}`,
  };
}

/** Makes an image that is another one but for some commands, and gives its reference. */
export async function spoilt(image: ImageName, commands: string): Promise<string> {
  const reference = `${imageReference(image).split(":")[0]}:test-changes-spoilt`;
  const input = `FROM ${imageReference(image)}\nUSER 0:0\nRUN ${commands}\n`;
  await execa("docker", ["build", "--quiet", "--tag", reference, "-"], { input, env: { DOCKER_BUILDKIT: "0" } });
  return reference;
}

/** Removes images that were spoilt. */
export async function unspoil(references: readonly string[]): Promise<void> {
  await docker("rmi", "--force", ...references);
}

/** Gives the images their other tags; the function that it returns takes those away. */
export async function tagImages(images: readonly ImageName[]): Promise<() => Promise<void>> {
  for (const image of images) await docker("tag", imageReference(image), otherTag(image));
  return async () => void (await docker("rmi", ...images.map(otherTag)));
}
