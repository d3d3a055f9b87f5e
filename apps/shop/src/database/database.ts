import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { createPool, type Pool, type PoolConnection, type ResultSetHeader, type RowDataPacket } from "mysql2/promise";
import type { Log } from "../log";

/** Where a replicated database is reached: one address that takes writes, and one that spreads reads. */
export interface DatabaseSettings {
  /** `host:port` of the read-write address. */
  readonly write: string;
  /** `host:port` of the read-only address. */
  readonly read: string;
  readonly name: string;
  readonly user: string;
  readonly passwordFile: string;
}

/** The database gave no answer, or none that helps; what it said is in the message. */
export class DatabaseError extends Error {
  /** @param executed Whether the statement may have been executed all the same. */
  constructor(
    message: string,
    readonly executed: "no" | "unknown",
  ) {
    super(message);
    this.name = "DatabaseError";
  }
}

/** All are there from the beginning, and stay: where a cache ends everybody needs one at once, and on a busy host a login takes a second. */
const CONNECTIONS = 8;
/** Time for what was begun with a password that is another one by now, in ms. */
const STALE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 1_000;
const STATEMENT_TIMEOUT_MS = 3_000;
/** Time for which a write that the database did not execute is tried again: the pause of a planned promotion is well below it. */
const WRITE_PATIENCE_MS = 4_000;
const RETRY_MS = 50;
/** Logins until a refused one counts: a password that was changed is in its file by then. */
const LOGINS = 2;

const READ_ONLY = "ER_OPTION_PREVENTS_STATEMENT";
const ACCESS_DENIED = "ER_ACCESS_DENIED_ERROR";

type Values = readonly (string | number)[];
type Target = "write" | "read";

/** Reads from replicas and writes to the source, over addresses that follow the roles. */
export class Database {
  private readonly pools: Partial<Record<Target, Promise<Pool>>> = {};
  /** Pools whose password is another one by now, with connections that may be in use. */
  private readonly stale = new Set<Promise<Pool>>();

  constructor(
    private readonly settings: DatabaseSettings,
    private readonly log: Log,
  ) {}

  /**
   * Rows as a replica has them. A read changes nothing, so one whose connection broke is sent again, and then to the source.
   *
   * @throws {DatabaseError}
   */
  async read(sql: string, values: Values): Promise<RowDataPacket[]> {
    const select = async (target: Target) => {
      const [rows] = await this.run(target, (connection) => connection.query<RowDataPacket[]>(statement(sql, values)));
      return rows;
    };
    for (const target of ["read", "read"] as const) {
      try {
        return await select(target);
      } catch (error) {
        this.log.debug({ err: error }, "a read is sent again");
      }
    }
    return select("write");
  }

  /** Rows as the source has them: nothing that was acknowledged is missing. @throws {DatabaseError} */
  async readNewest(sql: string, values: Values): Promise<RowDataPacket[]> {
    const [rows] = await this.run("write", (connection) => connection.query<RowDataPacket[]>(statement(sql, values)));
    return rows;
  }

  /**
   * Executes a statement on the source. One that was certainly not executed, since the source is being changed, is sent again for a while; one
   * that may have been is not, because that could undo what somebody else wrote meanwhile.
   *
   * @throws {DatabaseError}
   */
  async write(sql: string, values: Values): Promise<ResultSetHeader> {
    const deadline = Date.now() + WRITE_PATIENCE_MS;
    for (;;) {
      try {
        const [result] = await this.run("write", (connection) => connection.query<ResultSetHeader>(statement(sql, values)));
        return result;
      } catch (error) {
        if (!(error instanceof DatabaseError) || error.executed === "unknown" || Date.now() > deadline) throw error;
        await delay(RETRY_MS);
      }
    }
  }

  async close(): Promise<void> {
    const stale = [...this.stale];
    this.stale.clear();
    await Promise.all([...Object.values(this.pools), ...stale].map(endOf));
  }

  private async run<T>(target: Target, work: (connection: PoolConnection) => Promise<T>): Promise<T> {
    const connection = await this.connect(target);
    try {
      const result = await work(connection);
      connection.release();
      return result;
    } catch (error) {
      // Pooled connections of a server that is now read-only would be refused for ever: the address leads elsewhere by now.
      const refused = codeOf(error) === READ_ONLY;
      if (refused || !isAnswer(error)) connection.destroy();
      else connection.release();
      if (isAnswer(error) && !refused) throw error;
      throw new DatabaseError(`${this.settings[target]}: ${String(error)}`, refused ? "no" : "unknown");
    }
  }

  private async connect(target: Target): Promise<PoolConnection> {
    for (let tries = 1; ; tries++) {
      const pool = (this.pools[target] ??= this.open(target));
      try {
        return await (await pool).getConnection();
      } catch (error) {
        const denied = codeOf(error) === ACCESS_DENIED;
        if (denied && this.pools[target] === pool) {
          // The password is another one, perhaps: the file is read again.
          delete this.pools[target];
          this.retire(pool);
        }
        if (!denied || tries === LOGINS) throw new DatabaseError(`${this.settings[target]} cannot be reached: ${String(error)}`, "no");
      }
    }
  }

  private retire(pool: Promise<Pool>): void {
    this.stale.add(pool);
    const end = () => {
      if (this.stale.delete(pool)) void endOf(pool);
    };
    setTimeout(end, STALE_MS).unref();
  }

  private async open(target: Target): Promise<Pool> {
    const { name: database, user, passwordFile } = this.settings;
    const [host, port] = this.settings[target].split(":");
    const password = (await readFile(passwordFile, "utf8")).trim();
    const pool = createPool({
      host,
      port: Number(port),
      database,
      user,
      password,
      // Each server makes a certificate of its own, which proves nothing; the password and the rows are encrypted all the same.
      ssl: { rejectUnauthorized: false },
      charset: "utf8mb4",
      connectTimeout: CONNECT_TIMEOUT_MS,
      connectionLimit: CONNECTIONS,
      enableKeepAlive: true,
      supportBigNumbers: true,
    });
    void connectAhead(pool);
    return pool;
  }
}

/** Ends a pool's connections, each behind what it does; one that is broken already has ended. */
async function endOf(pool: Promise<Pool>): Promise<void> {
  await Promise.allSettled([pool.then((opened) => opened.end())]);
}

/** Makes connections before they are needed. Where that fails, whoever needs one is told why. */
async function connectAhead(pool: Pool): Promise<void> {
  const made = Array.from({ length: CONNECTIONS }, async () => (await pool.getConnection()).release());
  await Promise.allSettled(made);
}

function statement(sql: string, values: Values) {
  return { sql, values: [...values], timeout: STATEMENT_TIMEOUT_MS };
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}

/** Whether the server itself said it, on a connection that goes on. */
function isAnswer(error: unknown): boolean {
  const { code = "", fatal = false } = error as { code?: string; fatal?: boolean };
  return !fatal && code.startsWith("ER_") && !["ER_QUERY_INTERRUPTED", "ER_SERVER_SHUTDOWN"].includes(code);
}
