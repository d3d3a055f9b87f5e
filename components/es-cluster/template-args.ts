import { Shape, anything, maybe, named, number, shape, texts } from "../core/argument-shape";
import { Checks } from "../core/errors";

/** What indices get when they are made, by their names. */
export interface EsIndexTemplate {
  /** Patterns of the indices' names: `orders-*`. */
  readonly patterns: readonly string[];

  /** Of several templates that match, the one with the highest. @default 0 */
  readonly priority?: number;

  /** Settings of an index, as Elasticsearch calls them: `{ number_of_replicas: 1 }`. @default none */
  readonly settings?: Readonly<Record<string, unknown>>;

  /** Fields, as Elasticsearch calls them: `{ name: { type: "text" } }`. @default found out from the documents */
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** Names and types of an {@link EsIndexTemplate}. */
export const INDEX_TEMPLATE = shape<EsIndexTemplate>({
  patterns: texts,
  priority: maybe(number),
  settings: maybe(named(anything)),
  properties: maybe(named(anything)),
} satisfies Shape<EsIndexTemplate>);

export type NormalIndexTemplate = Required<EsIndexTemplate>;

/** Elasticsearch's rules for names of indices, with the wildcard: lower case, and none of the characters that its paths and lists use. */
const PATTERN = /^[a-z0-9*.][a-z0-9*._-]{0,200}$/;
const TEMPLATE_NAME = /^[a-z0-9][a-z0-9._-]{0,100}$/;

export function normalizeTemplates(given: Readonly<Record<string, EsIndexTemplate>>): Readonly<Record<string, NormalIndexTemplate>> {
  return Object.fromEntries(
    Object.entries(given).map(([name, { patterns, priority = 0, settings = {}, properties = {} }]) => [
      name,
      { patterns, priority, settings, properties },
    ]),
  );
}

export function checkTemplates(checks: Checks, templates: Readonly<Record<string, NormalIndexTemplate>>): void {
  const entries = Object.entries(templates);
  entries.forEach(([name, { patterns, priority, properties }], index) => {
    const path = `indexTemplates.${name}`;
    checks
      .that(TEMPLATE_NAME.test(name), path, name, "must be called by lower-case letters, digits, '.', '_' and '-'")
      .that(patterns.length > 0, `${path}.patterns`, patterns, 'must name indices, such as ["orders-*"]')
      .that(Number.isInteger(priority) && priority >= 0, `${path}.priority`, priority, "must be a whole number from 0");
    for (const pattern of patterns) {
      const allowed = "must be the name of an index with * for any part: lower-case letters, digits, '.', '_' and '-'";
      checks.that(PATTERN.test(pattern), `${path}.patterns`, pattern, allowed);
    }
    checkFields(checks, `${path}.properties`, properties);
    for (const [other, { patterns: others, priority: same }] of entries.slice(0, index)) {
      const clash = same === priority && patterns.find((pattern) => others.some((each) => overlap(pattern, each)));
      const remedy = `must not match the same index as indexTemplates.${other} with the same priority; give one of them a higher one`;
      checks.that(!clash, `${path}.patterns`, clash, remedy);
    }
  });
}

/** A field is a value or an object of fields, not both: `user` as a keyword clashes with `user.name`. */
function checkFields(checks: Checks, path: string, properties: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(properties);
  for (const [name, field] of Object.entries(properties)) {
    const { type, properties: inner } = (typeof field === "object" && field !== null ? field : {}) as Record<string, unknown>;
    const isObject = type === undefined || type === "object" || type === "nested";
    checks
      .that(
        typeof field === "object" && field !== null && (type !== undefined || inner !== undefined),
        `${path}.${name}`,
        field,
        'must have a type or properties, like { type: "keyword" }',
      )
      .that(
        isObject || inner === undefined,
        `${path}.${name}`,
        type,
        "must not have both a type of a value and properties; remove one of them",
      );
    const within = names.find((other) => other.startsWith(`${name}.`));
    checks.that(
      isObject || within === undefined,
      `${path}.${name}`,
      type,
      `must not be a value where ${within} is a field within it; rename one of them`,
    );
    if (typeof inner === "object" && inner !== null) checkFields(checks, `${path}.${name}.properties`, inner as Record<string, unknown>);
  }
}

/** Whether two patterns have a name in common. */
function overlap(one: string, other: string): boolean {
  if (one === "") return /^\**$/.test(other);
  if (other === "") return /^\**$/.test(one);
  if (one.startsWith("*")) return overlap(one.slice(1), other) || overlap(one, other.slice(1));
  if (other.startsWith("*")) return overlap(one, other.slice(1)) || overlap(one.slice(1), other);
  return one.startsWith(other.charAt(0)) && overlap(one.slice(1), other.slice(1));
}
