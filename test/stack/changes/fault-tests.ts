import { expect, it } from "vitest";
import type { ImageName } from "../../../components/core/images";
import { LIFE_AND_LIMITS, containersOf, docker, eventsDuring } from "../support/engine";
import { ChangedStack, expectServed } from "./changed-stack";
import { Client, beside } from "./clients";
import { happened } from "./effects";
import { LAST_WORDS, spoilt, unspoil } from "./made";
import { Absent, Args, Elsewhere, Faults, isOwn } from "./table";

/** What a component is given in an `up` that must fail, and what that must say. */
interface Trial {
  readonly component: string;
  readonly turn: number;
  readonly args: Args;
  readonly said: readonly string[];
}

/** The components of an `up` go on where another one's has failed, so that all of them are seen to stop in one. */
const GO_ON = "--continue-on-error";

/**
 * Declares the tests of what must not go through: in preview, before a roll begins, and at its first node.
 *
 * @param images Image of each component.
 */
export function describeFaults(
  changed: () => ChangedStack,
  clients: () => readonly Client[],
  images: Readonly<Record<string, ImageName>>,
): void {
  it("are refused in preview where they would leave no majority", async ({ skip }) => {
    const refused = ownCells(changed(), "majority");
    if (refused.length === 0) skip("other tests prove it for each of them");
    const said = await changed().stack.refusal(changed().settingsWith(Object.fromEntries(refused.map(([name, cell]) => [name, [cell]]))));
    for (const [component, cell] of refused) expect.soft(said, component).toContain(cell.said);
    await changed().restore();
  });

  it("are not rolled while another node of theirs is down", async ({ skip }) => {
    const { stack } = changed();
    const held = ownCells(changed(), "needed");
    if (held.length === 0) skip("other tests prove it for each of them");
    const needed = held.flatMap(([, { nodes }]) => nodes);
    const containers = needed.map((node) => stack.container(node));
    const events = await eventsDuring(
      stack.label,
      async () => {
        await docker("stop", ...containers);
        for (const [component] of held) {
          const said = await stack.refusedUp(changed().settingsWith({ [component]: [{ environment: { AGAIN: "1" } }] }));
          expect.soft(said).toContain(`${stack.container(changed().firstNode(component))} cannot be spared now`);
        }
        await docker("start", ...containers);
      },
      LIFE_AND_LIMITS,
    );
    // A restart that preview knew nothing of would be seen.
    expect(happened(events)).toEqual(Object.fromEntries(needed.map((node) => [node, "die start"])));
    await changed().restore();
  });

  it("stop at their first node with the software's own words, the others are not touched and serve on, and setting it back heals", async ({
    onTestFinished,
  }) => {
    const { stack } = changed();
    const spoiltImages = await spoilImages(changed(), images);
    onTestFinished(() => unspoil(Object.values(spoiltImages)));
    const trials = trialsOf(changed(), spoiltImages);
    const turns = [...new Set(trials.map(({ turn }) => turn))].sort();
    const before = await containersOf(stack.label);
    const outcomes = await beside(clients(), async () => {
      for (const turn of turns) {
        const of = trials.filter((trial) => trial.turn === turn);
        const settings = changed().settingsWith(Object.fromEntries(of.map(({ component, args }) => [component, [{ args }]])));
        const said = await stack.up(settings, GO_ON).then(() => "it went through", String);
        for (const { component, said: words } of of) for (const word of words) expect.soft(said, component).toContain(word);
      }
      await changed().restore();
      await stack.up();
    });
    const firsts = trials.map(({ component }) => changed().firstNode(component));
    expect(identities(await containersOf(stack.label), firsts)).toEqual(identities(before, firsts));
    expectServed(outcomes);
    expect(await stack.preview()).toEqual([]);
  });
}

function trialsOf(changed: ChangedStack, images: Readonly<Record<string, string>>): Trial[] {
  const container = (component: string) => changed.stack.container(changed.firstNode(component));
  const neverWhole = ownCells(changed, "image").map(([component, { turn = 1 }]): Trial => {
    const said = [`${container(component)} does not become whole`, LAST_WORDS];
    return { component, turn, args: { image: images[component] }, said };
  });
  const refused = ownCells(changed, "configuration").map(([component, { args, said, turn = 1 }]): Trial => {
    return { component, turn, args, said: [`${container(component)}: the configuration was refused and the old one stays`, said] };
  });
  return [...neverWhole, ...refused];
}

async function spoilImages(changed: ChangedStack, images: Readonly<Record<string, ImageName>>): Promise<Record<string, string>> {
  const made = ownCells(changed, "image").map(async ([component, { commands }]) => {
    const image = images[component];
    if (image === undefined) throw new Error(`the group says no image of ${component}`);
    return [component, await spoilt(image, commands)] as const;
  });
  return Object.fromEntries(await Promise.all(made));
}

/** What is to be proven here of a cell. */
type Own<Key extends keyof Faults> = Exclude<Faults[Key], Elsewhere | Absent>;

/** The cells of a column that are for this suite to prove, by their components. */
function ownCells<Key extends keyof Faults>({ table }: ChangedStack, key: Key): [string, Own<Key>][] {
  return Object.entries(table).flatMap(([component, { faults }]): [string, Own<Key>][] => {
    const cell: Faults[Key] = faults[key];
    return isOwn(cell) ? [[component, cell]] : [];
  });
}

/** Who the containers are, and since when they run, but those of some nodes. */
function identities(containers: Awaited<ReturnType<typeof containersOf>>, but: readonly string[]): Record<string, string> {
  const others = Object.entries(containers).filter(([node]) => !but.includes(node));
  return Object.fromEntries(others.map(([node, { Id, State }]) => [node, `${Id} ${State.StartedAt}`]));
}
