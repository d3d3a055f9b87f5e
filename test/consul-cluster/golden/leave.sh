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
left() { { peers=$(docker exec shop-dev-discovery-1 consul operator raft list-peers 2>/dev/null) && ! echo "$peers" | grep -q '^discovery-3 '; } || { peers=$(docker exec shop-dev-discovery-2 consul operator raft list-peers 2>/dev/null) && ! echo "$peers" | grep -q '^discovery-3 '; }; }
left && exit 0
deadline=$(($(date +%s) + 60))
until peers=$(docker exec shop-dev-discovery-3 consul operator raft list-peers 2>&1) && { [ "$(echo "$peers" | tail -n +2 | wc -l)" -eq 1 ] || { state=$(docker exec shop-dev-discovery-3 consul operator autopilot state 2>&1) && echo "$state" | grep -Eq '^Healthy: +true'; }; }; do
  if [ "$(date +%s)" -ge "$deadline" ]; then echo "shop-dev-discovery-3 may not leave: the cluster is not whole, and its majority may need this server. Bring the others back first: $peers" >&2; exit 1; fi
  sleep 0.2
done
[ "$(echo "$peers" | tail -n +2 | wc -l)" -gt 1 ] || exit 0
docker exec shop-dev-discovery-3 consul snapshot save /consul/data/before-leave.snap >&2 || exit 1
if echo "$peers" | grep -Eq '^discovery-3 .* leader '; then docker exec shop-dev-discovery-3 consul operator raft transfer-leader >&2 || exit 1; fi
docker update --restart no shop-dev-discovery-3 >/dev/null || exit 1
docker exec shop-dev-discovery-3 consul leave >&2 || { docker update --restart always shop-dev-discovery-3 >/dev/null; exit 1; }
until left; do
  if [ "$(date +%s)" -ge "$((deadline + 30))" ]; then echo "shop-dev-discovery-3 left, but the others still count it as a peer: $peers" >&2; exit 1; fi
  sleep 0.2
done