import type { OrderPlaced } from "../queue/order-events";
import { openStore, type Store } from "../store/database";

export interface Totals {
  readonly orders: number;
  /** In cents. */
  readonly revenue: number;
  /** Events that came again and were not counted again. */
  readonly repeated: number;
  readonly goods: readonly { readonly id: number; readonly quantity: number }[];
}

/** Where orders are counted, each once. */
export interface Tally {
  /** Counts all of these events or none of them; one that was counted before is not counted again. */
  count(events: readonly OrderPlaced[]): void;
  totals(): Totals;
  close(): void;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS counted (id TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS goods (id INTEGER PRIMARY KEY, quantity INTEGER NOT NULL);
`;

/** Counts in a database file: the unique id and what it adds are one transaction, so neither is there without the other. */
export function openTally(file: string): Tally {
  const store = openStore(file, SCHEMA);
  return {
    count: (events) => store.transaction(() => events.forEach((event) => countOnce(store, event))),
    totals: () => readTotals(store),
    close: () => store.close(),
  };
}

function countOnce(store: Store, { id, total, lines }: OrderPlaced): void {
  if (store.run("INSERT OR IGNORE INTO counted VALUES (?)", id) === 0) return add(store, "repeated", 1);
  add(store, "orders", 1);
  add(store, "revenue", total);
  for (const { goodsId, quantity } of lines)
    store.run("INSERT INTO goods VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET quantity = quantity + excluded.quantity", goodsId, quantity);
}

function add(store: Store, name: string, value: number): void {
  store.run("INSERT INTO totals VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value", name, value);
}

function readTotals(store: Store): Totals {
  const totals = Object.fromEntries(store.all("SELECT name, value FROM totals").map(({ name, value }) => [String(name), Number(value)]));
  const goods = store
    .all("SELECT id, quantity FROM goods ORDER BY id")
    .map(({ id, quantity }) => ({ id: Number(id), quantity: Number(quantity) }));
  return { orders: totals.orders ?? 0, revenue: totals.revenue ?? 0, repeated: totals.repeated ?? 0, goods };
}
