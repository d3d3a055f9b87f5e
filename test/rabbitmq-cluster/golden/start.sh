set -eu
own=$(hostname)
answers() { timeout 1 bash -c ": > /dev/tcp/$1/4369" 2>/dev/null; }
members=$(cat "$RABBITMQ_MNESIA_BASE/rabbit@$own/cluster_nodes.config" 2>/dev/null || true)
if ! echo "$members" | grep -o "'rabbit@[^']*'" | grep -qvFx "'rabbit@$own'"; then
  first=$(head -n 1 /etc/rabbitmq/node/current/hosts)
  while :; do
    members="'rabbit@$own'"
    while read -r address name; do
      if [ "$name" != "$own" ] && answers "$address"; then members="$members,'rabbit@$name'"; fi
    done < /etc/rabbitmq/node/current/hosts
    if [ "$members" != "'rabbit@$own'" ] || [ "${first#* }" = "$own" ]; then break; fi
    echo "waiting for another broker to join"
    sleep 0.5
  done
  export RABBITMQ_SERVER_START_ARGS="-rabbit cluster_nodes {[$members],disc}"
fi
exec rabbitmq-server
