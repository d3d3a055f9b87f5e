set -eu
rm -rf /etc/thing/064de941fcd16caa.part
mkdir -p /etc/thing/064de941fcd16caa.part
(umask 077; cat > /etc/thing/064de941fcd16caa.part/thing.conf <<'EOF'
a = $b
EOF
)
chmod 0444 /etc/thing/064de941fcd16caa.part/thing.conf
mkdir -p /etc/thing/064de941fcd16caa.part/keys
(umask 077; cat > '/etc/thing/064de941fcd16caa.part/keys/it'\''s.key' <<'EOF'
secret
EOF
)
chmod 0400 '/etc/thing/064de941fcd16caa.part/keys/it'\''s.key'
chown -R 7:8 /etc/thing/064de941fcd16caa.part
if [ -d /etc/thing/064de941fcd16caa ]; then rm -rf /etc/thing/064de941fcd16caa.part; else mv /etc/thing/064de941fcd16caa.part /etc/thing/064de941fcd16caa; fi
echo /etc/thing/064de941fcd16caa
