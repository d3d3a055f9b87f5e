set -eu
pipes=$(mktemp -d)
mkfifo "$pipes/in" "$pipes/out"
docker -H ssh://far run --rm -i --label dockyard.stack=dockyard-unit --network none -v unit-thing-1-config:/etc/thing --security-opt no-new-privileges --user 0:0 --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER --entrypoint /bin/sh thing:1 -s <"$pipes/in" >"$pipes/out" & beside=$!
exec 8>"$pipes/in" 9<"$pipes/out"; rm -r "$pipes"
finish() { exec 8>&-; wait "$beside"; }
tell() { (trap '' PIPE; printf '%s\n' "$1" >&8) 2>/dev/null || { finish; exit 1; }; }
answer() { read -r "$1" <&9 || { finish; exit 1; }; }
cat >&8 || true
answer folder
state=$(docker -H ssh://far ps --all --filter 'name=^unit-thing-1$' --format '{{.State}}')
runs=; if [ "$state" = running ] && [ "$(docker -H ssh://far inspect --format '{{.Config.Image}}' unit-thing-1)" = thing:1 ]; then runs=1; fi
if [ -n "$runs" ]; then said=$(docker -H ssh://far exec unit-thing-1 thing -t "$folder"/thing.conf 2>&1) || refused=1
else said=$(docker -H ssh://far run --rm --label dockyard.stack=dockyard-unit --network none -v unit-thing-1-config:/etc/thing --security-opt no-new-privileges --user 7:8 --cap-drop ALL --tmpfs /run:mode=1777 --tmpfs /tmp:mode=1777 --entrypoint thing thing:1 -t "$folder"/thing.conf 2>&1) || refused=1; fi
if [ -n "${refused:-}" ]; then echo "unit-thing-1: the configuration was refused and the old one stays: $said" >&2; finish; exit 1; fi
tell "version=${folder##*/}"
tell 'cd /etc/thing; before=$(readlink current || true); ln -sfn "$version" current.new; mv -T current.new current; for old in *; do case $old in current|"$version"|"$before") ;; *) rm -rf "$old";; esac; done; echo swapped'
answer swapped
if [ -n "$runs" ] && ! docker -H ssh://far exec unit-thing-1 thing reload >&2; then
  tell '[ -z "$before" ] || [ "$before" = "$version" ] || { ln -sfn "$before" current.new; mv -T current.new current; }'; finish
  echo "unit-thing-1: the configuration was not taken up, and the old one is back in its place" >&2; exit 1
fi
finish
echo "${folder##*/}"