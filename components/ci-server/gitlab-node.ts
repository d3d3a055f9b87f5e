import * as pulumi from "@pulumi/pulumi";
import { createDataVolume } from "../core/data-volume";
import { healthCondition } from "../core/gate";
import type { ConfigFile } from "../core/live-config";
import { engineName } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { secretOnly } from "../core/secret";
import type { Mount } from "../core/service-container";
import { NormalCiServerArgs, serverName } from "./args";
import type { NormalGitlab } from "./engine-args";
import {
  GITLAB_DATA_PATH,
  GITLAB_FILES,
  GITLAB_FOLDERS,
  GITLAB_PATH,
  gitlabCheck,
  gitlabCommand,
  gitlabEnvironment,
  gitlabProbe,
  gitlabReload,
  renderGitlabRb,
} from "./gitlab-files";
import type { CreatedServer, ServerPlace } from "./server-place";

/** What the image's own supervisor and its services take: each runs as a user of its own. */
const CAPABILITIES = {
  CAP_CHOWN: "gives each service its folders",
  CAP_DAC_OVERRIDE: "writes into folders that belong to services",
  CAP_FOWNER: "sets the modes of what belongs to services",
  CAP_FSETID: "sets them on folders of a group",
  CAP_KILL: "stops services of other users",
  CAP_SETGID: "starts services as their groups",
  CAP_SETUID: "starts services as their users",
  CAP_SYS_CHROOT: "its SSH server shuts a login's first part in",
};

/** What its documentation asks for: its own figures are kept there. */
const SHM_MIB = 256;

/** GitLab's official image, all services in one container. */
export function createGitlab(
  place: ServerPlace,
  ci: NormalCiServerArgs<NormalGitlab>,
  opts: pulumi.ComponentResourceOptions,
): CreatedServer {
  const { allowDataLoss, placement } = ci;
  const node = serverName(place.name);
  const folders = Object.entries(GITLAB_FOLDERS).map(([role, path]) => {
    const volume = createDataVolume(
      `${node}-${role}-data`,
      { host: placement.hostFor(0), component: place.name, node, allowDataLoss },
      opts,
    );
    return { volume, mount: { volume: engineName(`${node}-${role}-data`), path } };
  });
  const after = [...folders.map(({ volume }) => volume), ...ci.mounts(node).map(({ ready }) => ready)];
  const mounts = folders.map(({ mount }) => mount);
  new RollingSet(`${place.name}-server`, { component: place.name, nodes: [gitlabNode(place, ci, mounts)], after, allowDataLoss }, opts);
  return { listeners: [] };
}

function gitlabNode(
  { name, endpoint, published, passwords }: ServerPlace,
  ci: NormalCiServerArgs<NormalGitlab>,
  folders: readonly Mount[],
): RollingNode {
  const { network, placement, image, user, memoryMiB, cpus, transform, port, engine } = ci;
  const node = serverName(name);
  const { externalUrl: url = published.url("http"), sshPort } = engine;
  const probe = gitlabProbe(port);
  return {
    name: node,
    host: placement.hostFor(0),
    dataPath: GITLAB_DATA_PATH,
    config: {
      mountPath: GITLAB_PATH,
      files: [{ path: GITLAB_FILES.settings, content: renderGitlabRb({ url, port, engine }) }, ...secretFiles(name, ci, passwords)],
      check: gitlabCheck,
      reload: gitlabReload(),
    },
    container: {
      network,
      address: endpoint.host,
      image,
      user,
      rootReason: "GitLab's image is a supervisor that starts each service as a user of its own",
      writableRootReason: "GitLab's image writes the configuration of its services beside their programs when it starts",
      capabilities: CAPABILITIES,
      memoryMiB,
      shmMiB: SHM_MIB,
      cpus,
      transform,
      command: gitlabCommand(),
      environment: gitlabEnvironment(),
      mounts: [...folders, ...ci.mounts(node).map(({ mount }) => mount)],
      ports: [{ internal: port, external: port }, ...(sshPort === null ? [] : [{ internal: 22, external: sshPort }])],
      health: { command: probe, timeoutSeconds: 10, startPeriodSeconds: 600 },
      stopGraceSeconds: 120,
    },
    whole: healthCondition(engineName(node), probe),
    // The first start makes a database.
    gateTimeoutSeconds: 900,
    pids: 4096,
  };
}

function secretFiles(name: string, { engine }: NormalCiServerArgs<NormalGitlab>, passwords: ServerPlace["passwords"]): ConfigFile[] {
  const mail = engine.mail?.password;
  return [
    { path: GITLAB_FILES.rootPassword, content: passwords.root ?? pulumi.output(""), mode: "0400" },
    ...(mail === undefined
      ? []
      : [{ path: GITLAB_FILES.mailPassword, content: secretOnly(`${name}.engine.mail.password`, mail), mode: "0400" }]),
  ];
}
