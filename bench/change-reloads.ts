import { chmod, copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageReference } from "../components/core/images";
import { ensureConsulTemplate } from "../scripts/setup/consul-template";
import { docker } from "../test/stack/support/engine";
import { type LoadResult, get, underLoad, until } from "../test/stack/support/load";
import { freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { HEAVY } from "./change-latency";
import type { ChangedStack } from "./changes";
import { percentile } from "./statistics";

const CHANGES = 1000;
/** Changes for which the poller is waited for: each takes it half a second. */
const POLLED = 100;
const RATE = 30;
const CONSUL = "10.198.0.21:8500";

/** Somebody who leads requests to the instances of goods. */
interface Contender {
  readonly name: string;
  readonly url: string;
  /** Changes for which it is waited for. */
  readonly waited: number;
  readonly times: number[];
}

/** The gateway beside two that keep a plain nginx up to date by reloads: consul-template, which waits for changes, and one that looks every 500 ms. */
export async function besideReloads({ stack, gateway, consul }: ChangedStack): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "dockyard-reloads-"));
  const agent = new Agent({ keepAlive: true });
  const key = `${consul}/v1/kv/upstreams/goods/10.198.0.42:8000`;
  try {
    await writeFiles(folder);
    const port = await freePorts(2);
    await startReloading(stack, folder, "reloading", "10.198.0.211", port, "exec /bench/consul-template -config /bench/template.hcl");
    await startReloading(
      stack,
      folder,
      "polling",
      "10.198.0.212",
      port + 1,
      "while :; do sleep 0.5; /bench/consul-template -once -config /bench/template.hcl; done",
    );
    const contenders: readonly Contender[] = [
      { name: "the gateway", url: `${gateway}/goods/1`, waited: CHANGES, times: [] },
      { name: "consul-template and `nginx -s reload`", url: `http://127.0.0.1:${port}/goods/1`, waited: CHANGES, times: [] },
      { name: "a poller every 500 ms and `nginx -s reload`", url: `http://127.0.0.1:${port + 1}/goods/1`, waited: POLLED, times: [] },
    ];
    for (const { name, url } of contenders) await until(`${name} serves`, async () => (await get(url)).status === 200);
    const loads = await underEach(contenders, async () => {
      for (let change = 0; change < CHANGES; change++) {
        const present = change % 2 === 0;
        await get(key, { agent, ...(present ? { method: "PUT", body: HEAVY } : { method: "DELETE" }) });
        const acknowledged = performance.now();
        await Promise.all(
          contenders
            .filter(({ waited }) => change < waited)
            .map(async ({ url, times }) => times.push((await answeredBy(url, present)) - acknowledged)),
        );
      }
    });
    return contenders.map(({ name, times }, index) => figureOf(name, times, loads[index]));
  } finally {
    agent.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Requests to each of them while `work` runs. */
async function underEach(contenders: readonly Contender[], work: () => Promise<unknown>): Promise<LoadResult[]> {
  const done = work();
  return Promise.all(contenders.map(({ url }) => underLoad([url], RATE, () => done)));
}

/** When a request was first answered by the changed instance, or no longer by it; asked over a connection each, as a reload ends those that are open. */
async function answeredBy(url: string, present: boolean): Promise<number> {
  for (;;) {
    try {
      if (((await get(url)).headers["x-instance"] === "goods-2") === present) return performance.now();
    } catch {
      // The load beside counts what fails.
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function figureOf(name: string, times: readonly number[], load: LoadResult | undefined): Figure {
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  const isGateway = name === "the gateway";
  return {
    what: `key put or deleted → first request by it, all three at once: ${name}`,
    measured: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; ${load?.failures.length} of ${load?.sent} requests failed`,
    beside: isGateway ? "the two below" : "the gateway above",
    bound: isGateway ? "none failed" : "–",
    holds: !isGateway || load?.failures.length === 0,
    runs: `${times.length} of ${CHANGES} changes, ${RATE} requests/s to each`,
  };
}

async function writeFiles(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  await copyFile(await ensureConsulTemplate((line) => console.error(line)), join(folder, "consul-template"));
  await chmod(join(folder, "consul-template"), 0o755);
  const server = '{{ range ls "upstreams/goods" }}server {{ .Key }} weight={{ (parseJSON .Value).weight }};{{ end }}';
  await writeFile(
    join(folder, "template.hcl"),
    [
      `consul { address = "${CONSUL}" }`,
      "template {",
      `  contents = ${JSON.stringify(server)}`,
      '  destination = "/tmp/goods.conf"',
      '  command = ["sh", "-c", "[ ! -s /tmp/nginx.pid ] || nginx -e stderr -c /bench/nginx.conf -s reload"]',
      "}",
      "",
    ].join("\n"),
  );
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((user) => `${user}_temp_path /tmp/${user};`).join(" ");
  await writeFile(
    join(folder, "nginx.conf"),
    `worker_processes 2; pid /tmp/nginx.pid; error_log stderr warn; events { worker_connections 4096; }
http {
  ${paths} access_log off; proxy_http_version 1.1; proxy_set_header Connection "";
  upstream goods { include /tmp/goods.conf; keepalive 64; }
  server { listen 8080; location / { proxy_pass http://goods; } }
}
`,
  );
}

/** A plain nginx and what keeps its list up to date, in one container. */
async function startReloading(
  stack: ChangedStack["stack"],
  folder: string,
  name: string,
  address: string,
  port: number,
  follow: string,
): Promise<void> {
  await docker(
    ...["run", "--detach", "--init", "--name", stack.container(name), "--label", `dockyard.stack=${stack.label}`],
    ...["--memory", "256m", "--cpus", "2", "--log-opt", "max-size=10m", "--publish", `127.0.0.1:${port}:8080`],
    ...["--network", stack.container("services"), "--ip", address, "--volume", `${folder}:/bench:ro`, imageReference("nginx"), "sh", "-c"],
    `/bench/consul-template -once -config /bench/template.hcl; nginx -e stderr -c /bench/nginx.conf; ${follow}`,
  );
}
