import type { NormalSyncedTables, SyncedIndex } from "./tables-args";

export const SYNC_CONFIG_PATH = "/etc/binlog-sync";
const CURRENT = `${SYNC_CONFIG_PATH}/current`;
export const SYNC_FILES = { settings: "sync.json", password: "password" } as const;

/** What one service depends on. */
export interface SyncSettings {
  readonly name: string;
  /** Index of Elasticsearch in which it keeps how far it came. */
  readonly position: string;
  readonly serverId: number;
  /** `host:port` of the servers. */
  readonly sources: readonly string[];
  readonly user: string;
  /** URLs of the nodes. */
  readonly elasticsearch: readonly string[];
  readonly tables: readonly NormalSyncedTables[];
  readonly indices: Readonly<Record<string, SyncedIndex>>;
}

/** What the service reads when it starts, and only then. */
export function renderSyncSettings({ name, position, serverId, sources, user, elasticsearch, tables, indices }: SyncSettings): string {
  const several = new Set(
    tables.filter(({ index }, at) => tables.findIndex((other) => other.index === index) !== at).map(({ index }) => index),
  );
  const rules = tables.map(({ tables: pattern, exclude, index, columns, excludeColumns, fields }) => ({
    tables: pattern,
    exclude,
    index,
    include: columns,
    leave: excludeColumns,
    fields,
    several: pattern.includes("*") || several.has(index),
  }));
  const declared = Object.fromEntries(
    Object.entries(indices).map(([name, { settings: own = {}, properties = {} }]) => [
      name,
      { settings: own, mappings: Object.keys(properties).length === 0 ? {} : { properties } },
    ]),
  );
  return `${JSON.stringify({ name, position, serverId, sources, user, elasticsearch, tables: rules, indices: declared }, undefined, 2)}\n`;
}

export function syncCommand(): string[] {
  return ["binlog-sync", "run", `${CURRENT}/${SYNC_FILES.settings}`];
}

/** Asks the service whether it follows a source, or reads its tables. */
export function syncProbe(): string[] {
  return ["binlog-sync", "probe"];
}

/** Asks the service whether all of its tables are followed, or about to be; it says which is not, and why. */
export function wholeCommand(): string[] {
  return ["binlog-sync", "whole"];
}

export function settingsCheck(folder: string): string[] {
  return ["binlog-sync", "check", `${folder}/${SYNC_FILES.settings}`];
}
