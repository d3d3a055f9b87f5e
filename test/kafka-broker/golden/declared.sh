set -u
find_survivor() { { docker exec shop-dev-events-1 kafka-admin live >/dev/null 2>&1 && survivor() { docker exec -i shop-dev-events-1 kafka-admin "$@"; }; } || { docker exec shop-dev-events-2 kafka-admin live >/dev/null 2>&1 && survivor() { docker exec -i shop-dev-events-2 kafka-admin "$@"; }; } || { docker exec shop-dev-events-3 kafka-admin live >/dev/null 2>&1 && survivor() { docker exec -i shop-dev-events-3 kafka-admin "$@"; }; }; }
declared=$(cat)
deadline=$(($(date +%s) + 60))
until find_survivor; do
  if [ "$(date +%s)" -ge "$deadline" ]; then echo "no node answers" >&2; exit 1; fi
  sleep 0.5
done
printf %s "$declared" | survivor apply >&2