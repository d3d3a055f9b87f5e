import { LastBackup, renderLastBackup } from "./last-backup";
import { bytes } from "./units";

/** What a node's own software says of its part. */
export interface Told {
  readonly role: string;
  /** How far it is behind, in words; empty where it is not, or nothing is behind anything. */
  readonly lag: string;
  /** How far it has come in what it copies from another, in bytes; its lag is told by comparing. @default nothing is compared */
  readonly position?: number;
  /** What is told below the table, in sentences. @default nothing */
  readonly remark?: string;
}

/** A question to the software of a node, asked inside its container. */
interface Question {
  readonly command: readonly string[];
  /** @throws {Error} where the answer is none. */
  readonly read: (answer: string, node: string) => Told;
}

/** What each kind of component is asked; all others are what they are. */
const QUESTIONS: Readonly<Record<string, Question>> = {
  ConsulCluster: { command: ["consul", "info"], read: readConsul },
  MysqlReplicaSet: { command: ["mysql-keeper", "status"], read: readKeeper },
  RedisCache: { command: ["sh", "/etc/redis/node/current/cli", "INFO", "replication"], read: readRedis },
  EsCluster: {
    command: ["curl", "-sS", "--fail", "--max-time", "4", "http://127.0.0.1:9200/_cat/nodes?h=name,master,node.role"],
    read: readElasticsearch,
  },
  KafkaBroker: { command: ["kafka-admin", "status"], read: readKafka },
  BinlogSync: { command: ["binlog-sync", "status"], read: readSync },
  HaproxyKeepalivedPair: { command: ["/opt/pair/held"], read: readHeld },
  BackupSchedule: { command: ["backup", "last"], read: readBackup },
};

/** What to ask a node; undefined where its kind has no roles. A Sentinel only watches, which its name says. */
export function questionFor(kind: string | undefined, node: string): Question | undefined {
  if (kind === "RedisCache" && /-sentinel-\d+$/.test(node)) return undefined;
  return kind === undefined ? undefined : QUESTIONS[kind];
}

/** Last part of a component's type token. */
export function kindOf(type: string): string {
  return type.split(":").pop() ?? "";
}

/** A field of a list of lines `field: value` or `field = value`. */
function field(text: string, name: string): string | undefined {
  return new RegExp(`^\\s*${name}\\s*[:=]\\s*(.*?)\\s*$`, "m").exec(text)?.[1];
}

function readConsul(answer: string): Told {
  const leader = field(answer, "leader");
  if (leader === undefined) throw new Error("it tells of no leader");
  return { role: leader === "true" ? "leader" : "follower", lag: "" };
}

function readKeeper(answer: string): Told {
  const { role, lagSeconds } = JSON.parse(answer) as { role: string; lagSeconds: number };
  return { role, lag: role === "replica" && lagSeconds >= 0 ? `${lagSeconds} s` : "" };
}

function readRedis(answer: string): Told {
  const role = field(answer, "role");
  if (role === undefined) throw new Error("it tells of no role");
  if (role === "master") return { role: "primary", lag: "", position: Number(field(answer, "master_repl_offset")) };
  const isLinked = field(answer, "master_link_status") === "up";
  return { role: "replica", lag: isLinked ? "" : "no link", ...(isLinked && { position: Number(field(answer, "slave_repl_offset")) }) };
}

/** Lines `search-1 * dim`. */
function readElasticsearch(answer: string, node: string): Told {
  const line = answer
    .split("\n")
    .map((each) => each.trim().split(/\s+/))
    .find(([name]) => name === node);
  if (line === undefined) throw new Error("it is not in its cluster");
  const [, master, roles = ""] = line;
  return { role: master === "*" ? "master" : roles.includes("d") ? "data" : roles.includes("m") ? "eligible" : "node", lag: "" };
}

/** How far the groups are behind is told of the cluster, so beside the one that leads it. */
function readKafka(answer: string, node: string): Told {
  const { leader, brokers, groupLag } = JSON.parse(answer) as { leader: string; brokers: string[]; groupLag: Record<string, number> };
  const most = Math.max(0, ...Object.values(groupLag));
  if (leader === node) return { role: "controller", lag: most === 0 ? "" : `${most} records` };
  return { role: brokers.includes(node) ? "broker" : "voter", lag: "" };
}

function readSync(answer: string): Told {
  const { phase, behindMs } = JSON.parse(answer) as { phase: string; behindMs: number };
  return { role: phase, lag: phase === "following" ? `${behindMs} ms` : "" };
}

function readHeld(answer: string): Told {
  const held = answer.split("\n").filter(Boolean).sort();
  return { role: held.length === 0 ? "backup" : `holds ${held.join(", ")}`, lag: "" };
}

function readBackup(answer: string): Told {
  return { role: "", lag: "", remark: renderLastBackup(JSON.parse(answer) as LastBackup, Date.now()) };
}

/** A node's answer beside those of its like: how many bytes a replica lacks of what its primary has. */
export function withLag(told: Told, others: readonly Told[]): Told {
  const ahead = others.find(({ role, position }) => role === "primary" && position !== undefined)?.position;
  if (told.role !== "replica" || told.position === undefined || ahead === undefined) return told;
  return { ...told, lag: bytes(Math.max(0, ahead - told.position)) };
}
