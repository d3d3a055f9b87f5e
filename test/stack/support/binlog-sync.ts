import { type RowDataPacket } from "mysql2/promise";
import { es } from "./elasticsearch";
import { get } from "./load";
import { RoleClient, type MysqlLogin } from "./mysql";

/** What the service tells of itself. */
export interface SyncStatus {
  readonly phase: string;
  readonly source: string;
  readonly error?: string;
  readonly changes: number;
  readonly tables: Readonly<
    Record<string, { readonly index: string; readonly state: string; readonly error?: string; readonly loadSeconds?: number }>
  >;
}

export async function syncStatus(address: string): Promise<SyncStatus> {
  return JSON.parse((await get(`http://${address}:3400/status`, { timeoutMs: 2_000 })).body) as SyncStatus;
}

export type Documents = Record<string, Record<string, unknown>>;

/** All documents of an index by their ids, as a search finds them; none where there is no index. */
export async function documentsOf(node: string, index: string): Promise<Documents> {
  const refreshed = await es(node, `${index}/_refresh`, { method: "POST" });
  if (refreshed.status === 404) return {};
  const found: Documents = {};
  for (let after: unknown[] | undefined; ;) {
    const query = { size: 5_000, sort: [{ _id: "asc" }], ...(after && { search_after: after }) };
    const { status, body } = await es(node, `${index}/_search`, { method: "POST", body: query });
    const hits = (body as { hits?: { hits: { _id: string; _source: Record<string, unknown>; sort: unknown[] }[] } }).hits?.hits;
    if (status !== 200 || hits === undefined) throw new Error(`${index}: ${status} ${JSON.stringify(body)}`);
    for (const { _id, _source } of hits) found[_id] = _source;
    if (hits.length < 5_000) return found;
    after = hits.at(-1)?.sort;
  }
}

/** Rows of the source by their ids. */
export async function rowsOf(login: MysqlLogin, sql: string): Promise<Record<string, Record<string, unknown>>> {
  const client = new RoleClient(login, "source");
  try {
    const rows = await client.query(sql);
    return Object.fromEntries(rows.map((row: RowDataPacket) => [String(row.id), { ...row }]));
  } finally {
    client.close();
  }
}
