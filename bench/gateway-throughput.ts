import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { imageReference } from "../components/core/images";
import { gatewayFolder } from "../components/nginx-upsync-gateway/gateway-files";
import type { ClientLimitArgs } from "../components/nginx-upsync-gateway/limit-args";
import type { GatewayTiersArgs } from "../components/nginx-upsync-gateway/tier-args";
import { settingsOf } from "../test/nginx-upsync-gateway/settings";
import { docker } from "../test/stack/support/engine";
import { get, until } from "../test/stack/support/load";
import type { Figure } from "./bench";
import { benchStack } from "./bench-stack";
import { median } from "./statistics";

const ROUNDS = 20;
const SECONDS = 3;
const CONNECTIONS = 64;
const BOUND = 0.95;
const LIMITED_BOUND = 0.85;
const INSTANCES = ["10.198.0.201", "10.198.0.202", "10.198.0.203"];
const PLAIN = "10.198.0.210";
const LIMITED = "10.198.0.211";
const GATEWAY = "10.198.0.10";

/** Limits that each request is held to and none exceeds: one client sends as much as a whole office would. */
const LIMITS: Readonly<Record<string, ClientLimitArgs>> = {
  requests: { rate: "100000r/s", burst: 100_000, nodelay: true, exempt: ["192.0.2.0/24"] },
  parallel: { by: { header: "X-Api-Key" }, connections: 10_000 },
};

/** A bucket that each request is in and none overflows: all are for the service. */
const TIERS: GatewayTiersArgs = { rate: 1e6, capacity: 1e8 };

/** Requests per second through the gateway, with limits and tiers and without, beside the same nginx with a plain upstream block, to the same three instances. */
export async function gatewayThroughput(): Promise<Figure[]> {
  const { stack, consul } = await benchStack({ goods: { instances: 1 }, order: { instances: 1 } });
  const folder = await mkdtemp(join(tmpdir(), "dockyard-throughput-"));
  const network = stack.container("services");
  const startNginx = (name: string, address: string, prefix: string, conf: string) =>
    docker(
      ...["run", "--detach", "--name", stack.container(name), "--label", `dockyard.stack=${stack.label}`],
      // As the component runs the gateway: the limits and the log cost time too.
      ...["--memory", "256m", "--cpus", "2", "--log-opt", "max-size=10m", "--log-opt", "max-file=3"],
      ...["--network", network, "--ip", address, "--volume", `${folder}:/bench:ro`, imageReference("nginx")],
      ...["nginx", "-e", "stderr", "-p", `/bench/${prefix}`, "-c", conf, "-g", "daemon off;"],
    );
  try {
    // nginx reads it as a user of its own.
    await chmod(folder, 0o755);
    await stack.up();
    await writeFile(
      join(folder, "instance.conf"),
      nginxConf("server { listen 8000; keepalive_requests 1000000000; location / { return 200 ok; } }"),
    );
    const gatewayConf = await docker("exec", stack.container("gateway-1"), "cat", "/etc/gateway/current/nginx.conf");
    await writeFile(join(folder, "plain.conf"), withPlainUpstream(gatewayConf));
    const gatewayJson = await docker("exec", stack.container("gateway-1"), "cat", "/etc/gateway/current/gateway.json");
    await writeLimited(join(folder, "limited"), gatewayJson);
    for (const [index, address] of INSTANCES.entries()) await startNginx(`instance-${index}`, address, "", "instance.conf");
    await startNginx("plain", PLAIN, "", "plain.conf");
    await startNginx("limited", LIMITED, "limited/", "nginx.conf");
    // wrk is a Debian package, installed into a container of the gateway's own image; it runs inside of the bench's own network.
    await docker(
      "run",
      "--detach",
      "--name",
      stack.container("wrk"),
      "--label",
      `dockyard.stack=${stack.label}`,
      "--user",
      "0:0",
      imageReference("nginx"),
      "sleep",
      "3600",
    );
    await docker("exec", stack.container("wrk"), "sh", "-c", "apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk");
    await docker("network", "connect", network, stack.container("wrk"));
    for (const address of INSTANCES) await get(`${consul}/v1/kv/upstreams/goods/${address}:8000`, { method: "PUT", body: '{"weight":1}' });
    await get(`${consul}/v1/kv/upstreams/goods/10.198.0.41:8000`, { method: "DELETE" });
    const load = async (address: string, seconds: number) =>
      requestsPerSecond(
        await docker(
          "exec",
          stack.container("wrk"),
          "wrk",
          "--threads",
          "1",
          "--connections",
          String(CONNECTIONS),
          "--duration",
          `${seconds}s`,
          `http://${address}:8080/goods/1`,
        ),
      );
    const contenders = [PLAIN, GATEWAY, LIMITED];
    for (const address of contenders) {
      await until(
        `${address} serves the bench's instances`,
        async () => (await docker("exec", stack.container("gateway-1"), "curl", "-s", `http://${address}:8080/goods/1`)) === "ok",
      );
      await load(address, 2);
    }
    const rates = contenders.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      // In turns, and each first as often as the others, so that a slow spell hits all.
      for (let turn = 0; turn < contenders.length; turn++) {
        const index = (round + turn) % contenders.length;
        rates[index]?.push(await load(contenders[index] ?? "", SECONDS));
      }
    }
    const [plain = [], ...others] = rates;
    const figure = (what: string, measured: readonly number[], bound: number): Figure => {
      const ratio = median(measured.map((rate, round) => rate / (plain[round] ?? NaN)));
      return {
        what: `requests/s through the gateway${what}, ${CONNECTIONS} connections, 3 instances`,
        measured: `${median(measured).toFixed(0)}, ${ratio.toFixed(2)} ×`,
        beside: `the same nginx with a plain upstream block and keep-alive: ${median(plain).toFixed(0)}`,
        bound: `≥ ${bound} ×`,
        holds: ratio >= bound,
        runs: `median of ${ROUNDS} rounds of ${SECONDS} s each, in turns`,
      };
    };
    return [
      figure("", others[0] ?? [], BOUND),
      figure(" with a limit of requests, one of connections, and tiers", others[1] ?? [], LIMITED_BOUND),
    ];
  } finally {
    await stack.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

function nginxConf(http: string): string {
  return `worker_processes 2;\npid /tmp/nginx.pid;\nevents { worker_connections 4096; }\nhttp { access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;\n${http}\n}\n`;
}

/** The folder of a gateway that follows the same Consul, with limits and tiers where the load goes. */
async function writeLimited(folder: string, gatewayJson: string): Promise<void> {
  const { consul } = JSON.parse(gatewayJson) as { consul: { host: string; port: number }[] };
  const settings = settingsOf("limited", {
    consul: { servers: consul },
    services: { goods: { path: "/goods/", limits: Object.keys(LIMITS) } },
    limits: LIMITS,
    tiers: { goods: TIERS },
  });
  const conf = { ...settings, adminClients: [], memoryMiB: 256 };
  for (const [file, content] of Object.entries(gatewayFolder(conf).files)) {
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

/** The gateway's own configuration with a list of servers that never changes in place of all that is Lua. */
function withPlainUpstream(gatewayConf: string): string {
  const servers = INSTANCES.map((address) => `server ${address}:8000;`).join(" ");
  return gatewayConf
    .replace(/(upstream goods \{\s+)server [^;]+;/, `$1${servers}`)
    .split("\n")
    .filter((line) => line.includes("load_module") || !line.includes("lua"))
    .join("\n");
}

function requestsPerSecond(wrk: string): number {
  const errors = /Non-2xx.*|Socket errors.*/.exec(wrk)?.[0];
  if (errors !== undefined) throw new Error(`the load was not answered cleanly: ${errors}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(wrk)?.[1]);
}
