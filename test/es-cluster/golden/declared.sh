set -u
deadline=$(($(date +%s) + 60))
while :; do
  if docker exec shop-dev-search-1 curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' "http://127.0.0.1:9200/_cat/master" >/dev/null 2>&1; then node() { docker exec -i shop-dev-search-1 "$@"; }; break; fi
  if docker exec shop-dev-search-2 curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' "http://127.0.0.1:9200/_cat/master" >/dev/null 2>&1; then node() { docker exec -i shop-dev-search-2 "$@"; }; break; fi
  if [ "$(date +%s)" -ge "$deadline" ]; then echo "no node answers that knows a master" >&2; exit 1; fi
  sleep 0.5
done
there=$(node curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' "http://127.0.0.1:9200/_index_template?filter_path=index_templates.name") || exit 1
wanted=' search-orders '
for name in $(echo "$there" | grep -o '"name":"search-[^"]*"' | cut -d '"' -f 4); do
  case $wanted in *" $name "*) ;; *) node curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' --request DELETE "http://127.0.0.1:9200/_index_template/$name" >&2 || exit 1 ;; esac
done
node curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' --request PUT --data-binary @- "http://127.0.0.1:9200/_index_template/search-orders" >&2 <<'EOF'
{"index_patterns":["orders-*"],"priority":1,"template":{"settings":{"number_of_replicas":1},"mappings":{"properties":{"at":{"type":"date"}}}}}
EOF
[ $? -eq 0 ] || { echo "the template orders is refused" >&2; exit 1; }
node curl --silent --show-error --fail-with-body --max-time 10 --header 'content-type: application/json' --request PUT --data-binary @- "http://127.0.0.1:9200/_snapshot/snapshots" >&2 <<'EOF'
{"type":"fs","settings":{"location":"/usr/share/elasticsearch/snapshots"}}
EOF
[ $? -eq 0 ] || { echo "the repository of snapshots is refused" >&2; exit 1; }