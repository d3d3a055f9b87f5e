/**
 * What the words of a process say, one a line, as awk's status: 0 where it is Pulumi that destroys a whole stack, 1 where it is Pulumi that does
 * something else, 2 where it is another program.
 *
 * The operation is Pulumi's first word that is no option and no option's value, found as its own parser finds it: before that word every option
 * without `=` takes the next one, but for those that are known to be switches. What is not understood is no destroy.
 */
const VERDICT = [
  "BEGIN { verdict = 2 }",
  "NR == 1 { if ($0 !~ /(^|\\/)pulumi$/) exit; verdict = 1; next }",
  "value { value = 0; next }",
  "verdict == 0 { if ($0 ~ /^(--(target|exclude)|-[deQfhjry]*[tx])/) { verdict = 1; exit }; next }",
  "/^--/ { value = $0 !~ /=|^--(emoji|fully-qualify-stack-names|disable-integrity-checking|logflow|logtostderr|non-interactive|help|version)$/; next }",
  "/^-/ { value = length($0) == 2 && $0 !~ /[eQh]$/; next }",
  "{ if ($0 !~ /^(destroy|down|dn)$/) exit; verdict = 0 }",
  "END { exit verdict }",
].join("\n");

/**
 * Shell function `stopping`, for scripts that Pulumi runs at a deletion: whether the whole stack stops, and comes back as it is, so that nobody leaves.
 *
 * It does where `DOCKYARD_STOP` is set, and where the nearest Pulumi above the script's shell runs `destroy` with no part of the stack chosen.
 */
export const STOPPING_FUNCTION = [
  "stopping() {",
  '  [ -z "${DOCKYARD_STOP:-}" ] || return 0',
  // By these Pulumi takes options from its environment.
  '  [ -z "${PULUMI_OPTION_TARGET:-}${PULUMI_OPTION_EXCLUDE:-}${PULUMI_OPTION_EXCLUDE_PROTECTED:-}" ] || return 1',
  "  above=$PPID",
  '  while [ "$above" -gt 1 ]; do',
  // Where there is no /proc words with a space in them fall apart.
  '    if [ -r "/proc/$above/cmdline" ]; then tr "\\000" "\\n" < "/proc/$above/cmdline"; else ps -ww -o args= -p "$above" | tr " " "\\n"; fi |',
  `      awk '${VERDICT}'`,
  "    case $? in 0) return 0 ;; 1) return 1 ;; esac",
  '    above=$(($(sed -n "s/^PPid:[^0-9]*//p" "/proc/$above/status" 2>/dev/null || ps -o ppid= -p "$above") + 0))',
  "  done",
  "  return 1",
  "}",
].join("\n");
