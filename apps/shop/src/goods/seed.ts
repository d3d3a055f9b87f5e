import type { Log } from "../log";
import type { Settings } from "../settings";
import type { Goods } from "./goods";
import { openGoods } from "./goods-part";

const QUALITIES = ["Brass", "Teak", "Steel", "Nylon", "Bronze", "Canvas", "Rubber", "Copper", "Oak", "Carbon"];
const THINGS = [
  "cleat",
  "shackle",
  "lantern",
  "block",
  "winch",
  "fender",
  "compass",
  "hatch",
  "pump",
  "anchor",
  "buoy",
  "line",
  "bell",
  "hook",
];
const SIZES = ["small", "medium", "large", "extra large"];

/** Rows of one statement: some 60 KiB, well below what a server takes at once. */
const BATCH = 1_000;

/** The goods from one id to another, the same at every call. */
export function seedGoods(from: number, to: number): Goods[] {
  const pick = (names: readonly string[], number: number) => names[Math.floor(number) % names.length] ?? "";
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => {
    const id = from + index;
    const kind = id / QUALITIES.length;
    const name = `${pick(QUALITIES, id)} ${pick(THINGS, kind)}, ${pick(SIZES, kind / THINGS.length)}, no. ${id}`;
    return { id, name, price: 500 + ((id * 7919) % 99_500) };
  });
}

/** Has goods with the ids up to `count` in the database and its filter; those that are there stay as they are. */
export async function seed(settings: Settings, count: number, log: Log): Promise<void> {
  const { table, cache, close } = openGoods(settings, log);
  if (table === undefined) throw new TypeError("goods without a database cannot be seeded");
  const began = performance.now();
  await table.prepare();
  for (let from = 1; from <= count; from += BATCH) {
    const goods = seedGoods(from, Math.min(from + BATCH - 1, count));
    await table.insert(goods);
    await cache?.note(goods.map(({ id }) => id));
  }
  console.log(`${count} goods are there, after ${((performance.now() - began) / 1000).toFixed(1)} s.`);
  await close();
}
