import { Agent } from "node:http";
import { writesDuring } from "../support/consul";
import { get } from "../support/load";
import { RepeatedCommand } from "../support/repeated-command";

/** What came of a client's requests. */
export interface Outcome {
  readonly client: string;
  readonly requests: number;

  /** Requests without an answer that counts, a line each. */
  readonly failures: readonly string[];

  /** Writes that were acknowledged and are not there. */
  readonly lost: readonly string[];

  /** Longest time without an answer, in ms. @default it is not measured */
  readonly longestPause?: number;
}

/** Somebody who uses a component while something is done to it. */
export type Client = (work: () => Promise<unknown>) => Promise<Outcome>;

/** Pause after which a client that asks for one thing after the other does it again, in ms. */
const PAUSE_MS = 40;

/** Time in which another leader is chosen: a client that writes tries again for that long, in ms. */
const PATIENCE_MS = 10_000;

/** Time that a client waits for an answer, in ms. */
const ANSWER_MS = 5_000;

/** All of the clients at once, while the work is done. */
export async function beside(clients: readonly Client[], work: () => Promise<unknown>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const together = clients.reduceRight<() => Promise<unknown>>((inner, client) => async () => outcomes.push(await client(inner)), work);
  await together();
  return outcomes;
}

/**
 * Asks one thing after the other of the first of some servers that answers: a request fails that none of them answers.
 *
 * @param ask Throws where the server does not answer as it should.
 */
export function asking(client: string, servers: readonly string[], ask: (server: string) => Promise<void>): Client {
  return async (work) => {
    const failures: string[] = [];
    let [requests, longestPause, asks] = [0, 0, true];
    const loop = (async () => {
      for (; asks; requests++) {
        const started = performance.now();
        failures.push(...(await askAnywhere(servers, ask)));
        longestPause = Math.max(longestPause, performance.now() - started);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    })();
    try {
      await work();
    } finally {
      asks = false;
      await loop;
    }
    return { client, requests, failures, lost: [], longestPause };
  };
}

async function askAnywhere(servers: readonly string[], ask: (server: string) => Promise<void>): Promise<string[]> {
  const refusals: string[] = [];
  for (const server of servers)
    try {
      await ask(server);
      return [];
    } catch (error) {
      refusals.push(`${server}: ${String(error)}`);
    }
  return [refusals.join("; ")];
}

/**
 * Asks for a path over HTTP; every answer but 200 is none.
 *
 * Each request has a connection of its own: one that is kept is closed by a server that stops, and a request that crosses this is for its
 * client to send again.
 */
export function httpClient(client: string, servers: readonly string[], path: string, headers: Record<string, string> = {}): Client {
  const agent = new Agent({ keepAlive: false });
  return asking(client, servers, async (server) => {
    const { status, body } = await get(`http://${server}${path}`, { agent, headers, timeoutMs: ANSWER_MS });
    if (status !== 200) throw new Error(`${status} ${body.slice(0, 200)}`);
  });
}

/** Logs in over SSH, in the containers of some nodes: each time to the node itself, since the others may be away just then. */
export function loginClient(client: string, stackLabel: string, nodes: readonly string[]): Client {
  return async (work) => {
    const logins = nodes.map((node) => new RepeatedCommand(`${stackLabel}-${node}`, ["ssh", node, "true"]));
    try {
      return await asking(client, nodes, async (node) => logins[nodes.indexOf(node)]?.run())(work);
    } finally {
      for (const login of logins) login.end();
    }
  };
}

/** Writes keys into Consul, and looks for them afterwards. */
export function consulClient(servers: readonly string[]): Client {
  let turn = 0;
  return async (work) => {
    const { acknowledged, lost, longestPause } = await writesDuring(servers, `written/${turn++}`, work);
    return { client: "consul", requests: acknowledged, failures: paused(longestPause, ANSWER_MS), lost, longestPause };
  };
}

/** What takes no writes while another leader is chosen may do so for some seconds: a client tries again until then. */
export function paused(longestPause: number, patienceMs = PATIENCE_MS): string[] {
  return longestPause < patienceMs ? [] : [`no write was taken for ${Math.round(longestPause)} ms`];
}
