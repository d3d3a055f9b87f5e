import { type Socket, connect } from "node:net";
import { docker } from "./engine";
import { until } from "./load";

/** Connections that are opened at the same time, fewer than a listener has wait. */
const OPENED_AT_ONCE = 200;

/** An answer, by what a gateway says of it. */
export interface BurstAnswer {
  readonly status: number;
  readonly tier: string;
}

/**
 * Sends `count` requests at once, each over a connection that is there already, and waits for all answers.
 *
 * @throws when a connection ends without an answer.
 */
export async function burst(address: string, path: string, count: number): Promise<BurstAnswer[]> {
  const [host = "", port] = address.split(":");
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const missing = Math.min(OPENED_AT_ONCE, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: missing }, () => open(host, Number(port))))));
  }
  const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  const answers = sockets.map((socket) => answerOf(socket));
  for (const socket of sockets) socket.write(request);
  return Promise.all(answers);
}

function open(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.once("error", reject);
  });
}

function answerOf(socket: Socket): Promise<BurstAnswer> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => (text += chunk));
    socket.on("error", reject);
    socket.on("close", () => {
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
      if (Number.isNaN(status)) reject(new Error(`a connection ended with ${JSON.stringify(text.slice(0, 100))}`));
      else resolve({ status, tier: /^x-gateway-tier: (\S+)/im.exec(text)?.[1] ?? "" });
    });
  });
}

/** How many answers there were of each tier and status, as `cache 200`. */
export function tally(answers: readonly BurstAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, tier } of answers) counts[`${tier} ${status}`] = (counts[`${tier} ${status}`] ?? 0) + 1;
  return counts;
}

/** A request as the access log of a gateway with tiers tells it. */
export interface LoggedRequest {
  readonly tier: string;
  readonly status: number;
  /** When it came, in ms. */
  readonly arrival: number;
}

/** The requests of a path in the order in which they came, which is not that of the log, once there are `count` of them. */
export async function requestsOf(container: string, path: string, count: number): Promise<LoggedRequest[]> {
  let requests: LoggedRequest[] = [];
  await until(`${count} requests are in the log`, async () => {
    const lines = (await docker("logs", container)).split("\n").filter((line) => line.startsWith("{"));
    requests = lines
      .map((line) => JSON.parse(line) as LogLine)
      .filter(({ uri }) => uri === path)
      .map(({ tier, status, ended, requestTime }) => ({ tier, status, arrival: Math.round((ended - requestTime) * 1000) }))
      .sort((a, b) => a.arrival - b.arrival);
    return requests.length >= count;
  });
  return requests;
}

interface LogLine {
  readonly uri: string;
  readonly tier: string;
  readonly status: number;
  readonly requestTime: number;
  /** In seconds. */
  readonly ended: number;
}
