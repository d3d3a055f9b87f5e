import { setTimeout as delay } from "node:timers/promises";
import { createConnection, type Connection, type RowDataPacket } from "mysql2/promise";
import { docker } from "./engine";
import { get } from "./load";

export interface MysqlLogin {
  /** Addresses of the nodes. */
  readonly nodes: readonly string[];
  readonly user: string;
  readonly password: string;
  readonly database?: string;
}

/** What a node's keeper tells. */
export interface NodeStatus {
  readonly role: string;
  readonly source: string;
  readonly epoch: number;
  readonly writable: boolean;
  /** Whether it receives from its source. */
  readonly io: boolean;
  readonly executed: string;
  readonly received: string;
  readonly extra?: string;
  readonly error?: string;
}

export async function nodeStatus(address: string): Promise<NodeStatus> {
  return JSON.parse((await get(`http://${address}:3300/status`, { timeoutMs: 2_000 })).body) as NodeStatus;
}

/** Runs SQL as root inside of a node; rows by lines, columns by tabs. */
export function asRoot(container: string, sql: string): Promise<string> {
  return docker(
    "exec",
    container,
    "mysql",
    "--user=root",
    "--socket=/run/mysqld/mysqld.sock",
    "--skip-column-names",
    "--batch",
    "--execute",
    sql,
  );
}

/** How often the servers in these containers were asked for one article. */
export async function goodsQueries(containers: readonly string[]): Promise<number> {
  const sql =
    "SELECT COALESCE(SUM(COUNT_STAR), 0) FROM performance_schema.events_statements_summary_by_digest WHERE DIGEST_TEXT LIKE 'SELECT % FROM `goods` WHERE `id` = ?'";
  const counts = await Promise.all(containers.map((container) => asRoot(container, sql)));
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

/** @param connectTimeout In ms. @default the time in which a node is left alone that does not answer */
export function connectTo({ user, password, database }: MysqlLogin, host: string, ssl = true, connectTimeout = 2_000): Promise<Connection> {
  return createConnection({
    host,
    user,
    password,
    database,
    connectTimeout,
    ...(ssl && { ssl: { rejectUnauthorized: false } }),
  });
}

/** What a statement is answered with where it is refused, or undefined where it is not. */
export async function refusalOf(connection: Connection, sql: string): Promise<string | undefined> {
  try {
    await connection.query(sql);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** How long a node may take to tell its role: for reads a balancer's `timeout check`, for writes less, since they are tried again at once. */
const PATIENCE_MS = { source: 500, replica: 2_000 } as const;

/** The node, where its keeper says that it has the role. @throws {Error} What it says instead. */
async function withRole(host: string, role: "source" | "replica"): Promise<string> {
  const { status } = await get(`http://${host}:3300/${role}`, { timeoutMs: PATIENCE_MS[role] });
  if (status !== 200) throw new Error(String(status));
  return host;
}

/** A connection to a node of this role, found as a balancer finds it: anew each time that one has ended. */
export class RoleClient {
  private connection: Connection | undefined;

  constructor(
    private readonly login: MysqlLogin,
    private readonly role: "source" | "replica",
  ) {}

  /** One statement, sent once. */
  async query(sql: string, values: readonly (string | number)[] = []): Promise<RowDataPacket[]> {
    const connection = (this.connection ??= await this.connect());
    try {
      const [rows] = await connection.query<RowDataPacket[]>({ sql, values: [...values], timeout: 5_000 });
      return rows;
    } catch (error) {
      connection.destroy();
      this.connection = undefined;
      throw error;
    }
  }

  close(): void {
    this.connection?.destroy();
    this.connection = undefined;
  }

  private async connect(): Promise<Connection> {
    // As a balancer does, all are asked at once: one that is dead takes its time not to answer.
    const asked = this.login.nodes.map((node) => withRole(node, this.role));
    const host = await Promise.any(asked).catch(({ errors }: AggregateError) => {
      const said = errors.map((error, at) => `${this.login.nodes[at]}: ${error}`).join(", ");
      throw new Error(`no node is a ${this.role} at ${new Date().toISOString()}: ${said}`);
    });
    const connection = await connectTo(this.login, host);
    connection.on("error", () => undefined);
    return connection;
  }
}

export interface WriteLoad {
  /** Ids of rows that were told to be there. */
  readonly written: readonly number[];
  /** The longest time without a write that was told to be done, in ms. */
  readonly longestPauseMs: number;
  /** When the longest of these times was over, and the writes that failed within it. */
  readonly longestPause: string;
  /** Reads that found nobody to answer: each over a connection of its own, tried twice. */
  readonly failedReads: readonly string[];
  readonly reads: number;
}

/** Inserts rows into the table `rows_written` at a rate and reads from replicas while `work` runs; a write that fails is followed by another one. */
export async function writeLoad(
  login: MysqlLogin,
  rate: number,
  work: (written: readonly number[]) => Promise<unknown>,
  first = Date.now() * 1000,
): Promise<WriteLoad> {
  const written: number[] = [];
  const failedReads: string[] = [];
  const [writer, reader] = [new RoleClient(login, "source"), new RoleClient(login, "replica")];
  await writer.query("CREATE TABLE IF NOT EXISTS rows_written (id BIGINT PRIMARY KEY)");
  let [running, reads, longestPauseMs, longestPause, next] = [true, 0, 0, "", first];
  let [last, failedWrites]: [number, string[]] = [performance.now(), []];
  const writes = async () => {
    for (let turn = performance.now(); running; turn += 1000 / rate) {
      const id = next++;
      try {
        await writer.query("INSERT INTO rows_written VALUES (?)", [id]);
        written.push(id);
        const pauseMs = performance.now() - last;
        if (pauseMs > longestPauseMs) {
          longestPauseMs = pauseMs;
          longestPause = [`until ${new Date().toISOString()}`, ...new Set(failedWrites)].join("; ");
        }
        [last, failedWrites] = [performance.now(), []];
      } catch (error) {
        failedWrites.push(String(error));
        await delay(10);
      }
      await delay(Math.max(0, turn - performance.now()));
    }
  };
  const read = async () => {
    while (running) {
      reads++;
      // A connection may end in the middle of a read; a client sends it again.
      const ask = () => reader.query("SELECT COUNT(*) FROM rows_written");
      await ask()
        .catch(ask)
        .catch((error: unknown) => failedReads.push(String(error)));
      // The next one needs a node that may be read from by then.
      reader.close();
      await delay(100);
    }
  };
  const loops = [writes(), read()];
  try {
    await work(written);
  } finally {
    running = false;
    await Promise.all(loops);
    writer.close();
    reader.close();
  }
  return { written, longestPauseMs, longestPause, failedReads, reads };
}

/** Ids that are not in the table of {@link writeLoad}. */
export async function missingRows(login: MysqlLogin, ids: readonly number[]): Promise<number[]> {
  const client = new RoleClient(login, "source");
  try {
    const rows = await client.query("SELECT id FROM rows_written");
    const there = new Set(rows.map(({ id }) => Number(id)));
    return ids.filter((id) => !there.has(id));
  } finally {
    client.close();
  }
}
