import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documentsOf, rowsOf, syncStatus, type Documents } from "../support/binlog-sync";
import { pause, docker } from "../support/engine";
import { es } from "../support/elasticsearch";
import { until } from "../support/load";
import { RoleClient, asRoot, nodeStatus, type MysqlLogin } from "../support/mysql";
import { TestStack, freePorts } from "../support/test-stack";

const PROGRAM = "test/stack/programs/binlog-sync/program.cjs";
const SYNC = "10.180.0.31";
const NODE = "http://10.180.0.21:9200";
const SERVERS = ["10.180.0.11", "10.180.0.12", "10.180.0.13"];

const INDEXING = {
  tables: [
    { tables: "shop.goods", index: "goods", excludeColumns: ["cost"], fields: { nm: "name" } },
    { tables: "shop.kinds", index: "kinds" },
    { tables: "shop_*.orders", index: "orders" },
    { tables: "shop.picky", index: "picky" },
    { tables: "shop.keyless", index: "keyless" },
  ],
  indices: {
    goods: { settings: { number_of_replicas: 0 }, properties: { name: { type: "text" }, price: { type: "integer" } } },
    // What is above the highest signed number is no long.
    kinds: { properties: { big: { type: "double" } } },
    picky: { properties: { at: { type: "integer" } } },
  },
};

/** A column of each type, and a value that is easily read wrong. */
const KINDS = `CREATE TABLE shop.kinds (
  id VARCHAR(40) PRIMARY KEY,
  tiny TINYINT UNSIGNED, medium MEDIUMINT UNSIGNED, big BIGINT UNSIGNED, low BIGINT, flags BIT(12), yes BOOLEAN, y YEAR,
  amount DECIMAL(20,4), f FLOAT, d DOUBLE,
  day DATE, at DATETIME(3), moment TIMESTAMP(6) NULL, span TIME(2), zero DATETIME,
  fixed CHAR(8), utf VARCHAR(80), latin VARCHAR(20) CHARACTER SET latin1, long_text TEXT,
  raw BINARY(4), vary VARBINARY(20), blobs BLOB,
  one ENUM('red','green','blue'), many SET('a','b','c'), doc JSON, nothing INT,
  doubled BIGINT GENERATED ALWAYS AS (low * 2) VIRTUAL, kept BIGINT GENERATED ALWAYS AS (low * 3) STORED, hidden INT INVISIBLE DEFAULT 7
)`;
const KINDS_ROW = `255, 16777215, 18446744073709551615, -9, b'100000000001', TRUE, 1999,
  -12345678901234.5600, 0.1, 1e-7,
  '2026-11-28', '2026-11-28 01:02:03.045', '2026-11-28 04:05:06.000007', '-101:02:03.45', '0000-00-00 00:00:00',
  'ab', 'grün 🚢', 'Größe €', REPEAT('long ', 300),
  0x0A00, 0x00FF00, 0xDEADBEEF,
  'green', 'a,c', '{"a":[1.5,2.5,null],"b":{"c":true}}', NULL`;
const KINDS_COLUMNS = `id, tiny, medium, big, low, flags, yes, y, amount, f, d, day, at, moment, span, zero, fixed, utf, latin, long_text,
  raw, vary, blobs, one, many, doc, nothing`;

let stack: TestStack;
let login: MysqlLogin;
let writer: RoleClient;

/** Writes on whichever server takes writes, again where it broke off; each of these statements may be done twice. */
async function sql(statement: string, values: readonly (string | number)[] = []): Promise<void> {
  await until(`${statement.slice(0, 60)} is done`, () =>
    writer.query(statement, values).then(
      () => true,
      (error: unknown) => {
        const { sqlState, code } = error as { sqlState?: string; code?: string };
        // What the server itself says of a statement is not mended by another try.
        if (sqlState !== undefined && code !== "ER_OPTION_PREVENTS_STATEMENT" && code !== "ER_SERVER_SHUTDOWN") throw error;
        return false;
      },
    ),
  );
}

async function states(): Promise<Record<string, string>> {
  const { tables } = await syncStatus(SYNC);
  return Object.fromEntries(Object.entries(tables).map(([name, { state }]) => [name, state]));
}

async function goodsRows(): Promise<Documents> {
  return rowsOf(login, "SELECT id, nm AS name, price FROM shop.goods");
}

function sameDocuments(rows: Documents, documents: Documents): boolean {
  const sorted = (of: Documents) => JSON.stringify(Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)));
  const plain = (of: Documents) =>
    Object.fromEntries(Object.entries(of).map(([id, { name, price }]) => [id, { id: Number(id), name, price }]));
  return sorted(plain(rows)) === sorted(plain(documents));
}

async function goodsAreEqual(): Promise<boolean> {
  return sameDocuments(await goodsRows(), await documentsOf(NODE, "goods"));
}

/** Inserts, changes, deletes and renumbers goods, one statement after the other, while `work` runs. */
async function changedDuring(work: () => Promise<unknown>): Promise<number> {
  let [running, done] = [true, 0];
  const first = Date.now() % 1_000_000_000;
  const changes = (async () => {
    for (let at = first; running; at++) {
      await sql("REPLACE INTO shop.goods (id, nm, price) VALUES (?, ?, ?)", [at, `changed ${at}`, at % 1000]);
      await sql("UPDATE shop.goods SET price = ? WHERE id = ?", [at % 7, at - 3]);
      if (at % 3 === 0) await sql("DELETE FROM shop.goods WHERE id = ?", [at - 9]);
      if (at % 5 === 0) await sql("UPDATE IGNORE shop.goods SET id = ? WHERE id = ?", [at + 1_000_000_000, at - 1]);
      done++;
    }
  })();
  try {
    await work();
  } finally {
    running = false;
    // What the work threw comes first: a change that fails behind it is its consequence.
    await Promise.allSettled([changes]);
  }
  await changes;
  return done;
}

async function follows(): Promise<boolean> {
  return (await syncStatus(SYNC).catch(() => undefined))?.phase === "following";
}

/** Number of a server that has this role; one that was killed a moment ago or has no time to tell is not asked for it. */
async function serverThatIs(role: "source" | "replica"): Promise<number> {
  let found = 0;
  await until(`a server tells that it is a ${role}`, async () => {
    const roles = await Promise.all(SERVERS.map(async (server) => (await nodeStatus(server).catch(() => undefined))?.role));
    found = roles.indexOf(role) + 1;
    return found > 0;
  });
  return found;
}

beforeAll(async () => {
  const port = await freePorts(6);
  const network = { subnet: "10.180.0.0/24", mysql: SERVERS[0], search: "10.180.0.21", indexing: SYNC };
  stack = await TestStack.create("test-sync", { network, ports: { mysql: port, search: port + 4 } }, PROGRAM);
  await stack.up();
  const { password } = await stack.secretOutputs<{ password: string }>();
  login = { nodes: SERVERS, user: "app", password };
  writer = new RoleClient(login, "source");
  await sql("SET SESSION sql_mode = ''");
  await sql("CREATE TABLE shop.goods (id BIGINT UNSIGNED PRIMARY KEY, nm VARCHAR(200) NOT NULL, price INT UNSIGNED NOT NULL, cost INT)");
  for (let from = 1; from <= 5_000; from += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, at) => `(${from + at}, 'article ${from + at}', ${at}, 3)`);
    await sql(`INSERT INTO shop.goods VALUES ${rows.join(", ")}`);
  }
  await sql(KINDS);
  await sql(`INSERT INTO shop.kinds (${KINDS_COLUMNS}) VALUES ('read', ${KINDS_ROW})`);
  await sql("CREATE TABLE shop_1.orders (customer INT, number INT, note VARCHAR(20), PRIMARY KEY (customer, number))");
  await sql("INSERT INTO shop_1.orders VALUES (1, 1, 'first'), (1, 2, 'second')");
  await stack.up({ indexing: INDEXING });
});

afterAll(async () => {
  writer?.close();
  await stack?.remove();
});

describe("indices that follow tables", () => {
  it("have every row that was there before, and nothing to change", async () => {
    await until("all is read", follows);
    const documents = await documentsOf(NODE, "goods");
    expect(Object.keys(documents)).toHaveLength(5_000);
    expect(documents["17"]).toEqual({ id: 17, name: "article 17", price: 16 });
    expect(await documentsOf(NODE, "orders")).toEqual({
      "shop_1.orders/1,1": { customer: 1, number: 1, note: "first" },
      "shop_1.orders/1,2": { customer: 1, number: 2, note: "second" },
    });
    expect(await stack.preview()).toEqual([]);
  });

  it("have the same document of a row, whether it was read or came by the log, for every type", async () => {
    await sql("SET SESSION sql_mode = ''");
    await sql(`INSERT INTO shop.kinds (${KINDS_COLUMNS}) VALUES ('log', ${KINDS_ROW})`);
    await until("the row is there", async () => "log" in (await documentsOf(NODE, "kinds")));
    const { read, log } = await documentsOf(NODE, "kinds");
    expect({ ...log, id: "read" }).toEqual(read);
    expect(read).toEqual({
      id: "read",
      tiny: 255,
      medium: 16_777_215,
      big: Number("18446744073709551615"),
      low: -9,
      flags: 2049,
      yes: 1,
      y: 1999,
      amount: -12_345_678_901_234.56,
      f: 0.1,
      d: 1e-7,
      day: "2026-11-28",
      at: "2026-11-28T01:02:03.045",
      moment: "2026-11-28T04:05:06.000007Z",
      span: "-101:02:03.45",
      zero: null,
      fixed: "ab",
      utf: "grün 🚢",
      latin: "Größe €",
      long_text: "long ".repeat(300),
      raw: "CgAAAA==",
      vary: "AP8A",
      blobs: "3q2+7w==",
      one: "green",
      many: ["a", "c"],
      doc: { a: [1.5, 2.5, null], b: { c: true } },
      nothing: null,
      doubled: -18,
      kept: -27,
      hidden: 7,
    });
  });

  it("lose nothing and have nothing twice over a kill of each part in turn", async () => {
    const changes = await changedDuring(async () => {
      await docker("kill", stack.container("indexing-1"));
      await docker("start", stack.container("indexing-1"));
      await until("the log is followed again", follows);
      await docker("kill", stack.container("search-1"));
      await delay(2_000);
      await docker("start", stack.container("search-1"));
      await until("documents are taken again", async () => (await es(NODE, "_cluster/health").catch(() => undefined))?.status === 200);
      const killed = stack.container(`mysql-${await serverThatIs("source")}`);
      await docker("kill", killed);
      await docker("exec", stack.container(`mysql-${await serverThatIs("replica")}`), "mysql-keeper", "promote", "--force");
      await docker("start", killed);
      await until("the log of the next source is followed", follows);
    });
    expect(changes).toBeGreaterThan(50);
    await until("the documents are as the rows", goodsAreEqual);
  });

  it("lose nothing while a part stands still and goes on", async () => {
    await changedDuring(async () => {
      for (const node of ["indexing-1", "search-1"]) {
        await pause(stack.container(node));
        await delay(7_000);
        await docker("unpause", stack.container(node));
      }
    });
    await until("the documents are as the rows", goodsAreEqual);
  });

  it("would lack the changes of a time in which nobody follows: the control", async () => {
    await docker("stop", stack.container("indexing-1"));
    await sql("REPLACE INTO shop.goods (id, nm, price) VALUES (1, 'anew', 1), (900000, 'more', 2)");
    expect(await goodsAreEqual()).toBe(false);
    await docker("start", stack.container("indexing-1"));
    await until("the documents are as the rows", goodsAreEqual);
  });

  it("follow another source that is promoted", async () => {
    const next = await serverThatIs("replica");
    await changedDuring(async () => {
      await docker("exec", stack.container(`mysql-${next}`), "mysql-keeper", "promote");
      await until("its log is followed", async () => {
        const status = await syncStatus(SYNC);
        return status.phase === "following" && status.source === `${SERVERS[next - 1]}:3306`;
      });
    });
    await until("the documents are as the rows", goodsAreEqual);
  });

  it("tell tables apart that a server has numbered anew since its start", async () => {
    await sql("CREATE TABLE shop_2.orders LIKE shop_1.orders");
    await until("it is followed", async () => (await states())["shop_2.orders"] === "followed");
    await docker("stop", stack.container("indexing-1"));
    await sql("INSERT INTO shop_1.orders VALUES (2, 1, 'of one')");
    await sql("INSERT INTO shop_2.orders VALUES (2, 1, 'of two')");
    const source = await serverThatIs("source");
    await docker("restart", stack.container(`mysql-${source}`));
    await sql("INSERT INTO shop_2.orders VALUES (3, 1, 'of two')");
    await sql("INSERT INTO shop_1.orders VALUES (3, 1, 'of one')");
    await docker("start", stack.container("indexing-1"));
    const notes = async () =>
      Object.entries(await documentsOf(NODE, "orders")).flatMap(([id, { customer, note }]) =>
        Number(customer) > 1 ? [`${id}: ${String(note)}`] : [],
      );
    await until("all are there", async () => (await notes()).length === 4);
    expect((await notes()).sort()).toEqual([
      "shop_1.orders/2,1: of one",
      "shop_1.orders/3,1: of one",
      "shop_2.orders/2,1: of two",
      "shop_2.orders/3,1: of two",
    ]);
    await sql("DELETE FROM shop_1.orders WHERE customer > 1");
    await sql("DROP TABLE shop_2.orders");
    await until("they are gone", async () => (await notes()).length === 0);
  });

  it("keep the documents of a table that may not be read any more, say so, and go on when it may", async () => {
    const source = () => serverThatIs("source");
    const grant = async (statement: string) => asRoot(stack.container(`mysql-${await source()}`), statement);
    await grant("REVOKE SELECT ON shop.* FROM 'indexing'@'%'");
    await until("it has stopped", async () => (await states())["shop.goods"] === "stopped");
    expect((await syncStatus(SYNC)).tables["shop.goods"]?.error).toContain("may not read it; grant SELECT");
    expect(Object.keys(await documentsOf(NODE, "goods")).length).toBeGreaterThan(1_000);
    await sql("REPLACE INTO shop.goods (id, nm, price) VALUES (4, 'meanwhile', 4)");
    await grant("GRANT SELECT ON shop.* TO 'indexing'@'%'");
    await until("the documents are as the rows", goodsAreEqual);
  });

  it("stop with a table of which a session has logged parts of the rows alone", async () => {
    const source = await serverThatIs("source");
    const before = (await documentsOf(NODE, "goods"))["5"];
    await asRoot(
      stack.container(`mysql-${source}`),
      "SET SESSION binlog_row_image = MINIMAL; UPDATE shop.goods SET price = 9 WHERE id = 5",
    );
    await until("it has stopped", async () => (await states())["shop.goods"] === "stopped");
    expect((await documentsOf(NODE, "goods"))["5"]).toEqual(before);
    await docker("restart", stack.container("indexing-1"));
    await until("the documents are as the rows", goodsAreEqual);
  });

  it("follow changes of tables: a column with a default, one that goes, tables that are cut, renamed, made and dropped", async () => {
    await sql("ALTER TABLE shop.goods ADD COLUMN shelf VARCHAR(10) NOT NULL DEFAULT 'A1'");
    await until("old rows have it", async () => (await documentsOf(NODE, "goods"))["2"]?.shelf === "A1");
    await sql("ALTER /* by hand */ TABLE shop.goods -- of the shelf\n ALTER COLUMN shelf SET DEFAULT 'B2'");
    await sql("ALTER TABLE shop.goods DROP COLUMN shelf, ALGORITHM=COPY");
    await until("no row has it", async () => !("shelf" in ((await documentsOf(NODE, "goods"))["2"] ?? { shelf: 1 })));
    await sql("CREATE TABLE shop_2.orders LIKE shop_1.orders");
    await sql("INSERT INTO shop_2.orders VALUES (1, 1, 'other shard')");
    await until("both shards are there", async () => Object.keys(await documentsOf(NODE, "orders")).length === 3);
    await sql("TRUNCATE TABLE shop_1.orders");
    await until("one shard is empty", async () => Object.keys(await documentsOf(NODE, "orders")).join() === "shop_2.orders/1,1");
    await sql("RENAME TABLE shop_2.orders TO shop_2.orders_before");
    await until("none is there", async () => Object.keys(await documentsOf(NODE, "orders")).length === 0);
    await sql("RENAME TABLE shop_2.orders_before TO shop_2.orders");
    await until("it is back", async () => Object.keys(await documentsOf(NODE, "orders")).length === 1);
    await sql("DROP TABLE shop_2.orders");
    await until("it is gone with its rows", async () => Object.keys(await documentsOf(NODE, "orders")).length === 0);
    expect(await goodsAreEqual()).toBe(true);
  });

  it("are made anew where somebody took one away", async () => {
    expect((await es(NODE, "goods", { method: "DELETE" })).status).toBe(200);
    await sql("REPLACE INTO shop.goods (id, nm, price) VALUES (2, 'after', 2)");
    await until("the documents are as the rows", goodsAreEqual);
    const { body } = await es(NODE, "goods/_mapping");
    expect(body).toMatchObject({ goods: { mappings: { properties: { name: { type: "text" } } } } });
  });

  it("stop with a table that cannot be followed, with the reason in `up`, and the others go on", async () => {
    await sql("CREATE TABLE shop.keyless (a INT)");
    await sql("CREATE TABLE shop.picky (id INT PRIMARY KEY, at VARCHAR(20))");
    await sql("INSERT INTO shop.picky VALUES (1, '12')");
    await until("one is followed", async () => (await states())["shop.picky"] === "followed");
    await sql("INSERT INTO shop.picky VALUES (2, 'soon')");
    await until("both have stopped", async () => {
      const now = await states();
      return now["shop.picky"] === "stopped" && now["shop.keyless"] === "stopped";
    });
    const { tables } = await syncStatus(SYNC);
    expect(tables["shop.keyless"]?.error).toMatch(/no primary key.*ALTER TABLE/);
    expect(tables["shop.picky"]?.error).toMatch(/refuses the document 2: .*failed to parse field \[at\]/);
    await sql("REPLACE INTO shop.goods (id, nm, price) VALUES (3, 'goes on', 3)");
    await until("the documents are as the rows", goodsAreEqual);
    const refused = await stack.refusedUp({
      indexing: { ...INDEXING, tables: [...INDEXING.tables, { tables: "shop.later", index: "picky" }] },
    });
    expect(refused).toMatch(/indexing-1 does not become whole: shop\.keyless is not followed: it has no primary key/);
    // A key mends the one, and a row that fits, with a new start, the other.
    await sql("ALTER TABLE shop.keyless ADD PRIMARY KEY (a)");
    await until("it is followed", async () => (await states())["shop.keyless"] === "followed");
    await sql("DELETE FROM shop.picky WHERE id = 2");
    await docker("restart", stack.container("indexing-1"));
    await until("it is followed again", async () => follows().then(async (is) => is && (await states())["shop.picky"] === "followed"));
    // Its index has become one of several tables: an id begins with the table's name, and none without it is left.
    await until("it has ids of their own", async () => Object.keys(await documentsOf(NODE, "picky")).join() === "shop.picky/1");
    await stack.up();
    expect(await stack.preview()).toEqual([]);
  });
});
