set -u
consul() { said=$(docker exec shop-dev-discovery-1 consul "$@" 2>&1) || said=$(docker exec shop-dev-discovery-2 consul "$@" 2>&1) || { echo "no Consul server answers: $said" >&2; return 1; }; }
definition=$(cat <<'EOF'
{"service":{"id":"goods-2-goods","name":"goods","address":"10.89.0.42","port":8000,"check":{"name":"tcp 10.89.0.42:8000","tcp":"10.89.0.42:8000","interval":"10s","timeout":"2s"}}}
EOF
)
{ printf %s "$definition" | docker exec -i shop-dev-discovery-2 sh -c 'cat > /tmp/goods-2-goods.json && consul services register /tmp/goods-2-goods.json; code=$?; rm -f /tmp/goods-2-goods.json; exit $code' || printf %s "$definition" | docker exec -i shop-dev-discovery-1 sh -c 'cat > /tmp/goods-2-goods.json && consul services register /tmp/goods-2-goods.json; code=$?; rm -f /tmp/goods-2-goods.json; exit $code'; } || exit 1
definition=$(cat <<'EOF'
{"service":{"id":"goods-2-goods-rpc","name":"goods-rpc","address":"10.89.0.42","port":9000,"check":{"name":"tcp 10.89.0.42:9000","tcp":"10.89.0.42:9000","interval":"10s","timeout":"2s"}}}
EOF
)
{ printf %s "$definition" | docker exec -i shop-dev-discovery-2 sh -c 'cat > /tmp/goods-2-goods-rpc.json && consul services register /tmp/goods-2-goods-rpc.json; code=$?; rm -f /tmp/goods-2-goods-rpc.json; exit $code' || printf %s "$definition" | docker exec -i shop-dev-discovery-1 sh -c 'cat > /tmp/goods-2-goods-rpc.json && consul services register /tmp/goods-2-goods-rpc.json; code=$?; rm -f /tmp/goods-2-goods-rpc.json; exit $code'; } || exit 1
consul kv put upstreams/goods/10.89.0.42:8000 '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}' || exit 1
consul kv put upstreams/goods-rpc/10.89.0.42:9000 '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}' || exit 1
deadline=$(($(date +%s) + 30))
until said=$(docker exec shop-dev-gateway-1 curl -sS --fail-with-body --max-time 2 'http://127.0.0.1:8081/__gateway/serving?service=goods&peer=10.89.0.42:8000' 2>&1); do
  state=$(docker ps --all --filter 'name=^shop-dev-gateway-1$' --format '{{.State}}') || exit 1; [ "$state" = running ] || break
  [ "$(date +%s)" -lt "$deadline" ] || {
    echo "shop-dev-gateway-1 does not send requests to goods-2 after 30 s: $said" >&2; exit 1
  }
  sleep 0.05
done