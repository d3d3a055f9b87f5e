set -u
definitions=$(cat)
wanted=' permissions/%2F/orders permissions/billing/watcher policies/%2F/short users/orders users/watcher vhosts/%2F vhosts/billing '
deadline=$(($(date +%s) + 60))
while :; do
  if docker exec shop-dev-queue-1 curl --config /etc/rabbitmq/node/current/operator.curl "http://127.0.0.1:15672/api/overview?columns=node" >/dev/null 2>&1; then broker() { docker exec -i shop-dev-queue-1 "$@"; }; break; fi
  if docker exec shop-dev-queue-2 curl --config /etc/rabbitmq/node/current/operator.curl "http://127.0.0.1:15672/api/overview?columns=node" >/dev/null 2>&1; then broker() { docker exec -i shop-dev-queue-2 "$@"; }; break; fi
  if [ "$(date +%s)" -ge "$deadline" ]; then echo "no broker answers" >&2; exit 1; fi
  sleep 0.5
done
before=$(broker curl --config /etc/rabbitmq/node/current/operator.curl --no-show-error --write-out '%{onerror}\n%{http_code}' "http://127.0.0.1:15672/api/global-parameters/dockyard") || case $before in *404) before= ;; *) echo "what was declared cannot be read: $before" >&2; exit 1 ;; esac
before=$(printf %s "$before" | sed -n 's/.*"value":"\([^"]*\)".*/\1/p')
record() { printf '{"name":"dockyard","value":"%s"}' "$1" | broker curl --config /etc/rabbitmq/node/current/operator.curl --request PUT --header 'content-type: application/json' --data-binary @- "http://127.0.0.1:15672/api/global-parameters/dockyard" >&2 || exit 1; }
removed=; for path in users/guest $before; do case $wanted in *" $path "*) ;; *) removed="$removed $path" ;; esac; done
for path in $removed; do
  case $path in vhosts/*)
    queues=$(broker curl --config /etc/rabbitmq/node/current/operator.curl --no-show-error --write-out '%{onerror}\n%{http_code}' "http://127.0.0.1:15672/api/queues/${path#vhosts/}?columns=name") || case $queues in *404) continue ;; *) echo "the queues of ${path#vhosts/} cannot be listed: $queues" >&2; exit 1 ;; esac
    if [ "$queues" != "[]" ]; then echo "the vhost ${path#vhosts/} still has queues, and they would go with it: $queues. Delete them, or declare the vhost again" >&2; exit 1; fi
  esac
done
both=${wanted# }; for path in $before; do case $wanted in *" $path "*) ;; *) both="$both$path " ;; esac; done
record "$both"
printf %s "$definitions" | broker curl --config /etc/rabbitmq/node/current/operator.curl --request POST --header 'content-type: application/json' --data-binary @- "http://127.0.0.1:15672/api/definitions" >&2 || exit 1
for path in $removed; do
  said=$(broker curl --config /etc/rabbitmq/node/current/operator.curl --request DELETE --no-show-error --write-out '%{onerror}\n%{http_code}' "http://127.0.0.1:15672/api/$path") || case $said in *404) ;; *) echo "$path cannot be removed: $said" >&2; exit 1 ;; esac
done
record "${wanted# }"
