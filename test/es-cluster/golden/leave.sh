set -u
stopping() {
  [ -z "${DOCKYARD_STOP:-}" ] || return 0
  [ -z "${PULUMI_OPTION_TARGET:-}${PULUMI_OPTION_EXCLUDE:-}${PULUMI_OPTION_EXCLUDE_PROTECTED:-}" ] || return 1
  above=$PPID
  while [ "$above" -gt 1 ]; do
    if [ -r "/proc/$above/cmdline" ]; then tr "\000" "\n" < "/proc/$above/cmdline"; else ps -ww -o args= -p "$above" | tr " " "\n"; fi |
      awk 'BEGIN { verdict = 2 }
NR == 1 { if ($0 !~ /(^|\/)pulumi$/) exit; verdict = 1; next }
value { value = 0; next }
verdict == 0 { if ($0 ~ /^(--(target|exclude)|-[deQfhjry]*[tx])/) { verdict = 1; exit }; next }
/^--/ { value = $0 !~ /=|^--(emoji|fully-qualify-stack-names|disable-integrity-checking|logflow|logtostderr|non-interactive|help|version)$/; next }
/^-/ { value = length($0) == 2 && $0 !~ /[eQh]$/; next }
{ if ($0 !~ /^(destroy|down|dn)$/) exit; verdict = 0 }
END { exit verdict }'
    case $? in 0) return 0 ;; 1) return 1 ;; esac
    above=$(($(sed -n "s/^PPid:[^0-9]*//p" "/proc/$above/status" 2>/dev/null || ps -o ppid= -p "$above") + 0))
  done
  return 1
}
! stopping || exit 0
find_survivor() { { nodes=$(docker exec shop-dev-search-1 curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' "http://127.0.0.1:9200/_cat/nodes?h=name" 2>/dev/null) && survivor() { docker exec shop-dev-search-1 "$@"; }; } || { nodes=$(docker exec shop-dev-search-2 curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' "http://127.0.0.1:9200/_cat/nodes?h=name" 2>/dev/null) && survivor() { docker exec shop-dev-search-2 "$@"; }; }; }
there() { [ -n "$(docker ps --all --filter 'name=^shop-dev-search-3$' --format '{{.State}}')" ]; }
refuse() { echo "shop-dev-search-3 may not leave: $1" >&2; exit 1; }
find_survivor || refuse "none of the others answers, so it may be needed. Bring them back first"
if echo "$nodes" | grep -qxF search-3; then
  stay() { survivor curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' --request PUT --data '{"persistent":{"cluster.routing.allocation.exclude._name":null,"cluster.routing.allocation.enable":null,"cluster.metadata.dockyard.before":null}}' "http://127.0.0.1:9200/_cluster/settings" >/dev/null; refuse "$1"; }
  survivor curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' --request PUT --data '{"persistent":{"cluster.routing.allocation.exclude._name":"search-3","cluster.routing.allocation.enable":null,"cluster.metadata.dockyard.before":null}}' "http://127.0.0.1:9200/_cluster/settings" >&2 || refuse "its shards cannot be moved"
  deadline=$(($(date +%s) + 600)); still=0
  while :; do
    shards=$(survivor curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' "http://127.0.0.1:9200/_cat/shards?h=index,shard,prirep,state,node") || stay "the shards cannot be listed"
    here=$(echo "$shards" | awk '$5 == "search-3" { print $1, $2 }')
    [ -n "$here" ] || break
    if echo "$shards" | grep -qE 'RELOCATING|INITIALIZING'; then still=0; else still=$((still + 1)); fi
    if [ "$still" -ge 30 ] || [ "$(date +%s)" -ge "$deadline" ]; then stay "these shards have no place on the others. Lower the replicas of their indices or keep the node: $(echo "$here" | tr '\n' ',')"; fi
    sleep 0.5
  done
  survivor curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' --request POST --max-time 40 "http://127.0.0.1:9200/_cluster/voting_config_exclusions?node_names=search-3" >&2 || stay "the others cannot hold a majority without it"
fi
if there; then docker update --restart no shop-dev-search-3 >/dev/null && docker stop --time 60 shop-dev-search-3 >/dev/null || exit 1; fi
find_survivor && survivor curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' --request PUT --data '{"persistent":{"cluster.routing.allocation.exclude._name":null,"cluster.routing.allocation.enable":null,"cluster.metadata.dockyard.before":null}}' "http://127.0.0.1:9200/_cluster/settings" >&2 || exit 1
survivor curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' --request DELETE "http://127.0.0.1:9200/_cluster/voting_config_exclusions?wait_for_removal=false" >&2 || exit 1
for other in $(docker ps --filter label=dockyard.stack=dockyard-unit --filter label=dockyard.component=search --filter label=dockyard.node --format '{{.Names}}'); do docker exec "$other" sh -c 'grep -vxF "$1" /usr/share/elasticsearch/data/members > /usr/share/elasticsearch/data/members.new; mv /usr/share/elasticsearch/data/members.new /usr/share/elasticsearch/data/members' sh search-3 || exit 1; done