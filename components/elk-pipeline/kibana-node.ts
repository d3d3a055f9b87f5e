import { healthCondition } from "../core/gate";
import { engineName } from "../core/naming";
import type { RollingNode } from "../core/rolling-set";
import { secretOnly } from "../core/secret";
import { NormalElkPipelineArgs } from "./args";
import type { NormalKibanaArgs } from "./kibana-args";
import {
  KIBANA_CONFIG,
  KIBANA_DATA,
  KIBANA_FILE,
  KIBANA_PORT,
  kibanaCheck,
  kibanaCommand,
  kibanaEnvironment,
  kibanaProbe,
  kibanaReload,
  kibanaWhole,
  renderKibanaYml,
} from "./kibana-yml";
import type { ElasticsearchOutput } from "./output-args";

export function kibanaNode(
  name: string,
  address: string,
  { network, placement }: NormalElkPipelineArgs,
  kibana: NormalKibanaArgs,
  { endpoints, user, password }: ElasticsearchOutput,
): RollingNode {
  const node = `${name}-kibana-1`;
  const render = (text?: string) => renderKibanaYml({ name: node, elasticsearch: endpoints, user, password: text }, kibana);
  return {
    name: node,
    host: placement.hostFor(0),
    dataPath: KIBANA_DATA,
    config: {
      mountPath: KIBANA_CONFIG,
      files: [
        {
          path: KIBANA_FILE,
          content: password === undefined ? render() : secretOnly(`${name}.output.password`, password).apply(render),
          mode: "0400",
        },
      ],
      check: kibanaCheck,
      reload: kibanaReload(),
    },
    container: {
      network,
      address,
      image: kibana.image,
      user: kibana.user,
      memoryMiB: kibana.memoryMiB,
      cpus: kibana.cpus,
      command: kibanaCommand(),
      environment: kibanaEnvironment(kibana),
      ports: [{ internal: KIBANA_PORT, external: kibana.publishedPort }],
      health: { command: kibanaProbe(kibana), timeoutSeconds: 6, startPeriodSeconds: 180 },
    },
    whole: healthCondition(engineName(node), kibanaWhole(kibana)),
    gateTimeoutSeconds: 300,
  };
}
