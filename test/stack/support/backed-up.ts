import { randomBytes } from "node:crypto";
import type { Connection, RowDataPacket } from "mysql2/promise";
import { connectTo as connectToBroker } from "./amqp";
import { es } from "./elasticsearch";
import { get } from "./load";
import { api } from "./rabbitmq";
import { loginAt } from "./redis";
import type { TestStack } from "./test-stack";

export interface Passwords {
  readonly mysql: string;
  readonly redis: string;
  readonly rabbitmq: string;
}

/** A stack of `test/stack/programs/backup` with all of its systems. */
export interface Systems {
  readonly stack: TestStack;
  readonly mysql: Connection;
  readonly passwords: Passwords;
}

/** Rows, of which each has a picture that does not get smaller. */
export const GOODS = 400;
const CONSUL = "http://10.148.0.11:8500";
export const MYSQL = "10.148.0.21";
const REDIS = "10.148.0.31:6379";
const QUEUE = "10.148.0.41:5672";
const SEARCH = "http://10.148.0.51:9200";

/** Something in each system. */
export async function fill({ mysql, passwords }: Systems): Promise<void> {
  await mysql.query("CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(20), picture VARBINARY(4096))");
  const rows = Array.from({ length: GOODS }, (_, id) => [id, `good ${id}`, randomBytes(4096)]);
  await mysql.query("INSERT INTO goods VALUES ?", [rows]);
  await mysql.query("CREATE VIEW names AS SELECT name FROM goods");
  await mysql.query("CREATE TRIGGER named BEFORE INSERT ON goods FOR EACH ROW SET NEW.name = LOWER(NEW.name)");
  await mysql.query("CREATE PROCEDURE counted() SELECT COUNT(*) FROM goods");
  await putKey(CONSUL, "settings/colour", "green");
  await putKey(CONSUL, "upstreams/goods/10.0.0.1:80", "{}");
  const redis = await loginAt(REDIS, "app", passwords.redis);
  await redis.set("word", "kept");
  await redis.rpush("list", "a", "b");
  await redis.set("brief", "ends", "EX", 3600);
  await redis.set("derived:sum", "1");
  redis.disconnect();
  const broker = await connectToBroker({ endpoints: [QUEUE], user: "app", password: passwords.rabbitmq }, QUEUE);
  const channel = await broker.createChannel();
  await channel.assertQueue("orders", { durable: true, arguments: { "x-queue-type": "quorum" } });
  await channel.assertExchange("shop", "topic", { durable: true });
  await channel.bindQueue("orders", "shop", "order.*");
  await broker.close();
  await es(SEARCH, "articles/_doc/1?refresh=true", { method: "PUT", body: { title: "kept" } });
  await es(SEARCH, "left-alone/_doc/1?refresh=true", { method: "PUT", body: { title: "before" } });
}

/** All that {@link fill} made is changed or taken away, and something is added. */
export async function damage({ mysql, passwords }: Systems): Promise<void> {
  await mysql.query("UPDATE goods SET name = 'spoilt' WHERE id < 100");
  await mysql.query("DELETE FROM goods WHERE id >= 200");
  await mysql.query("DROP VIEW names");
  await mysql.query("CREATE TABLE IF NOT EXISTS later (id INT)");
  await putKey(CONSUL, "settings/colour", "red");
  await putKey(CONSUL, "settings/later", "1");
  await putKey(CONSUL, "upstreams/goods/10.0.0.2:80", "{}");
  const redis = await loginAt(REDIS, "app", passwords.redis);
  await redis.del("list", "brief");
  await redis.set("word", "spoilt");
  await redis.set("later", "1");
  redis.disconnect();
  const broker = await connectToBroker({ endpoints: [QUEUE], user: "app", password: passwords.rabbitmq }, QUEUE);
  const channel = await broker.createChannel();
  await channel.deleteQueue("orders");
  await broker.close();
  await es(SEARCH, "articles/_doc/1?refresh=true", { method: "PUT", body: { title: "spoilt" } });
  await es(SEARCH, "left-alone/_doc/1?refresh=true", { method: "PUT", body: { title: "after" } });
}

async function putKey(consul: string, key: string, body: string): Promise<void> {
  const { status } = await get(`${consul}/v1/kv/${key}`, { method: "PUT", body });
  if (status !== 200) throw new Error(`${key} was not written: ${status}`);
}

export async function keysOf(consul: string): Promise<Record<string, string>> {
  const { body } = await get(`${consul}/v1/kv/?recurse&consistent`);
  const entries = (JSON.parse(body) as { Key: string; Value: string | null }[]).map(({ Key, Value }): [string, string] => [
    Key,
    Buffer.from(Value ?? "", "base64").toString(),
  ]);
  return Object.fromEntries(entries.filter(([key]) => /^(settings|upstreams)\//.test(key)));
}

/** One number for all rows, and what else is in the database. */
export async function rowsOf(connection: Connection): Promise<Record<string, unknown>> {
  const [[sum]] = await connection.query<RowDataPacket[]>(
    "SELECT COUNT(*) AS count, SUM(CRC32(CONCAT(id, name, picture))) AS sum FROM goods",
  );
  const [tables] = await connection.query<RowDataPacket[]>("SHOW TABLES");
  return { ...sum, tables: tables.flatMap((row) => Object.values(row) as string[]) };
}

/** Everything that is in the systems, as their clients see it. */
export async function everything({ stack, mysql, passwords }: Systems): Promise<Record<string, unknown>> {
  const redis = await loginAt(REDIS, "app", passwords.redis);
  const keys = (await redis.keys("*")).sort();
  const [word, list, ttl] = [await redis.get("word"), await redis.lrange("list", 0, -1), await redis.ttl("brief")];
  redis.disconnect();
  const broker = stack.container("queue-1");
  const queues = await api<{ name: string; type: string }[]>(broker, "queues/%2F?disable_stats=true&enable_queue_totals=true");
  const bindings = await api<{ source: string; destination: string; routing_key: string }[]>(broker, "bindings/%2F");
  const title = async (index: string) => (await es(SEARCH, `${index}/_doc/1`)).body?._source?.title as string | undefined;
  return {
    rows: await rowsOf(mysql),
    keys: await keysOf(CONSUL),
    redis: { keys, word, list, ends: ttl > 0 && ttl <= 3600 },
    queues: queues.map(({ name, type }) => `${name} ${type}`),
    bindings: bindings.filter(({ source }) => source === "shop").map(({ destination, routing_key }) => `${destination} ${routing_key}`),
    articles: await title("articles"),
    left: await title("left-alone"),
  };
}
