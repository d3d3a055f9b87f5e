set -eu
script='set -eu
wanted=$(sed -n '\''s/^PidFile //p'\'' /etc/ssh/mesh/current/sshd_config)
server() { pid=$(cat "$1" 2>/dev/null) && case $(cat "/proc/$pid/comm" 2>/dev/null) in sshd | sshd.*) ;; *) false ;; esac; }
take_up() {
  tries=0
  again=0
  until server "$wanted"; do
    [ "$tries" -lt 100 ] || { echo "sshd has not taken its new configuration up within 10 s" >&2; exit 1; }
    if [ "$tries" -ge "$again" ]; then
      for file in /run/ssh-mesh/*.pid; do
        if server "$file"; then kill -HUP "$pid" || true; again=$((tries + 20)); break; fi
      done
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
}
listen_anew() {
  if server "$wanted"; then mv "$wanted" "$wanted.old.pid"; fi
  take_up
  rm -f "$wanted.old.pid"
}
grep -q "^ListenAddress ${1%:*}:" /etc/ssh/mesh/current/sshd_config || exit 0
! grep -qxF "ListenAddress $1" /etc/ssh/mesh/current/sshd_config || exit 0
grep -sqxF "ListenAddress $1" /run/ssh-mesh/also-listens.conf || echo "ListenAddress $1" >> /run/ssh-mesh/also-listens.conf
listen_anew'
state=$(docker ps --all --filter 'name=^shop-dev-ops-1$' --format '{{.State}}')
[ "$state" != running ] || docker exec shop-dev-ops-1 /bin/sh -c "$script" sh 10.89.0.151:2223 >&2
state=$(docker ps --all --filter 'name=^shop-dev-ops-2$' --format '{{.State}}')
[ "$state" != running ] || docker exec shop-dev-ops-2 /bin/sh -c "$script" sh 10.89.0.152:2223 >&2
