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
if [ -d /etc/thing/73a7ef3a0da760e4 ]; then rm -rf /etc/thing/73a7ef3a0da760e4.part; else mv /etc/thing/73a7ef3a0da760e4.part /etc/thing/73a7ef3a0da760e4; fi
echo /etc/thing/73a7ef3a0da760e4
