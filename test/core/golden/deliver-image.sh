set -u
docker -H ssh://b image inspect --format '{{.Id}}' dockyard/consul:1.22.0-abc 2>/dev/null && exit 0
docker image save dockyard/consul:1.22.0-abc | docker -H ssh://b image load >&2
docker -H ssh://b image inspect --format '{{.Id}}' dockyard/consul:1.22.0-abc