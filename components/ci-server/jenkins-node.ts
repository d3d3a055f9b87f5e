import * as pulumi from "@pulumi/pulumi";
import { digestOfText } from "../core/digest";
import { healthCondition } from "../core/gate";
import { engineName } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { generatedPassword } from "../core/secret";
import { DEFAULT_TMPFS } from "../core/service-container";
import { NormalCiServerArgs, serverName } from "./args";
import type { NormalJenkins } from "./engine-args";
import {
  JENKINS_HOME,
  JENKINS_PATH,
  RELOAD_TOKEN,
  SECRETS_FOLDER,
  jenkinsCheck,
  jenkinsCommand,
  jenkinsEnvironment,
  jenkinsProbe,
  jenkinsReload,
  notifyUrl,
  passwordFile,
  renderCasc,
  renderPlugins,
  renderStart,
} from "./jenkins-files";
import type { CreatedServer, ServerPlace } from "./server-place";

/** Jenkins' official image, whose jobs, users and update centre are configured as code. */
export function createJenkins(
  place: ServerPlace,
  ci: NormalCiServerArgs<NormalJenkins>,
  opts: pulumi.ComponentResourceOptions,
): CreatedServer {
  const { name, endpoint } = place;
  const token = generatedPassword(`${name}-reload-token`, 32, opts);
  const after = ci.mounts(serverName(name)).map(({ ready }) => ready);
  new RollingSet(
    `${name}-server`,
    { component: name, nodes: [jenkinsNode(place, ci, token)], after, allowDataLoss: ci.allowDataLoss },
    opts,
  );
  return {
    listeners: ci.repositories.flatMap(({ name: repository, url, push }) =>
      push ? [{ repository, url: pulumi.secret(notifyUrl(String(endpoint), url)) }] : [],
    ),
  };
}

function jenkinsNode(
  { name, endpoint, published, passwords }: ServerPlace,
  ci: NormalCiServerArgs<NormalJenkins>,
  token: pulumi.Output<string>,
): RollingNode {
  const { network, placement, image, user, memoryMiB, cpus, transform, port, engine } = ci;
  const node = serverName(name);
  const [plugins, start, probe] = [renderPlugins(engine), renderStart(), jenkinsProbe(port)];
  return {
    name: node,
    host: placement.hostFor(0),
    dataPath: JENKINS_HOME,
    config: {
      mountPath: JENKINS_PATH,
      files: [
        { path: "jenkins.yaml", content: renderCasc({ ...ci, title: name, url: `${published.url("http")}/` }) },
        { path: "plugins.txt", content: plugins },
        { path: "start", content: start },
        ...Object.entries(passwords).map(([each, content]) => ({
          path: `${SECRETS_FOLDER}/${passwordFile(each)}`,
          content,
          mode: "0400",
        })),
        { path: `${SECRETS_FOLDER}/${RELOAD_TOKEN}`, content: token, mode: "0400" },
      ],
      check: jenkinsCheck,
      reload: jenkinsReload(port),
    },
    container: {
      network,
      address: endpoint.host,
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command: jenkinsCommand(),
      environment: jenkinsEnvironment(engine, port),
      // Plugins are installed when the server starts.
      startConfiguration: digestOfText([plugins, start]),
      mounts: ci.mounts(node).map(({ mount }) => mount),
      // The virtual machine unpacks libraries there and runs them.
      tmpfs: { ...DEFAULT_TMPFS, "/tmp": "rw,exec,nosuid,nodev,size=256m" },
      ports: [{ internal: port, external: port }],
      health: { command: jenkinsProbe(port), timeoutSeconds: 5, startPeriodSeconds: 300 },
      stopGraceSeconds: 60,
    },
    whole: healthCondition(engineName(node), probe),
    // The first start fetches the plugins.
    gateTimeoutSeconds: 600,
  };
}
