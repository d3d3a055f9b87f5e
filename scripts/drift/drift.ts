import { execa } from "execa";
import { askEngine, findOnEngines } from "../recovery/engines";
import { SetupError, lastWords } from "../setup/shell";
import { StackHost, Target } from "../stack";
import { CONTAINER, NETWORK, StateResource, VOLUME, hostOf, isDataVolume, nameOf, ownResources, stateResources, textOf } from "../state";
import { comparingContainer, configurationDifferences, renderComparison } from "./configuration";
import { Declared, DeclaredConfiguration, DeclaredKeys, declaredIn } from "./declared";
import { deletedData } from "./deleted";
import { Difference, inOrder } from "./difference";
import { exportedKeys, keyDifferences } from "./keys";
import { LiveContainer, settingsDifferences } from "./settings";

/** What differs on the hosts of a stack, and what could not be asked. */
export interface Drift {
  readonly differences: readonly Difference[];
  /** Those among them that are data volumes whose folder was deleted under a container that runs. */
  readonly deleted: readonly Difference[];
  /** Why something could not be compared, a sentence each. */
  readonly unanswered: readonly string[];
  readonly hosts: readonly StackHost[];
  /** Whether there is nothing to compare: the stack is down, or was never brought up to its end. */
  readonly isEmpty: boolean;
}

/** How long a look may take, in ms: an engine or a Consul that hangs never ends it. */
const PATIENCE = 60_000;

/** That a stack has not been brought up yet, so that nothing can differ. */
export class NoStackError extends SetupError {}

/**
 * Compares what a stack's state says with what its hosts have: containers, networks, volumes, settings, configurations and keys.
 *
 * It changes nothing: configurations are written anew into the memory of a container that is thrown away, and compared there.
 *
 * @throws {NoStackError} where there is no such stack.
 * @throws {SetupError} where an engine does not answer.
 */
export async function findDrift(target: Target): Promise<Drift> {
  const all = await stateResources(target, { secrets: true });
  if (all === undefined) throw new NoStackError(`The stack ${target.stack} has not been brought up yet; \`npm run up\` does it.`);
  const { hosts, resources } = ownResources(target, all);
  const found = await findOnEngines(target, hosts);
  const live = new Map(found.map((each) => [each.id, each]));
  const declared = declaredIn(resources, hosts);
  const volumes = new Set(found.filter(({ kind }) => kind === "volume").map(({ name }) => name));
  const data = resources.filter((each) => isDataVolume(each, resources)).map(({ id = "", urn }) => [id, urn] as const);
  const [containers, configurations, keys] = await Promise.all([
    containersOf(declared, hosts, live, new Map(data)),
    configurationsOf(target, declared, hosts, volumes),
    // What the container of an instance is gone with, its registration is made anew with.
    keysOf(declared.registrations.filter(({ urn }) => !isOfLost(urn, resources, live))),
  ]);
  return {
    differences: inOrder([
      ...missingOrStopped(resources, hosts, live),
      ...containers.settings,
      ...containers.deleted,
      ...configurations.differences,
      ...keys.differences,
    ]),
    unanswered: [...containers.unanswered, ...configurations.unanswered, ...keys.unanswered],
    deleted: containers.deleted,
    hosts,
    isEmpty: !resources.some(({ type }) => [CONTAINER, NETWORK, VOLUME].includes(type)),
  };
}

type Found = Awaited<ReturnType<typeof findOnEngines>>[number];
type Answer = Pick<Drift, "differences" | "unanswered">;

/** Whether the container of a node, by the name of its registration, is not there any more. */
function isOfLost(urn: string, resources: readonly StateResource[], live: ReadonlyMap<string, Found>): boolean {
  const node = nameOf(urn).replace(/-registration$/, "");
  const container = resources.find((each) => each.type === CONTAINER && nameOf(each.urn) === node);
  return container?.id !== undefined && !live.has(container.id);
}

function missingOrStopped(
  resources: readonly StateResource[],
  hosts: readonly StackHost[],
  live: ReadonlyMap<string, Found>,
): Difference[] {
  return resources.flatMap((resource): Difference[] => {
    const { type, id, urn, inputs = {} } = resource;
    const kind = type === CONTAINER ? "container" : type === NETWORK ? "network" : type === VOLUME ? "volume" : undefined;
    if (kind === undefined || id === undefined) return [];
    const base = { kind, urn, host: hostOf(resource, hosts)?.name, name: textOf(inputs.name) ?? id } as const;
    const found = live.get(id);
    if (found === undefined) return [{ ...base, ...missing(resource, resources) }];
    return kind !== "container" || found.state === "running" ? [] : [{ ...base, differs: `is ${found.state}` }];
  });
}

function missing(resource: StateResource, resources: readonly StateResource[]): Pick<Difference, "differs" | "isLoss"> {
  if (resource.type !== VOLUME) return { differs: "is missing" };
  return isDataVolume(resource, resources)
    ? { differs: "is missing: DATA LOSS, all that was in it is gone", isLoss: true }
    : { differs: "is missing, with the configuration that was in it" };
}

async function containersOf(
  { containers }: Declared,
  hosts: readonly StackHost[],
  found: ReadonlyMap<string, Found>,
  data: ReadonlyMap<string, string>,
): Promise<{ settings: Difference[]; deleted: Difference[]; unanswered: string[] }> {
  const answers = await Promise.all(
    hosts.map(async (host) => {
      const here = containers.filter((each) => each.host === host && found.has(each.id));
      if (here.length === 0) return { settings: [], deleted: [], unanswered: [] };
      const [inspected, networks] = await Promise.all([
        askEngine(host, "inspect", ...here.map(({ id }) => id)),
        askEngine(host, "network", "ls", "--no-trunc", "--format", "{{.Name}}\t{{.ID}}"),
      ]);
      const byId = new Map((JSON.parse(inspected) as LiveContainer[]).map((each) => [each.Id, each]));
      const ids = new Map(networks.split("\n").map((line) => line.split("\t") as [string, string]));
      const pairs = here.flatMap((declared) => {
        const live = byId.get(declared.id);
        return live === undefined ? [] : [{ declared, live }];
      });
      return {
        settings: pairs.flatMap(({ declared, live }) => settingsDifferences(declared, live, ids)),
        ...(await deletedData(host, pairs, data)),
      };
    }),
  );
  return {
    settings: answers.flatMap(({ settings }) => settings),
    deleted: answers.flatMap(({ deleted }) => deleted),
    unanswered: answers.flatMap(({ unanswered }) => unanswered),
  };
}

async function configurationsOf(
  target: Target,
  { configurations, containers }: Declared,
  hosts: readonly StackHost[],
  volumes: ReadonlySet<string>,
): Promise<Answer> {
  const answers = await Promise.all(
    hosts.map(async (host): Promise<Answer> => {
      const here = configurations.filter((each) => each.host === host && volumes.has(each.volume));
      if (here.length === 0) return { differences: [], unanswered: [] };
      try {
        return {
          differences: configurationDifferences(here, await compared(target, host, here, imagesOf(containers, here))),
          unanswered: [],
        };
      } catch (error) {
        return { differences: [], unanswered: [`The configurations on host ${host.name} cannot be compared: ${lastWords(error)}`] };
      }
    }),
  );
  return { differences: answers.flatMap(({ differences }) => differences), unanswered: answers.flatMap(({ unanswered }) => unanswered) };
}

/** Images of the containers that read these configurations: each runs the scripts that write them. */
function imagesOf(containers: Declared["containers"], configurations: readonly DeclaredConfiguration[]): string[] {
  const nodes = containers.filter(({ node }) => configurations.some(({ name }) => name.startsWith(`${node}-`)));
  return [...new Set(nodes.map(({ image }) => image))].sort();
}

/** What the comparison prints, in a container of the first image that is on the host. */
async function compared(
  { label }: Target,
  host: StackHost,
  configurations: readonly DeclaredConfiguration[],
  images: readonly string[],
): Promise<string> {
  const there = new Set((await askEngine(host, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")).split("\n"));
  const image = images.find((each) => there.has(each)) ?? images[0] ?? "";
  const [program, ...options] = host.docker;
  const args = [...options, ...comparingContainer(label, image, configurations)];
  const { stdout } = await execa(program, args, { input: renderComparison(configurations), timeout: PATIENCE });
  return stdout;
}

/** Asks each Consul once, however many instances have their keys in it. */
async function keysOf(registrations: readonly DeclaredKeys[]): Promise<Answer> {
  const questions = [...new Set(registrations.map(({ question }) => question))];
  const answers = await Promise.all(
    questions.map(async (question): Promise<Answer> => {
      const { failed, stdout, stderr } = await execa("sh", ["-c", question], { stdin: "ignore", reject: false, timeout: PATIENCE });
      if (failed) return { differences: [], unanswered: [`The keys cannot be compared: ${stderr.trim()}`] };
      const live = exportedKeys(stdout);
      const asked = registrations.filter((each) => each.question === question);
      return { differences: asked.flatMap((each) => keyDifferences(each, live)), unanswered: [] };
    }),
  );
  return { differences: answers.flatMap(({ differences }) => differences), unanswered: answers.flatMap(({ unanswered }) => unanswered) };
}
