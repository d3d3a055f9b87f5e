set -eu
rm -rf /etc/thing/43bdd18a4a35fa19.part
mkdir -p /etc/thing/43bdd18a4a35fa19.part
(umask 077; cat > /etc/thing/43bdd18a4a35fa19.part/thing.conf <<'EOF'
a = $b
EOF
)
chmod 0444 /etc/thing/43bdd18a4a35fa19.part/thing.conf
mkdir -p /etc/thing/43bdd18a4a35fa19.part/keys
(umask 077; cat > '/etc/thing/43bdd18a4a35fa19.part/keys/it'\''s.key' <<'EOF'
secret
EOF
)
chmod 0400 '/etc/thing/43bdd18a4a35fa19.part/keys/it'\''s.key'
chown -R 7:8 /etc/thing/43bdd18a4a35fa19.part
if [ -d /etc/thing/43bdd18a4a35fa19 ]; then rm -rf /etc/thing/43bdd18a4a35fa19.part; else mv /etc/thing/43bdd18a4a35fa19.part /etc/thing/43bdd18a4a35fa19; fi
echo /etc/thing/43bdd18a4a35fa19
