set -eu
rm -rf "$ES_PATH_CONF"
mkdir -p "$ES_PATH_CONF" /usr/share/elasticsearch/data/cluster
if [ -d /usr/share/elasticsearch/config ]; then cp -R /usr/share/elasticsearch/config/. "$ES_PATH_CONF"; fi
[ -e "$ES_PATH_CONF/log4j2.properties" ] || cat /etc/elasticsearch/node/current/log4j2.properties > "$ES_PATH_CONF/log4j2.properties"
cat /etc/elasticsearch/node/current/elasticsearch.yml > "$ES_PATH_CONF/elasticsearch.yml"
answers() { curl --silent --output /dev/null --max-time 2 "http://$1:9200/"; }
if [ "$(hostname)" = search-1 ] && [ -z "$(ls /usr/share/elasticsearch/data/cluster)" ]; then
  found=$(cat /etc/elasticsearch/node/current/founding)
  for seed in 10.89.0.181 10.89.0.182; do if answers "$seed"; then found=join; fi; done
  if [ "$found" = found ]; then echo 'cluster.initial_master_nodes: ["search-1"]' >> "$ES_PATH_CONF/elasticsearch.yml"; fi
fi
exec /usr/share/elasticsearch/bin/elasticsearch
