import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { normalizeAccess } from "../../components/rabbitmq-cluster/access-args";
import { renderApplyDefinitions } from "../../components/rabbitmq-cluster/definitions-command";
import { hashPassword, managedPaths, renderDefinitions } from "../../components/rabbitmq-cluster/definitions-files";
import {
  brokerCheck,
  brokerCommand,
  brokerEnvironment,
  brokerProbe,
  renderEnabledPlugins,
  renderHosts,
  renderOperatorOptions,
  renderRabbitmqConf,
  renderResolver,
  renderStartScript,
} from "../../components/rabbitmq-cluster/rabbitmq-conf";

const access = normalizeAccess({
  users: [{ name: "orders" }, { name: "watcher", tags: ["monitoring"] }],
  vhosts: ["/", "billing"],
  permissions: [
    { user: "orders", configure: "^orders", write: "^orders", read: "^orders" },
    { user: "watcher", vhost: "billing", read: ".*" },
  ],
  policies: [{ name: "short", pattern: "^short", definition: { "message-ttl": 60_000 } }],
});
const credentials = { salt: "salt", passwords: { dockyard: "operator-password", orders: "orders-password", watcher: "watcher-password" } };

describe("a broker's files", () => {
  it("set the alarms from the limits", async () => {
    await expect(renderRabbitmqConf({ cluster: "queue", logLevel: "info", memoryMiB: 512, diskFreeMiB: 512 })).toMatchFileSnapshot(
      "golden/rabbitmq.conf",
    );
    expect(renderRabbitmqConf({ cluster: "queue", logLevel: "debug", memoryMiB: 1000, diskFreeMiB: 64 })).toMatch(
      /vm_memory_high_watermark\.absolute = 600MiB\ndisk_free_limit\.absolute = 64MiB[^]*log\.console\.level = debug/,
    );
  });

  it("turn on the management page and the metrics", () => {
    expect(renderEnabledPlugins()).toBe("[rabbitmq_management,rabbitmq_prometheus].\n");
  });

  it("say where every broker is, also one that is away", () => {
    expect(renderResolver()).toBe('{hosts_file, "/etc/rabbitmq/node/current/hosts"}.\n{lookup, [file, native]}.\n');
    const brokers = [1, 2].map((n) => ({ name: `queue-${n}`, address: `10.89.0.3${n}` }));
    expect(renderHosts(brokers)).toBe("10.89.0.31 queue-1\n10.89.0.32 queue-2\n");
  });

  it("give curl the operator's password", () => {
    expect(renderOperatorOptions("secret")).toBe('user = "dockyard:secret"\nsilent\nshow-error\nfail-with-body\nmax-time = 10\n');
  });

  it("have a new broker join those that answer, and only the first found a cluster", async () => {
    await expect(renderStartScript()).toMatchFileSnapshot("golden/start.sh");
    expect(brokerCommand()).toEqual(["bash", "/etc/rabbitmq/node/current/start"]);
    expect(brokerCheck("/etc/rabbitmq/node/3f2a")).toEqual(["bash", "-n", "/etc/rabbitmq/node/3f2a/start"]);
  });
});

describe("a broker's environment", () => {
  it("names the broker, and only says where things are", () => {
    expect(brokerEnvironment("queue-2")).toMatchObject({ RABBITMQ_NODENAME: "rabbit@queue-2", HOME: "/etc/rabbitmq/node/current" });
    expect(Object.keys(brokerEnvironment("queue-2")).filter((key) => /COOKIE|PASS/.test(key))).toEqual([]);
  });

  it("asks for its health with one curl and without a password on the command line", () => {
    expect(brokerProbe()).toEqual([
      "curl",
      "--config",
      "/etc/rabbitmq/node/current/operator.curl",
      "http://127.0.0.1:15672/api/health/checks/protocol-listener/amqp",
    ]);
  });
});

describe("a cluster's definitions", () => {
  it("hold what is declared and the component's own user, with hashes in place of passwords", async () => {
    const definitions = renderDefinitions(access, credentials);
    expect(definitions).not.toContain("-password");
    await expect(definitions).toMatchFileSnapshot("golden/definitions.json");
  });

  it("have the same hash for the same password and another one for another user", () => {
    const both = renderDefinitions(access, { ...credentials, passwords: { dockyard: "same", orders: "same", watcher: "same" } });
    const hashes = [...both.matchAll(/"password_hash": "(.*)"/g)].map(([, hash]) => hash);
    expect(new Set(hashes).size).toBe(3);
    expect(renderDefinitions(access, credentials)).toBe(renderDefinitions(access, credentials));
  });

  // The bytes that RabbitMQ documents: the salt, then SHA-256 of salt and password.
  it("hash as RabbitMQ does", () => {
    const salt = Buffer.from("908DC60A", "hex");
    const expected = createHash("sha256").update(Buffer.from("908DC60A", "hex")).update("test12").digest("hex");
    expect(Buffer.from(hashPassword("test12", salt), "base64").toString("hex")).toBe(`908dc60a${expected}`);
    expect(hashPassword("test12", salt)).toBe("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
  });

  it("are found again by path, in the order in which they can be removed", () => {
    expect(managedPaths(access)).toEqual([
      "permissions/%2F/orders",
      "permissions/billing/watcher",
      "policies/%2F/short",
      "users/orders",
      "users/watcher",
      "vhosts/%2F",
      "vhosts/billing",
    ]);
    const odd = normalizeAccess({ vhosts: ["it's (a) *"], policies: [] });
    expect(managedPaths(odd)).toEqual(["vhosts/it%27s%20%28a%29%20%2A"]);
  });

  it("are applied to those that run, and what is no longer declared is removed", async () => {
    const brokers = [1, 2].map((n) => ({ name: `queue-${n}`, docker: ["docker"], container: `shop-dev-queue-${n}` }));
    await expect(`${renderApplyDefinitions(brokers, managedPaths(access))}\n`).toMatchFileSnapshot("golden/apply.sh");
  });
});
