set -u
if ! docker exec shop-dev-queue-3 curl --config /etc/rabbitmq/node/current/operator.curl "http://127.0.0.1:15672/api/overview?columns=node" >/dev/null 2>&1; then exit 0; fi
docker exec shop-dev-queue-3 curl --config /etc/rabbitmq/node/current/operator.curl --request POST --header 'content-type: application/json' --data '{"strategy":"all","vhost_pattern":".*","queue_pattern":".*"}' --max-time 60 "http://127.0.0.1:15672/api/queues/quorum/replicas/on/rabbit@queue-3/grow" >&2
