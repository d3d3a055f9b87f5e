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
! stopping || { exit 0; }
find_survivor() { { docker exec shop-dev-events-1 kafka-admin live >/dev/null 2>&1 && survivor() { docker exec -i shop-dev-events-1 kafka-admin "$@"; }; } || { docker exec shop-dev-events-2 kafka-admin live >/dev/null 2>&1 && survivor() { docker exec -i shop-dev-events-2 kafka-admin "$@"; }; } || { docker exec shop-dev-events-3 kafka-admin live >/dev/null 2>&1 && survivor() { docker exec -i shop-dev-events-3 kafka-admin "$@"; }; }; }
there() { [ -n "$(docker ps --all --filter 'name=^shop-dev-events-4$' --format '{{.State}}')" ]; }
refuse() { echo "shop-dev-events-4 may not leave: $1" >&2; exit 1; }
find_survivor || refuse "none of the others answers, so it may be needed. Bring them back first"
said=$(survivor leave --node events-4 --id 4 2>&1) || refuse "$said"
if there; then docker update --restart no shop-dev-events-4 >/dev/null && docker stop --time 20 shop-dev-events-4 >/dev/null || exit 1; fi
deadline=$(($(date +%s) + 60))
until find_survivor && said=$(survivor forget --node events-4 --id 4 2>&1); do
  if [ "$(date +%s)" -ge "$deadline" ]; then echo "the others do not forget it: ${said:-none answers}" >&2; exit 1; fi
  sleep 0.5
done
for other in $(docker ps --filter label=dockyard.stack=dockyard-unit --filter label=dockyard.component=events --filter label=dockyard.node --format '{{.Names}}'); do docker exec "$other" kafka-admin drop --node events-4 || exit 1; done