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
find_survivor() { { nodes=$(docker exec shop-dev-queue-1 curl --config /etc/rabbitmq/node/current/operator.curl "http://127.0.0.1:15672/api/nodes?columns=name,running" 2>/dev/null) && survivor() { docker exec shop-dev-queue-1 "$@"; }; } || { nodes=$(docker exec shop-dev-queue-2 curl --config /etc/rabbitmq/node/current/operator.curl "http://127.0.0.1:15672/api/nodes?columns=name,running" 2>/dev/null) && survivor() { docker exec shop-dev-queue-2 "$@"; }; }; }
there() { [ -n "$(docker ps --all --filter 'name=^shop-dev-queue-3$' --format '{{.State}}')" ]; }
running() { [ "$(docker ps --all --filter 'name=^shop-dev-queue-3$' --format '{{.State}}')" = running ]; }
refuse() { echo "shop-dev-queue-3 may not leave: $1" >&2; exit 1; }
if ! find_survivor; then
  nodes=$(docker exec shop-dev-queue-3 curl --config /etc/rabbitmq/node/current/operator.curl "http://127.0.0.1:15672/api/nodes?columns=name,running" 2>/dev/null) || nodes=
  case $nodes in *'},{'*) refuse "none of the others answers. Bring them back first" ;; esac
  [ -n "$nodes" ] || [ -z "$(docker ps --all --filter 'name=^shop-dev-queue-1$' --format '{{.State}}')" ] || refuse "neither it nor any of the others answers. Bring them back first"
  [ -n "$nodes" ] || [ -z "$(docker ps --all --filter 'name=^shop-dev-queue-2$' --format '{{.State}}')" ] || refuse "neither it nor any of the others answers. Bring them back first"
  exit 0
fi
if echo "$nodes" | grep -qF '"rabbit@queue-3"'; then
  others=$(echo "$nodes" | tr '{' '\n' | grep '"name":' | grep -vF '"rabbit@queue-3"')
  case $others in *'"running":false'*) refuse "another broker is down, and this one may be needed. Bring it back first: $nodes" ;; esac
  names=$(echo "$others" | sed 's/.*"name":"\([^"]*\)".*/\1/')
  for name in $names; do survivor curl --config /etc/rabbitmq/node/current/operator.curl --request POST --header 'content-type: application/json' --data '{"strategy":"all","vhost_pattern":".*","queue_pattern":".*"}' --max-time 60 "http://127.0.0.1:15672/api/queues/quorum/replicas/on/$name/grow" >&2 || refuse "the quorum queues cannot be moved to $name"; done
  look() { queues=$(survivor curl --config /etc/rabbitmq/node/current/operator.curl "http://127.0.0.1:15672/api/queues?disable_stats=true&enable_queue_totals=true&columns=name,vhost,type,node,members,durable") || refuse "the queues cannot be listed"; here=$(printf '%s\n' "$queues" | awk '{ gsub(/},[{]"[a-z]+":/, "\n&"); print }' | grep '"name":' | grep -F '"rabbit@queue-3"'); }
  look
  only=$(echo "$here" | grep -E '"members":\["rabbit@queue-3"\]|"type":"classic"' | grep '"durable":true')
  [ -z "$only" ] || refuse "these queues are on it alone. Delete them or move their messages first: $only"
  survivor curl --config /etc/rabbitmq/node/current/operator.curl --request DELETE --max-time 60 "http://127.0.0.1:15672/api/queues/quorum/replicas/on/rabbit@queue-3/shrink" >&2 || refuse "its members of the quorum queues cannot be removed"
  deadline=$(( $(date +%s) + 30 ))
  while look; member=$(echo "$here" | grep '"type":"quorum"'); do
    [ "$(date +%s)" -lt "$deadline" ] || refuse "these queues keep their members on it: $member"
    sleep 0.2
  done
  stay() {
    if there; then docker update --restart always shop-dev-queue-3 >/dev/null; fi
    if running; then docker exec shop-dev-queue-3 rabbitmqctl --quiet start_app >&2; fi
    refuse "$1"
  }
  if there; then
    docker update --restart no shop-dev-queue-3 >/dev/null || exit 1
    if running; then docker exec shop-dev-queue-3 rabbitmqctl --quiet stop_app >&2 || stay "it does not stop"; fi
  fi
  survivor rabbitmqctl --quiet forget_cluster_node rabbit@queue-3 >&2 || stay "the others do not forget it"
fi
if there; then docker update --restart no shop-dev-queue-3 >/dev/null && docker stop --time 60 shop-dev-queue-3 >/dev/null || exit 1; fi
docker run --rm --network none --user 5672:5672 --cap-drop ALL --security-opt no-new-privileges -v shop-dev-queue-3-data:/var/lib/rabbitmq --entrypoint /bin/sh rabbitmq:1 -c 'cd /var/lib/rabbitmq; [ ! -d mnesia ] || mv mnesia left-$(date +%Y%m%d-%H%M%S)'
