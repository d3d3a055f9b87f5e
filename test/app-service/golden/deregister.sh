set -u
consul() { said=$(docker exec shop-dev-discovery-1 consul "$@" 2>&1) || said=$(docker exec shop-dev-discovery-2 consul "$@" 2>&1) || { echo "no Consul server answers: $said" >&2; return 1; }; }
refused() { [ -n "${DOCKYARD_STOP:-}" ] && exit 0; exit 1; }
consul kv delete upstreams/goods/10.89.0.42:8000 || refused
consul kv delete upstreams/goods-rpc/10.89.0.42:9000 || refused
deadline=$(($(date +%s) + 30))
until said=$(docker exec shop-dev-gateway-1 curl -sS --fail-with-body --max-time 2 'http://127.0.0.1:8081/__gateway/drained?service=goods&peer=10.89.0.42:8000' 2>&1); do
  case $said in *'"kept":true'*) break;; esac
  state=$(docker ps --all --filter 'name=^shop-dev-gateway-1$' --format '{{.State}}') || exit 1; [ "$state" = running ] || break
  [ "$(date +%s)" -lt "$deadline" ] || {
    case $said in *'"listed":0'*) echo "goods-2 stops with requests in flight after 30 s: $said" >&2; break;; esac
    echo "shop-dev-gateway-1 still sends requests to goods-2 after 30 s: $said" >&2; exit 1
  }
  sleep 0.05
done
docker exec shop-dev-discovery-1 consul services deregister -id=goods-2-goods 2>&1 || true
docker exec shop-dev-discovery-2 consul services deregister -id=goods-2-goods 2>&1 || true
docker exec shop-dev-discovery-1 consul services deregister -id=goods-2-goods-rpc 2>&1 || true
docker exec shop-dev-discovery-2 consul services deregister -id=goods-2-goods-rpc 2>&1 || true