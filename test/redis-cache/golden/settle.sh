set -u
failed=0
docker exec cache-sentinel-1 sh /etc/redis/node/current/settle-sentinel >&2 || { echo "cache-sentinel-1 does not take up its users" >&2; failed=1; }
docker exec cache-1 sh /etc/redis/node/current/settle >&2 || { echo "cache-1 does not take up its settings" >&2; failed=1; }
docker exec cache-2 sh /etc/redis/node/current/settle >&2 || { echo "cache-2 does not take up its settings" >&2; failed=1; }
exit $failed