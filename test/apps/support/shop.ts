import { Agent, request, type IncomingHttpHeaders } from "node:http";
import { onTestFinished } from "vitest";
import { Service } from "../../../apps/shop/src/service";
import type { ServiceName, Settings } from "../../../apps/shop/src/settings";
import { freePort, HOST, silentLog } from "./net";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: any;
}

/** One GET; with an agent that keeps connections alive it uses the one from before. */
export function getJson(port: number, path: string, agent?: Agent): Promise<Answer> {
  return exchange(port, path, { agent });
}

/** One POST over a connection of its own. */
export function postJson(port: number, path: string, body: unknown): Promise<Answer> {
  return sendJson("POST", port, path, body);
}

/** One request with a body over a connection of its own. */
export function sendJson(method: string, port: number, path: string, body: unknown): Promise<Answer> {
  return exchange(port, path, { method, body: JSON.stringify(body) });
}

function exchange(port: number, path: string, { agent, method, body }: { agent?: Agent; method?: string; body?: string }): Promise<Answer> {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: HOST, port, path, agent, method, headers }, (res) => {
      let text = "";
      res.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      res.on("end", () => resolve({ status: res.statusCode!, headers: res.headers, body: JSON.parse(text) }));
      res.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** Connections that are kept alive, for as long as the test. */
export function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** A service in this process; it is stopped when the test ends. */
export async function startService(
  service: ServiceName,
  settings: Partial<Settings> = {},
): Promise<{ service: Service; httpPort: number; rpcPort: number }> {
  const httpPort = await freePort();
  const rpcPort = await freePort();
  const running = new Service(
    {
      service,
      instance: `${service}-1`,
      listen: { address: HOST, httpPort, rpcPort },
      consulUrls: [],
      upstreamPrefix: "upstreams",
      searchUrls: [],
      ...settings,
    },
    silentLog,
  );
  await running.start();
  onTestFinished(() => running.stop(0));
  return { service: running, httpPort, rpcPort };
}
