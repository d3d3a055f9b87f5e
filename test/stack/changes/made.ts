import { ImageName, imageReference } from "../../../components/core/images";
import { docker } from "../support/engine";
import type { Absent, Effects, Made, MadeElsewhere } from "./table";

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

/** A change that another test proves. @param file Its file in `test/stack`. */
export function madeElsewhere(effect: Effects, file: string, test: string): MadeElsewhere {
  return { effect, file, test };
}

/** What proves that generated secrets are rotated, one of each kind. */
export const ROTATION = ["own/rotation.test.ts", "has new secrets take the place of the old ones with no request failed"] as const;

/** What a component has nothing of. */
export function absent(why: string): Absent {
  return { absent: why };
}

/** Gives the images their other tags; the function that it returns takes those away. */
export async function tagImages(images: readonly ImageName[]): Promise<() => Promise<void>> {
  for (const image of images) await docker("tag", imageReference(image), otherTag(image));
  return async () => void (await docker("rmi", ...images.map(otherTag)));
}
