import { Shape, anything, maybe, named, shape, text, texts } from "../core/argument-shape";
import { Checks } from "../core/errors";

/** Tables whose rows are documents of an index. */
export interface SyncedTables {
  /** `schema.table`; `*` stands for any characters of either: `shop_*.orders` for tables that are sharded. */
  readonly tables: string;

  /** Of those, tables that are left out, written likewise. @default none */
  readonly exclude?: readonly string[];

  /**
   * Index that they lead to, which has no documents of anybody else; where it has those of several tables, an id begins with the table's name:
   * `shop_1.orders/42`.
   */
  readonly index: string;

  /** Columns that are in the documents; a table must have all of them. @default all */
  readonly columns?: readonly string[];

  /** Columns that are not in the documents. @default none */
  readonly excludeColumns?: readonly string[];

  /** Names of fields, by the columns that are to be called otherwise: `{ nm: "name" }`. @default as the columns */
  readonly fields?: Readonly<Record<string, string>>;
}

/** How an index is made, where it is not there yet. */
export interface SyncedIndex {
  /**
   * Settings that the index is made with, as Elasticsearch calls them: `{ refresh_interval: "500ms" }`; those of one that is there are changed in
   * Elasticsearch. @default the cluster's, with its templates
   */
  readonly settings?: Readonly<Record<string, unknown>>;

  /** Fields, as Elasticsearch calls them: `{ name: { type: "text" } }`; further ones are added while the index is in use. @default found out from the documents */
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** Names and types of {@link SyncedTables}. */
export const SYNCED_TABLES = shape<SyncedTables>({
  tables: text,
  exclude: maybe(texts),
  index: text,
  columns: maybe(texts),
  excludeColumns: maybe(texts),
  fields: maybe(named(text)),
} satisfies Shape<SyncedTables>);

/** Names and types of a {@link SyncedIndex}. */
export const SYNCED_INDEX = shape<SyncedIndex>({
  settings: maybe(named(anything)),
  properties: maybe(named(anything)),
} satisfies Shape<SyncedIndex>);

export type NormalSyncedTables = Required<SyncedTables>;

export function normalizeTables(tables: readonly SyncedTables[]): readonly NormalSyncedTables[] {
  return tables.map(({ exclude = [], columns = [], excludeColumns = [], fields = {}, ...given }) => ({
    ...given,
    exclude,
    columns,
    excludeColumns,
    fields,
  }));
}

/** Names that MySQL takes without quotes, with the wildcard. */
const TABLE_PATTERN = /^[A-Za-z0-9_$*]{1,64}\.[A-Za-z0-9_$*]{1,64}$/;
/** Elasticsearch, "Create index API": lower case, and none of the characters that its paths and lists use. */
const INDEX_NAME = /^[a-z0-9][a-z0-9._-]{0,200}$/;
/** A document cannot have one of these of its own. */
const META_FIELDS = ["_id", "_index", "_source", "_routing", "_version", "_type"];

export function checkTables(checks: Checks, tables: readonly NormalSyncedTables[]): void {
  checks.that(tables.length > 0, "tables", tables, 'must name some, such as [{ tables: "shop.goods", index: "goods" }]');
  tables.forEach((rule, at) => {
    const path = `tables[${at}]`;
    const allowed = "must be schema.table of letters, digits, '_' and '$', with * for any part";
    checks
      .that(TABLE_PATTERN.test(rule.tables), `${path}.tables`, rule.tables, allowed)
      .that(
        INDEX_NAME.test(rule.index),
        `${path}.index`,
        rule.index,
        "must be lower-case letters, digits, '.', '_' and '-', a letter or digit first",
      );
    for (const pattern of rule.exclude) checks.that(TABLE_PATTERN.test(pattern), `${path}.exclude`, pattern, allowed);
    checkColumns(checks, path, rule);
    checkOverlap(checks, tables, at);
  });
}

/** A table leads to one index: which one may not depend on the order of the rules. */
function checkOverlap(checks: Checks, tables: readonly NormalSyncedTables[], at: number): void {
  const rule = tables[at];
  if (!rule) return;
  tables.slice(0, at).forEach((other, before) => {
    const excluded = rule.exclude.includes(other.tables) || other.exclude.includes(rule.tables);
    checks.that(
      excluded || !overlap(rule.tables, other.tables),
      `tables[${at}].tables`,
      rule.tables,
      `must not match a table that tables[${before}] (${other.tables}) matches too; exclude ${other.tables} from it, or the other way round`,
    );
  });
}

function checkColumns(checks: Checks, path: string, { columns, excludeColumns, fields }: NormalSyncedTables): void {
  const both = columns.filter((column) => excludeColumns.includes(column));
  checks.that(both.length === 0, `${path}.excludeColumns`, both, "must not name what columns names; leave them out of one of the two");
  const taken = [...Object.values(fields), ...columns.filter((column) => !(column in fields))];
  for (const [column, field] of Object.entries(fields)) {
    const name = `${path}.fields.${column}`;
    checks
      .that(/^[^.\s]+$/.test(field), name, field, "must be a name without dots and spaces")
      .that(!META_FIELDS.includes(field), name, field, "must be another one: Elasticsearch has it for itself")
      .that(
        taken.filter((other) => other === field).length <= 1,
        name,
        field,
        "must be another one: two columns would be in the same field",
      )
      .that(
        (columns.length === 0 || columns.includes(column)) && !excludeColumns.includes(column),
        name,
        field,
        "must be of a column that is in the documents; add it to columns, or leave the name out",
      );
  }
}

export function checkIndices(checks: Checks, indices: Readonly<Record<string, SyncedIndex>>, tables: readonly NormalSyncedTables[]): void {
  for (const [name, { properties = {} }] of Object.entries(indices)) {
    checks.that(
      tables.some(({ index }) => index === name),
      `indices.${name}`,
      name,
      `must be one that tables lead to; there are ${[...new Set(tables.map(({ index }) => index))].join(", ") || "none"}`,
    );
    for (const [field, mapping] of Object.entries(properties)) {
      const isMapping = typeof mapping === "object" && mapping !== null && ("type" in mapping || "properties" in mapping);
      checks.that(isMapping, `indices.${name}.properties.${field}`, mapping, 'must have a type or properties, like { type: "keyword" }');
    }
  }
}

/** Whether there is a name that both patterns match. */
export function overlap(a: string, b: string): boolean {
  if (a === "" && b === "") return true;
  // A wildcard ends where the schema does.
  if (a.startsWith("*")) return overlap(a.slice(1), b) || (b !== "" && !b.startsWith(".") && overlap(a, b.slice(1)));
  if (b.startsWith("*")) return overlap(b, a);
  return a !== "" && b.startsWith(a.charAt(0)) && overlap(a.slice(1), b.slice(1));
}
