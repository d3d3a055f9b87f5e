import * as pulumi from "@pulumi/pulumi";
import { digestOfText } from "../core/digest";
import { Endpoint } from "../core/endpoint";
import { healthCondition } from "../core/gate";
import { engineName, stackId, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { secretOnly } from "../core/secret";
import { BinlogSyncArgs, NormalBinlogSyncArgs, normalizeBinlogSyncArgs } from "./args";
import { SYNC_CONFIG_PATH, SYNC_FILES, renderSyncSettings, settingsCheck, syncCommand, syncProbe, wholeCommand } from "./sync-files";

/** Port on which the service tells of itself: `/status`. */
const STATUS_PORT = 3400;

/**
 * A service that keeps indices of Elasticsearch equal to tables of MySQL: it reads them once, and then follows the binary log of whichever
 * server takes writes, by GTID.
 *
 * How far it came is kept in Elasticsearch, beside what it tells of. A table that cannot be followed stops alone, with its documents as they
 * are: one without a primary key, with a column that is not carried (a geometry, text in a rare character set), with a foreign key that the
 * storage engine follows by itself, or with a document that the index refuses. `up` says which and why, and `binlog-sync status` in the
 * container; once it is mended, a restart of the container or a change of the table has it read anew.
 *
 * @example
 * const indexing = new BinlogSync("indexing", {
 *   network,
 *   source: { endpoints: mysql.endpoints, user: "indexing", password: mysql.password("indexing") },
 *   elasticsearch: search.endpoints,
 *   tables: [
 *     { tables: "shop.goods", index: "goods", excludeColumns: ["cost"] },
 *     { tables: "shop_*.orders", index: "orders" },
 *   ],
 *   indices: { goods: { properties: { name: { type: "text" } } } },
 * });
 */
export class BinlogSync extends pulumi.ComponentResource {
  /** Where the service tells of itself, on the service network. */
  public readonly status: Endpoint;

  constructor(resourceName: string, args: BinlogSyncArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:BinlogSync", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const sync = normalizeBinlogSyncArgs(name, args);

    const [address = ""] = sync.network.addressesOf(name, 1);
    this.status = new Endpoint(address, STATUS_PORT);
    createService(name, address, sync, { parent: this });

    this.registerOutputs({ status: String(this.status) });
  }
}

function createService(name: string, address: string, sync: NormalBinlogSyncArgs, opts: pulumi.ComponentResourceOptions): RollingSet {
  return new RollingSet(`${name}-service`, { component: name, nodes: [serviceNode(name, address, sync)] }, opts);
}

function serviceNode(name: string, address: string, sync: NormalBinlogSyncArgs): RollingNode {
  const { network, placement, image, user, memoryMiB, cpus, transform, source } = sync;
  const node = `${name}-1`;
  const settings = renderSyncSettings({
    ...sync,
    name: engineName(name),
    position: positionIndex(name),
    serverId: serverIdOf(`${stackId()}/${name}`),
    sources: source.endpoints.map(String),
    user: source.user,
    elasticsearch: sync.elasticsearch.map((endpoint) => endpoint.url("http")),
  });
  return {
    name: node,
    host: placement.hostFor(0),
    config: {
      mountPath: SYNC_CONFIG_PATH,
      files: [
        { path: SYNC_FILES.settings, content: settings },
        { path: SYNC_FILES.password, content: secretOnly(`${name}.source.password`, source.password), mode: "0400" },
      ],
      check: settingsCheck,
    },
    container: {
      network,
      address,
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command: syncCommand(),
      // What is collected is collected before the limit is met.
      environment: { GOMEMLIMIT: `${Math.floor(memoryMiB * 0.8)}MiB` },
      startConfiguration: digestOfText([settings]),
      health: { command: syncProbe(), timeoutSeconds: 5, startPeriodSeconds: 120 },
      stopGraceSeconds: 10,
    },
    whole: healthCondition(engineName(node), wholeCommand()),
    // The servers and the nodes that it needs may be forming yet.
    gateTimeoutSeconds: 300,
  };
}

/** Several stacks may share a cluster of Elasticsearch, whose indices are in lower case. */
function positionIndex(name: string): string {
  return `${engineName(name)}-position`.toLowerCase();
}

/**
 * A number that servers know a follower by, above those that people give: two followers of the same number cut each other off.
 *
 * @param identity What is unique to the follower.
 */
function serverIdOf(identity: string): number {
  return 0x8000_0000 + (Number.parseInt(digestOfText([identity]).slice(0, 8), 16) % 0x7fff_0000);
}
