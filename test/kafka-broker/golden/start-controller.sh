set -eu
umask 077
cat /etc/kafka/node/current/server.properties /etc/kafka/node/current/peers.properties > /run/kafka/server.properties
password=$(cat /etc/kafka/node/current/node-password)
for listener in replication controller; do
  echo "listener.name.$listener.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"node\" password=\"$password\" user_node=\"$password\";"
done >> /run/kafka/server.properties
shared=
[ ! -e /opt/kafka/archive/classes.jsa ] || shared=-XX:SharedArchiveFile=/opt/kafka/archive/classes.jsa
run() { exec java $shared -Djava.io.tmpdir=/run/kafka -Djava.awt.headless=true -Dlog4j2.disable.jmx=true -Dlog4j2.configurationFile=file:/etc/kafka/node/current/log4j2.properties -cp "$(echo /opt/kafka/libs/*.jar | tr ' ' :)" "$@"; }
mkdir -p /var/lib/kafka/data
if [ ! -e /var/lib/kafka/data/meta.properties ]; then
  founding=$(kafka-admin founding) || { echo "$founding" >&2; exit 1; }; case $founding in found) quorum=--standalone ;; *) quorum=--no-initial-controllers ;; esac
  (run -Xmx128m kafka.tools.StorageTool format --cluster-id MkU3OEVBNTcwNTJENDM2Qg --config /run/kafka/server.properties $quorum)
fi
for line in cluster.id=MkU3OEVBNTcwNTJENDM2Qg node.id=101; do
  grep -qxF "$line" /var/lib/kafka/data/meta.properties || { echo "the data volume is another node's or another cluster's: it lacks the line $line" >&2; cat /var/lib/kafka/data/meta.properties >&2; exit 1; }
done
run $KAFKA_HEAP_OPTS -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError kafka.Kafka /run/kafka/server.properties
