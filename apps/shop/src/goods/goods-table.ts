import type { RowDataPacket } from "mysql2";
import type { Database } from "../database/database";
import { FIRST_GOODS } from "./catalogue";
import { PAGE_SIZE, type Goods, type GoodsDraft, type WritableGoodsStore } from "./goods";

const TABLE = `CREATE TABLE IF NOT EXISTS goods (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(200) NOT NULL,
  price INT UNSIGNED NOT NULL COMMENT 'in cents'
)`;
const COLUMNS = "SELECT id, name, price FROM goods";

/** The table `goods`: read from a replica, written on the source. */
export class GoodsTable implements WritableGoodsStore {
  constructor(private readonly database: Database) {}

  /** Makes the table with the first goods where it is missing. @throws {DatabaseError} */
  async prepare(): Promise<void> {
    await this.database.write(TABLE, []);
    await this.insert(FIRST_GOODS);
  }

  async find(id: number): Promise<Goods | undefined> {
    return (await this.database.read(`${COLUMNS} WHERE id = ?`, [id])).map(asGoods)[0];
  }

  async list(after: number): Promise<readonly Goods[]> {
    return (await this.database.read(`${COLUMNS} WHERE id > ? ORDER BY id LIMIT ?`, [after, PAGE_SIZE])).map(asGoods);
  }

  /** Ids behind one, in their order, as the source has them. */
  async idsAfter(after: number, most: number): Promise<readonly number[]> {
    const rows = await this.database.readNewest("SELECT id FROM goods WHERE id > ? ORDER BY id LIMIT ?", [after, most]);
    return rows.map(({ id }) => Number(id));
  }

  async add({ name, price }: GoodsDraft): Promise<Goods> {
    const { insertId } = await this.database.write("INSERT INTO goods (name, price) VALUES (?, ?)", [name, price]);
    return { id: insertId, name, price };
  }

  async change(id: number, { name, price }: GoodsDraft): Promise<Goods | undefined> {
    const { affectedRows } = await this.database.write("UPDATE goods SET name = ?, price = ? WHERE id = ?", [name, price, id]);
    return affectedRows === 0 ? undefined : { id, name, price };
  }

  /** Inserts those that are not there yet. */
  async insert(goods: readonly Goods[]): Promise<void> {
    const rows = goods.map(() => "(?, ?, ?)").join(", ");
    const values = goods.flatMap(({ id, name, price }) => [id, name, price]);
    await this.database.write(`INSERT IGNORE INTO goods (id, name, price) VALUES ${rows}`, values);
  }
}

function asGoods({ id, name, price }: RowDataPacket): Goods {
  return { id: Number(id), name: String(name), price: Number(price) };
}
