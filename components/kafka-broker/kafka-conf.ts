/** The user as whom nodes log in to each other; it may do everything. */
export const OWN_USER = "node";

export const CLIENT_PORT = 9092;
/** Where clients on the host come in: they are told the published port. */
export const HOST_PORT = 9094;
export const BROKER_PORT = 9091;
export const CONTROLLER_PORT = 9093;

export const KAFKA_DATA_PATH = "/var/lib/kafka";
export const KAFKA_CONFIG_PATH = "/etc/kafka/node";
const CURRENT = `${KAFKA_CONFIG_PATH}/current`;
/** In memory: the settings with the password in them, and the native code that the server unpacks and runs. */
const RUN_PATH = "/run/kafka";
/** Kafka's classes as Java maps them into memory, for half the CPU of a start. It is for a class path in this very order, and another image may lack it. */
const ARCHIVE = "/opt/kafka/archive/classes.jsa";
const LOG_FOLDER = `${KAFKA_DATA_PATH}/data`;
export const KAFKA_FILES = {
  settings: "server.properties",
  peers: "peers.properties",
  logging: "log4j2.properties",
  start: "start",
  admin: "admin.json",
  founding: "founding",
  password: "node-password",
} as const;

/** A node as the others reach it. */
export interface KafkaMember {
  readonly name: string;

  /** Number of the node, which its data belongs to. */
  readonly id: number;
  readonly address: string;
  readonly broker: boolean;
  readonly controller: boolean;
}

/** What one node's settings depend on, beside the other nodes. */
export interface KafkaNodeConfig {
  readonly member: KafkaMember;

  /** Address and port on the host that clients there are told; null where none is published. */
  readonly published: { readonly host: string; readonly port: number } | null;
}

/** Memory in which the cleaner of compacted topics notes keys, in MiB: Kafka's default of 128 is half of the heap of a small broker. */
const DEDUPE_BUFFER_MIB = 32;

/** A node's own settings; the server reads them when it starts, and only then. */
export function renderServerProperties({ member, published }: KafkaNodeConfig): string {
  const { id, address, broker, controller } = member;
  const listeners = [
    ...(broker
      ? [
          ["INSIDE", CLIENT_PORT, `${address}:${CLIENT_PORT}`],
          ["REPLICATION", BROKER_PORT, `${address}:${BROKER_PORT}`],
        ]
      : []),
    ...(broker && published ? [["HOST", HOST_PORT, `${published.host}:${published.port}`]] : []),
    ...(controller ? [["CONTROLLER", CONTROLLER_PORT, `${address}:${CONTROLLER_PORT}`]] : []),
  ] as const;
  return properties({
    "node.id": id,
    "process.roles": [...(broker ? ["broker"] : []), ...(controller ? ["controller"] : [])].join(","),
    listeners: listeners.map(([name, port]) => `${name}://0.0.0.0:${port}`).join(","),
    "advertised.listeners": listeners.map(([name, , reached]) => `${name}://${reached}`).join(","),
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": ["INSIDE", "HOST", "REPLICATION", "CONTROLLER"].map((name) => `${name}:SASL_PLAINTEXT`).join(","),
    "sasl.mechanism.controller.protocol": "PLAIN",
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    ...(broker && brokerSettings()),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": `User:${OWN_USER}`,
    "allow.everyone.if.no.acl.found": false,
    "log.dirs": LOG_FOLDER,
  });
}

function brokerSettings(): Record<string, string | number | boolean> {
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  return {
    "inter.broker.listener.name": "REPLICATION",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.replication.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.inside.scram-sha-512.sasl.jaas.config": scram,
    "listener.name.host.scram-sha-512.sasl.jaas.config": scram,
    // A misspelt topic is an error, not a new topic.
    "auto.create.topics.enable": false,
    "num.network.threads": 2,
    "num.io.threads": 4,
    // Of the usual 50 each has files and a thread's attention on every broker; they cannot be fewer later. kafka-admin makes them with as many.
    "offsets.topic.num.partitions": 16,
    "transaction.state.log.num.partitions": 16,
    "log.cleaner.dedupe.buffer.size": DEDUPE_BUFFER_MIB * 2 ** 20,
  };
}

/** What a node needs to know of the others when it starts. It changes as the cluster grows, and those that run need not start anew for it. */
export function renderPeers(controllers: readonly KafkaMember[], replication: number, minInSync: number): string {
  return properties({
    "controller.quorum.bootstrap.servers": controllers.map(({ address }) => `${address}:${CONTROLLER_PORT}`).join(","),
    "default.replication.factor": replication,
    "offsets.topic.replication.factor": replication,
    "transaction.state.log.replication.factor": replication,
    "transaction.state.log.min.isr": minInSync,
    "share.coordinator.state.topic.replication.factor": replication,
    "share.coordinator.state.topic.min.isr": minInSync,
  });
}

function properties(settings: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

/** What kafka-admin knows of the cluster. */
export function renderAdmin(node: string, cluster: string, members: readonly KafkaMember[]): string {
  const known = members.map(({ name, id, address, broker, controller }) => ({ name, id, address, broker, controller }));
  return `${JSON.stringify({ node, cluster, members: known }, undefined, 2)}\n`;
}

export function renderLogging(): string {
  return properties({
    status: "error",
    "appender.console.type": "Console",
    "appender.console.name": "console",
    "appender.console.layout.type": "PatternLayout",
    "appender.console.layout.pattern": "[%d] %p %m (%c)%n",
    "rootLogger.level": "info",
    "rootLogger.appenderRef.console.ref": "console",
    // Each of them says what it does a hundred times at every start.
    "logger.config.name": "org.apache.kafka.common.config.AbstractConfig",
    "logger.config.level": "warn",
    "logger.log.name": "kafka.log",
    "logger.log.level": "warn",
    "logger.state.name": "state.change.logger",
    "logger.state.level": "warn",
  });
}

/**
 * The node's start. Storage is formatted once; only the node that may begin a cluster has a vote from the start, where there is no data of it
 * anywhere and no controller answers. All others are given theirs by the gate.
 *
 * @param cluster Id of the cluster, which the data has to belong to.
 */
export function renderStartScript({ id, controller }: KafkaMember, cluster: string): string {
  return `set -eu
umask 077
cat ${CURRENT}/${KAFKA_FILES.settings} ${CURRENT}/${KAFKA_FILES.peers} > ${RUN_PATH}/server.properties
password=$(cat ${CURRENT}/${KAFKA_FILES.password})
for listener in replication controller; do
  echo "listener.name.$listener.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\\"${OWN_USER}\\" password=\\"$password\\" user_${OWN_USER}=\\"$password\\";"
done >> ${RUN_PATH}/server.properties
shared=
[ ! -e ${ARCHIVE} ] || shared=-XX:SharedArchiveFile=${ARCHIVE}
run() { exec java $shared -Djava.io.tmpdir=${RUN_PATH} -Djava.awt.headless=true -Dlog4j2.disable.jmx=true -Dlog4j2.configurationFile=file:${CURRENT}/${KAFKA_FILES.logging} -cp "$(echo /opt/kafka/libs/*.jar | tr ' ' :)" "$@"; }
mkdir -p ${LOG_FOLDER}
if [ ! -e ${LOG_FOLDER}/meta.properties ]; then
  ${
    controller
      ? `founding=$(kafka-admin founding) || { echo "$founding" >&2; exit 1; }; case $founding in found) quorum=--standalone ;; *) quorum=--no-initial-controllers ;; esac`
      : "quorum="
  }
  (run -Xmx128m kafka.tools.StorageTool format --cluster-id ${cluster} --config ${RUN_PATH}/server.properties $quorum)
fi
for line in cluster.id=${cluster} node.id=${id}; do
  grep -qxF "$line" ${LOG_FOLDER}/meta.properties || { echo "the data volume is another node's or another cluster's: it lacks the line $line" >&2; cat ${LOG_FOLDER}/meta.properties >&2; exit 1; }
done
run $KAFKA_HEAP_OPTS -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError kafka.Kafka ${RUN_PATH}/server.properties
`;
}

export function kafkaCommand(): string[] {
  return ["sh", `${CURRENT}/${KAFKA_FILES.start}`];
}

/** The heap, all of it from the start. */
export function kafkaEnvironment(heapMiB: number): Record<string, string> {
  return { KAFKA_HEAP_OPTS: `-Xms${heapMiB}m -Xmx${heapMiB}m` };
}

/** The folders that a node writes in memory; the second holds native code of the compressions, unpacked there and run. */
export function kafkaTmpfs(user: string): Record<string, string> {
  const [uid, gid] = user.split(":");
  return {
    "/tmp": "rw,noexec,nosuid,nodev,size=16m",
    [RUN_PATH]: `rw,exec,nosuid,nodev,size=32m,uid=${uid},gid=${gid},mode=0750`,
  };
}

export function kafkaProbe(): string[] {
  return ["kafka-admin", "alive"];
}

/** The server refuses its settings when it starts; what can be told before is that all of it is there. */
export function kafkaCheck(folder: string): string[] {
  return ["sh", "-n", `${folder}/${KAFKA_FILES.start}`];
}
