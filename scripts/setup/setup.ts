import { mkdir } from "node:fs/promises";
import type { DefaultRenderer, ListrTask, SimpleRenderer } from "listr2";
import { ensureEngine, engineAnswers } from "./engine";
import { buildImage, ensureBase, ensureConsul, missingImages } from "./images";
import { CACHE } from "./paths";
import { ensureCli, ensurePlugins, findPulumi } from "./pulumi";
import { Report } from "./shell";

/** What a command needs of the machine. */
export type Need = "engine" | "pulumi" | "images";

type Step = ListrTask<unknown, typeof DefaultRenderer, typeof SimpleRenderer>;

/**
 * Has everything that is needed, and shows the steps that take long while they run.
 *
 * Where nothing is missing only that is found out: no list, no download, no build.
 *
 * @throws {SetupError} saying what could not be had and what to do.
 */
export async function setup(needs: readonly Need[]): Promise<void> {
  const pulumi = findPulumi();
  const engine = await engineAnswers();
  const missing = {
    engine: needs.includes("engine") && !engine,
    pulumi: needs.includes("pulumi") && pulumi === undefined,
    images: needs.includes("images") && (!engine || (await missingImages()).length > 0),
  };
  if (!Object.values(missing).some(Boolean)) return;
  await mkdir(CACHE, { recursive: true });
  const { Listr, PRESET_TIMER } = await import("listr2");
  const steps = new Listr(
    [
      {
        title: "Tools and base",
        task: (_, task) =>
          task.newListr(
            [
              {
                title: "Container engine and base image",
                enabled: missing.engine || missing.images,
                task: (_context, list) => list.newListr(engineSteps(missing.images), { concurrent: false }),
              },
              {
                title: "Pulumi and Consul",
                enabled: missing.pulumi || missing.images,
                task: (_context, list) => list.newListr(toolSteps(missing), { concurrent: false }),
              },
            ],
            { concurrent: true, rendererOptions: { collapseSubtasks: false } },
          ),
      },
      { title: "Images", enabled: missing.images, task: async (_, task) => task.newListr(await imageSteps()) },
    ],
    {
      rendererOptions: { timer: PRESET_TIMER, collapseSubtasks: false },
      fallbackRendererOptions: { timer: PRESET_TIMER },
      registerSignalListeners: false,
    },
  );
  await steps.run();
}

function step(title: string, work: (report: Report) => Promise<unknown>): Step {
  return {
    title,
    task: async (_, task) => {
      // A log, unlike a terminal, keeps every line: only the title and the time go there.
      await work((line) => {
        if (process.stdout.isTTY) task.output = line;
      });
    },
  };
}

function engineSteps(images: boolean): Step[] {
  return [step("Container engine", ensureEngine), ...(images ? [step("Base image", ensureBase)] : [])];
}

function toolSteps({ pulumi, images }: { pulumi: boolean; images: boolean }): Step[] {
  return [
    ...(pulumi ? [step("Pulumi CLI", ensureCli), step("Pulumi plugins", ensurePlugins)] : []),
    ...(images ? [step("Consul", ensureConsul)] : []),
  ];
}

async function imageSteps(): Promise<Step[]> {
  return (await missingImages()).map((name) => step(name, async (report) => buildImage(name, await ensureBase(report), report)));
}
