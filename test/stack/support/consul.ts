import { get } from "./load";

export interface RaftPeer {
  Node: string;
  Leader: boolean;
  Voter: boolean;
}

/** Raft's members, as one server's API tells them. */
export async function raftPeers(api: string): Promise<RaftPeer[]> {
  const { status, body } = await get(`${api}/v1/operator/raft/configuration`);
  if (status !== 200) throw new Error(`${status} ${body}`);
  return (JSON.parse(body) as { Servers: RaftPeer[] }).Servers;
}

export interface WriteLoopResult {
  readonly acknowledged: number;
  readonly lost: readonly string[];
  /** The longest time in ms in which no write was acknowledged. */
  readonly longestPause: number;
}

/**
 * Writes a new key every 20 ms, on the first of the servers that takes it, while `work` runs; then reads all back, consistently.
 *
 * @param spoil Called before reading back, to show that a loss would be seen.
 */
export async function writesDuring(
  apis: readonly string[],
  prefix: string,
  work: () => Promise<unknown>,
  spoil?: (keys: readonly string[]) => Promise<unknown>,
): Promise<WriteLoopResult> {
  const acknowledged: string[] = [];
  let longestPause = 0;
  let lastAcknowledged = performance.now();
  let writing = true;
  const loop = (async () => {
    for (let n = 0; writing; n++) {
      const key = `${prefix}/${n}`;
      if (await writeAnywhere(apis, key)) {
        acknowledged.push(key);
        longestPause = Math.max(longestPause, performance.now() - lastAcknowledged);
        lastAcknowledged = performance.now();
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    await work();
  } finally {
    writing = false;
    await loop;
  }
  longestPause = Math.max(longestPause, performance.now() - lastAcknowledged);
  await spoil?.(acknowledged);
  const { body } = await get(`${apis[0]}/v1/kv/${prefix}?keys&consistent`);
  const found = new Set(JSON.parse(body) as string[]);
  return { acknowledged: acknowledged.length, lost: acknowledged.filter((key) => !found.has(key)), longestPause };
}

async function writeAnywhere(apis: readonly string[], key: string): Promise<boolean> {
  for (const api of apis) {
    try {
      const { status, body } = await get(`${api}/v1/kv/${key}`, { method: "PUT", body: key, timeoutMs: 2000 });
      if (status === 200 && body.trim() === "true") return true;
    } catch {
      // The next server may take it; a write that none takes is not acknowledged, and its pause is what is measured.
    }
  }
  return false;
}
