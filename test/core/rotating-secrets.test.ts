import * as pulumi from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { ConsulCluster } from "../../components/consul-cluster/consul-cluster";
import { MysqlReplicaSet } from "../../components/mysql-replica-set/mysql-replica-set";
import { RabbitmqCluster } from "../../components/rabbitmq-cluster/rabbitmq-cluster";
import { RedisCache } from "../../components/redis-cache/redis-cache";
import { Registered, emptyNetwork, recordResources, seedOf, settled } from "../mocks";

let registered: Registered[];
beforeEach(() => (registered = recordResources()));

const network = () => emptyNetwork({ cache: "10.89.0.191", mysql: "10.89.0.171", discovery: "10.89.0.21", queue: "10.89.0.31" });

function rotated(rotations: Record<string, string>): void {
  pulumi.runtime.setAllConfig({ "dockyard:rotations": JSON.stringify(rotations) });
}

async function stdinOf(name: string): Promise<string> {
  const { inputs } = (await settled(registered)).find((each) => each.type.startsWith("command:") && each.name === name) ?? {};
  const { value = inputs?.stdin } = (inputs?.stdin ?? {}) as { value?: unknown };
  return String(value);
}

const generated = (step: number) => `generated-cache-goods-password${step === 0 ? "" : `-generation-${step}`}`;
const digest = (text: string) => `#${createHash("sha256").update(text).digest("hex")}`;
const valueOf = (output: pulumi.Output<string>) => new Promise<string>((resolve) => output.apply(resolve));

describe("a component whose secret is rotated", () => {
  it.each([
    ["2 offer", generated(1), [generated(2), generated(1)]],
    ["2 switch", generated(2), [generated(2), generated(1)]],
    ["2", generated(2), [generated(2)]],
  ])("has Redis accept what clients use and what they used or will use, at %j", async (rotation, used, accepted) => {
    rotated({ "cache-goods-password": rotation });
    const cache = new RedisCache("cache", { network: network(), users: [{ name: "goods", keys: ["*"] }] });
    expect(await valueOf(cache.password("goods"))).toBe(used);
    expect(await stdinOf("cache-1-config")).toContain(`\nuser goods on ${accepted.map(digest).join(" ")} resetkeys`);
    const secrets = registered.filter(({ type, name }) => type.startsWith("random:") && name.startsWith("cache-goods-"));
    expect(secrets.map(({ name }) => `generated-${name}`)).toEqual(accepted);
  });

  it("has MySQL's servers and keepers accept both, and use one", async () => {
    rotated({ "mysql-replication-password": "1 offer", "mysql-goods-password": "1 switch" });
    new MysqlReplicaSet("mysql", { network: network(), databases: ["shop"], users: [{ name: "goods" }] });
    const files = await stdinOf("mysql-1-config");
    expect(files).toMatch(/\/replication-password <<'EOF'\ngenerated-mysql-replication-password\nEOF/);
    expect(files).toMatch(
      /\/replication-password\.accepted <<'EOF'\ngenerated-mysql-replication-password-generation-1\ngenerated-mysql-replication-password\nEOF/,
    );
    expect(files).toContain(
      '"password": "generated-mysql-goods-password-generation-1",\n      "previous": "generated-mysql-goods-password"',
    );
    expect(files).not.toContain("keeper-token.accepted");
  });

  it("is rotated in all servers that were given it", async () => {
    rotated({ "mysql-goods-password": "1 offer" });
    const mysql = new MysqlReplicaSet("mysql", { network: network(), databases: ["shop"], users: [{ name: "goods" }] });
    const password = mysql.password("goods");
    new RedisCache("cache", { network: network(), users: [{ name: "goods", keys: ["*"], password }] });
    const both = ["generated-mysql-goods-password-generation-1", "generated-mysql-goods-password"].map(digest).join(" ");
    expect(await stdinOf("cache-1-config")).toContain(`\nuser goods on ${both} resetkeys`);
    // The control: one that is not as it was given is a secret like any other.
    registered = recordResources();
    const copied = password.apply((text) => text);
    new RedisCache("cache", { network: network(), users: [{ name: "goods", keys: ["*"], password: copied }] });
    expect(await stdinOf("cache-1-config")).toContain(`\nuser goods on ${digest("generated-mysql-goods-password")} resetkeys`);
  });

  it("tells servers that read a secret when they start, and only where it was ever rotated", async () => {
    rotated({ "discovery-gossip-key": "1 switch" });
    new ConsulCluster("discovery", { network: network() });
    new RabbitmqCluster("queue", { network: network() });
    const [key, before] = ["discovery-gossip-key-generation-1", "discovery-gossip-key"].map(seedOf);
    expect(await stdinOf("discovery-gossip-keys")).toBe(`${key}\n${before}\n`);
    expect(registered.map(({ name }) => name)).not.toContain("queue-cookies");
  });

  it("is refused where the rotation is none", () => {
    rotated({ "cache-goods-password": "soon" });
    expect(() => new RedisCache("cache", { network: network(), users: [{ name: "goods", keys: ["*"] }] })).toThrow(
      "dockyard:rotations.cache-goods-password: must be a number",
    );
  });
});
