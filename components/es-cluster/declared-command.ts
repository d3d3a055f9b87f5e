import { heredoc, shellCommand } from "../core/shell";
import { ES_SNAPSHOTS_PATH, apiCommand } from "./es-conf";
import type { EsNodeRef } from "./es-gate";
import type { NormalIndexTemplate } from "./template-args";

/** What a cluster has beside its documents, as it was declared. */
export interface Declared {
  /** Name of the component, the first part of its templates' names: others are left alone. */
  readonly component: string;
  readonly templates: Readonly<Record<string, NormalIndexTemplate>>;

  /** Whether there is a repository of snapshots. */
  readonly snapshots: boolean;
}

/** A template as Elasticsearch takes it. */
export function renderTemplate({ patterns, priority, settings, properties }: NormalIndexTemplate): string {
  const template = {
    ...(Object.keys(settings).length > 0 && { settings }),
    ...(Object.keys(properties).length > 0 && { mappings: { properties } }),
  };
  return JSON.stringify({ index_patterns: patterns, priority, template });
}

/**
 * Makes a running cluster as it is declared: its templates and its repository. Templates that the component had and has no more are removed;
 * those of others are left alone, and indices that exist keep what they have.
 */
export function renderDeclaredCommand(nodes: readonly EsNodeRef[], { component, templates, snapshots }: Declared): string {
  const choose = nodes.map(
    ({ docker, container }) =>
      `if ${shellCommand(docker)} exec ${container} ${apiCommand("_cat/master")} >/dev/null 2>&1; then node() { ${shellCommand(docker)} exec -i ${container} "$@"; }; break; fi`,
  );
  const put = (path: string) => `node ${apiCommand(path, "--request", "PUT", "--data-binary", "@-")}`;
  const repository = JSON.stringify({ type: "fs", settings: { location: ES_SNAPSHOTS_PATH } });
  const names = Object.keys(templates).map((name) => `${component}-${name}`);
  return [
    "set -u",
    "deadline=$(($(date +%s) + 60))",
    "while :; do",
    ...choose.map((line) => `  ${line}`),
    '  if [ "$(date +%s)" -ge "$deadline" ]; then echo "no node answers that knows a master" >&2; exit 1; fi',
    "  sleep 0.5",
    "done",
    `there=$(node ${apiCommand("_index_template?filter_path=index_templates.name")}) || exit 1`,
    `wanted=' ${names.join(" ")} '`,
    // First, since one that comes may match what one that goes has matched.
    `for name in $(echo "$there" | grep -o '"name":"${component}-[^"]*"' | cut -d '"' -f 4); do`,
    `  case $wanted in *" $name "*) ;; *) node ${apiCommand("_index_template/$name", "--request", "DELETE")} >&2 || exit 1 ;; esac`,
    "done",
    ...Object.entries(templates).flatMap(([name, template]) => [
      heredoc(put(`_index_template/${component}-${name}`) + " >&2", renderTemplate(template)),
      `[ $? -eq 0 ] || { echo "the template ${name} is refused" >&2; exit 1; }`,
    ]),
    ...(snapshots
      ? [
          heredoc(put("_snapshot/snapshots") + " >&2", repository),
          '[ $? -eq 0 ] || { echo "the repository of snapshots is refused" >&2; exit 1; }',
        ]
      : []),
  ].join("\n");
}
