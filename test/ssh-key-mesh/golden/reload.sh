set -eu
wanted=$(sed -n 's/^PidFile //p' /etc/ssh/mesh/current/sshd_config)
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
if ! server "$wanted"; then
  grep -h '^ListenAddress ' /etc/ssh/mesh/*/sshd_config | sort -u | grep -vxF "$(grep '^ListenAddress ' /etc/ssh/mesh/current/sshd_config)" > /run/ssh-mesh/also-listens.conf || true
fi
take_up
