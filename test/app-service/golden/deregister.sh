set -u
set -u
export docker=docker
condition=$(cat <<'EOF'
spared() { others=; names=$(docker ps --all --filter label=dockyard.stack=dockyard-unit --filter label=dockyard.component=goods --filter label=dockyard.node --format '{{.Names}}') || return 1; for name in $names; do [ "$name" = dockyard-unit-goods-2 ] || { others="$others $name"; docker exec "$name" /goods health >/dev/null 2>&1 && return 0; }; done; [ -n "$others" ] && $docker exec dockyard-unit-goods-2 /goods health >/dev/null 2>&1 || return 0; echo "none of the others is healthy:$others"; return 1; }; spared
EOF
)
look() { saw=$(timeout 20 sh -c "$condition" 2>&1); status=$?; [ $status -ne 124 ] || saw="no answer within 20 s: $saw"; return $status; }
later() { looks=$((looks + 1)); if [ "$looks" -gt 15 ]; then sleep 1; else sleep 0.2; fi; }
state=$(docker ps --all --filter 'name=^dockyard-unit-goods-2$' --format '{{.State}}') || exit 1
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
if ! stopping && [ "$state" = running ]; then
  deadline=$(($(date +%s) + ${DOCKYARD_SPARE_SECONDS:-60})); looks=0
  until look; do
    if [ "$(date +%s)" -ge "$deadline" ]; then echo "dockyard-unit-goods-2 cannot be spared now: $saw" >&2; exit 1; fi
    later
  done
fi
consul() { said=$(docker exec shop-dev-discovery-1 consul "$@" 2>&1) || said=$(docker exec shop-dev-discovery-2 consul "$@" 2>&1) || { echo "no Consul server answers: $said" >&2; return 1; }; }
keep() {
  consul kv put upstreams/goods/10.89.0.42:8000 '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}'
  consul kv put upstreams/goods-rpc/10.89.0.42:9000 '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}'
  exit 1
}
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
refused() { stopping && exit 0; keep; }
consul kv delete upstreams/goods/10.89.0.42:8000 || refused
consul kv delete upstreams/goods-rpc/10.89.0.42:9000 || refused
deadline=$(($(date +%s) + 30))
until said=$(docker exec shop-dev-gateway-1 curl -sS --fail-with-body --max-time 2 'http://127.0.0.1:8081/__gateway/drained?service=goods&peer=10.89.0.42:8000' 2>&1); do
  case $said in *'"kept":true'*) break;; esac
  state=$(docker ps --all --filter 'name=^shop-dev-gateway-1$' --format '{{.State}}') || keep; [ "$state" = running ] || break
  [ "$(date +%s)" -lt "$deadline" ] || {
    case $said in *'"listed":0'*) echo "goods-2 stops with requests in flight after 30 s: $said" >&2; break;; esac
    echo "shop-dev-gateway-1 still sends requests to goods-2 after 30 s: $said" >&2; keep
  }
  sleep 0.05
done
said=$(docker exec shop-dev-discovery-1 consul services deregister -id=goods-2-goods 2>&1) || case $said in *'Unknown service ID'*) ;; *) echo "shop-dev-discovery-1 keeps goods-2-goods in its catalogue: $said";; esac
said=$(docker exec shop-dev-discovery-2 consul services deregister -id=goods-2-goods 2>&1) || case $said in *'Unknown service ID'*) ;; *) echo "shop-dev-discovery-2 keeps goods-2-goods in its catalogue: $said";; esac
said=$(docker exec shop-dev-discovery-1 consul services deregister -id=goods-2-goods-rpc 2>&1) || case $said in *'Unknown service ID'*) ;; *) echo "shop-dev-discovery-1 keeps goods-2-goods-rpc in its catalogue: $said";; esac
said=$(docker exec shop-dev-discovery-2 consul services deregister -id=goods-2-goods-rpc 2>&1) || case $said in *'Unknown service ID'*) ;; *) echo "shop-dev-discovery-2 keeps goods-2-goods-rpc in its catalogue: $said";; esac