set -eu
rm -rf "$ES_PATH_CONF"
mkdir -p "$ES_PATH_CONF" /usr/share/elasticsearch/data/cluster
if [ -d /usr/share/elasticsearch/config ]; then cp -R /usr/share/elasticsearch/config/. "$ES_PATH_CONF"; fi
[ -e "$ES_PATH_CONF/log4j2.properties" ] || cat /etc/elasticsearch/node/current/log4j2.properties > "$ES_PATH_CONF/log4j2.properties"
cat /etc/elasticsearch/node/current/elasticsearch.yml > "$ES_PATH_CONF/elasticsearch.yml"
answers() { curl --silent --output /dev/null --max-time 2 "http://$1:9200/"; }
if [ "$(hostname)" = search-1 ] && [ -z "$(ls /usr/share/elasticsearch/data/cluster)" ]; then
  read -r found began < /etc/elasticsearch/node/current/founding || true
  anybody() { for seed in 10.89.0.181 10.89.0.182; do if answers "$seed"; then return 0; fi; done; return 1; }
  late() { [ "$(($(date +%s) - ${began:-0}))" -gt 3600 ]; }
  if [ "$found" = found ] && late; then
    looks=0
    until anybody; do
      looks=$((looks + 1))
      [ "$looks" -lt 5 ] || { echo "this cluster was begun at $(date -u -d "@${began:-0}" +%FT%TZ), and the volume of its first node is empty: bring the others back first" >&2; exit 1; }
      sleep 2
    done
    found=join
  fi
  if [ "$found" = found ] && ! anybody; then echo 'cluster.initial_master_nodes: ["search-1"]' >> "$ES_PATH_CONF/elasticsearch.yml"; fi
fi
exec /usr/share/elasticsearch/bin/elasticsearch
