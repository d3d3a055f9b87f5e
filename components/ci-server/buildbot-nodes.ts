import * as pulumi from "@pulumi/pulumi";
import { digestOfText } from "../core/digest";
import type { Endpoint } from "../core/endpoint";
import { healthCondition } from "../core/gate";
import { engineName } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { generatedPassword } from "../core/secret";
import { NormalCiServerArgs, serverName, workerComponent } from "./args";
import {
  BUILDBOT_DATA_PATH,
  BUILDBOT_PATH,
  HOOK,
  MasterSettings,
  ShippedFile,
  masterCheck,
  masterCommand,
  masterFiles,
  masterReload,
  probeCommand,
  renderMaster,
  renderMasterPasswords,
  renderWorker,
  workerCheck,
  workerCommand,
  workerFiles,
  knockUrl,
} from "./buildbot-files";
import type { NormalBuildbot } from "./engine-args";
import type { CreatedServer, ServerPlace } from "./server-place";

/** Passwords of the component's own: of who knocks, and of each worker, which its jobs can read. */
interface OwnPasswords {
  readonly hook: pulumi.Output<string>;
  readonly workers: Readonly<Record<string, pulumi.Output<string>>>;
}

/** A master, and behind it the workers, which are whole when the master has them. */
export function createBuildbot(
  place: ServerPlace,
  ci: NormalCiServerArgs<NormalBuildbot>,
  opts: pulumi.ComponentResourceOptions,
): CreatedServer {
  const { name, endpoint } = place;
  const { allowDataLoss, repositories, network, engine } = ci;
  const workers = workerComponent(name);
  const addresses = network.addressesOf(workers, engine.workers);
  const names = addresses.map((_, index) => `${workers}-${index + 1}`);
  const own = {
    hook: generatedPassword(`${name}-${HOOK}-password`, 32, opts),
    workers: Object.fromEntries(names.map((worker) => [worker, generatedPassword(`${worker}-password`, 32, opts)])),
  };
  const filled = (node: string) => ci.mounts(node).map(({ ready }) => ready);

  const master = new RollingSet(
    `${name}-server`,
    { component: name, nodes: [masterNode(place, ci, names, own)], after: filled(serverName(name)), allowDataLoss },
    opts,
  );
  new RollingSet(
    `${name}-workers`,
    {
      component: workers,
      nodes: addresses.map((address, index) => workerNode(names[index] ?? "", address, index, endpoint, ci, own)),
      after: [...master.gates, ...names.flatMap(filled)],
      allowDataLoss,
    },
    opts,
  );
  return {
    listeners: repositories.flatMap(({ name: repository, push }) =>
      push ? [{ repository, url: own.hook.apply((password) => knockUrl(String(endpoint), repository, password)) }] : [],
    ),
  };
}

function masterNode(
  { name, endpoint, published, passwords }: ServerPlace,
  ci: NormalCiServerArgs<NormalBuildbot>,
  workers: readonly string[],
  { hook, workers: known }: OwnPasswords,
): RollingNode {
  const { network, placement, image, user, memoryMiB, cpus, transform, port, engine, users } = ci;
  const node = serverName(name);
  const settings: MasterSettings = { ...ci, ...engine, title: name, url: `${published.url("http")}/`, workers };
  const files = masterFiles();
  const probe = probeCommand(`127.0.0.1:${port}`);
  const secret = pulumi.all([pulumi.all(passwords), hook, pulumi.all(known)]).apply(([forUsers, forHook, forWorkers]) =>
    renderMasterPasswords(
      users.map((each) => each.name),
      forUsers,
      { hook: forHook, workers: forWorkers },
    ),
  );
  return {
    name: node,
    host: placement.hostFor(0),
    dataPath: BUILDBOT_DATA_PATH,
    config: {
      mountPath: BUILDBOT_PATH,
      files: [...files, { path: "ci.json", content: renderMaster(settings) }, { path: "passwords.json", content: secret, mode: "0400" }],
      check: masterCheck,
      reload: masterReload(),
    },
    container: {
      network,
      address: endpoint.host,
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command: masterCommand(),
      environment: { HOME: BUILDBOT_DATA_PATH },
      startConfiguration: startDigest(files, ["master.tac", "start-master"]),
      mounts: ci.mounts(node).map(({ mount }) => mount),
      ports: [{ internal: port, external: port }],
      health: { command: probe, timeoutSeconds: 5, startPeriodSeconds: 60 },
      stopGraceSeconds: 20,
    },
    whole: healthCondition(engineName(node), probe),
  };
}

function workerNode(
  node: string,
  address: string,
  index: number,
  master: Endpoint,
  ci: NormalCiServerArgs<NormalBuildbot>,
  { workers }: OwnPasswords,
): RollingNode {
  const { network, placement, user, transform, engine } = ci;
  const files = workerFiles();
  const settings = renderWorker(node, master.host);
  const probe = probeCommand(String(master), node);
  return {
    name: node,
    host: placement.hostFor(index),
    // What is checked out, so that a build fetches what is new and no more.
    dataPath: BUILDBOT_DATA_PATH,
    config: {
      mountPath: BUILDBOT_PATH,
      files: [...files, { path: "worker.json", content: settings }, { path: "password", content: workers[node] ?? "", mode: "0400" }],
      check: workerCheck,
    },
    container: {
      network,
      address,
      image: engine.workerImage,
      user,
      memoryMiB: engine.workerMemoryMiB,
      cpus: engine.workerCpus,
      transform,
      command: workerCommand(),
      environment: { HOME: BUILDBOT_DATA_PATH },
      startConfiguration: digestOfText([startDigest(files, ["worker.tac", "start-worker"]), settings]),
      mounts: ci.mounts(node).map(({ mount }) => mount),
      health: { command: probe, timeoutSeconds: 5, startPeriodSeconds: 60 },
      stopGraceSeconds: 20,
    },
    whole: healthCondition(engineName(node), probe),
  };
}

/** Digest of what is only read at the start. */
function startDigest(files: readonly ShippedFile[], paths: readonly string[]): string {
  return digestOfText(files.flatMap(({ path, content }) => (paths.includes(path) ? [content] : [])));
}
