import { rmSync } from "node:fs";
import { Database as Sqlite } from "node-sqlite3-wasm";

export type Value = string | number;
export type Row = Readonly<Record<string, unknown>>;

/** A transactional store of one process: what is in it when a transaction has returned is there after a crash. */
export interface Store {
  /** Runs all of `work` or nothing of it. */
  transaction<T>(work: () => T): T;
  run(sql: string, ...values: Value[]): number;
  all(sql: string, ...values: Value[]): readonly Row[];
  close(): void;
}

/**
 * Opens a database file, which belongs to this process alone.
 *
 * @param schema Statements that make its tables where they are missing.
 */
export function openStore(file: string, schema: string): Store {
  // SQLite's lock is a folder here, which a process that was killed leaves behind; nobody else has this file.
  rmSync(`${file}.lock`, { recursive: true, force: true });
  const database = new Sqlite(file);
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL;");
  database.exec(schema);
  return {
    transaction(work) {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        if (database.inTransaction) database.exec("ROLLBACK");
        throw error;
      }
    },
    run: (sql, ...values) => database.run(sql, values).changes,
    all: (sql, ...values) => database.all(sql, values),
    close: () => database.close(),
  };
}
