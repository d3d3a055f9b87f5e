set -eu
rm -rf /etc/thing/73a7ef3a0da760e4.part
mkdir -p /etc/thing/73a7ef3a0da760e4.part
(umask 077; cat > /etc/thing/73a7ef3a0da760e4.part/thing.conf <<'EOF'
a = $b
EOF
)
chmod 0444 /etc/thing/73a7ef3a0da760e4.part/thing.conf
mkdir -p /etc/thing/73a7ef3a0da760e4.part/keys
(umask 077; cat > '/etc/thing/73a7ef3a0da760e4.part/keys/it'\''s.key' <<'EOF'
secret
EOF
)
chmod 0400 '/etc/thing/73a7ef3a0da760e4.part/keys/it'\''s.key'
chown -R 7:8 /etc/thing/73a7ef3a0da760e4.part
tree() { (cd "$1" && find . ! -type d -exec stat -c '%a %u:%g %n' {} + | sort && find . -type f -exec sha256sum {} + | sort); }
if [ ! -d /etc/thing/73a7ef3a0da760e4 ]; then mv /etc/thing/73a7ef3a0da760e4.part /etc/thing/73a7ef3a0da760e4
elif [ "$(tree /etc/thing/73a7ef3a0da760e4)" = "$(tree /etc/thing/73a7ef3a0da760e4.part)" ]; then rm -rf /etc/thing/73a7ef3a0da760e4.part
else
  rm -rf /etc/thing/73a7ef3a0da760e4.edited; cp -a /etc/thing/73a7ef3a0da760e4 /etc/thing/73a7ef3a0da760e4.edited
  if [ "$(readlink /etc/thing/current)" = 73a7ef3a0da760e4 ]; then ln -sfn 73a7ef3a0da760e4.edited /etc/thing/current.new; mv -T /etc/thing/current.new /etc/thing/current; fi
  rm -rf /etc/thing/73a7ef3a0da760e4; mv /etc/thing/73a7ef3a0da760e4.part /etc/thing/73a7ef3a0da760e4
fi
echo /etc/thing/73a7ef3a0da760e4
