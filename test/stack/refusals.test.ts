import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { docker, eventsDuring } from "./support/engine";
import { until } from "./support/load";
import { sharedStack } from "./support/shared";
import { Settings, freePorts } from "./support/test-stack";

const { stack, settings } = sharedStack();

/** What preview says when it refuses, after making sure that nothing was touched. */
async function refusal(changed: Settings): Promise<string> {
  let said = "";
  const events = await eventsDuring(stack.label, async () => {
    said = await stack.refusal(changed);
  });
  expect(events).toEqual([]);
  expect(said).not.toContain("at Checks");
  return said;
}

afterEach(async () => {
  await stack.reset();
});

describe("preview refuses", () => {
  it.each([0, 4])("%s Consul servers", async (servers) => {
    expect(await refusal({ consul: { ...settings.consul, servers } })).toContain(
      `discovery.servers: must be 1, 3, 5 or 7; an even number cannot hold a majority after a split, got ${servers}`,
    );
  });

  it("a subnet that overlaps a network on the host, naming it", async () => {
    await docker("network", "create", "--subnet", "10.196.0.0/24", "dockyard-test-other");
    try {
      expect(await refusal({ network: { subnet: "10.196.0.0/24" } })).toContain(
        'services.subnet: must not overlap the Docker network "dockyard-test-other" (10.196.0.0/24)',
      );
    } finally {
      await docker("network", "rm", "dockyard-test-other");
    }
  });

  it("a port that a process on the host listens on, naming it", async () => {
    const port = await freePorts(1);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      const said = await refusal({ gateway: { ...settings.gateway, publishedPort: port } });
      expect(said).toMatch(
        new RegExp(`gateway-1\\.ports: must be free on host local, but process \\S+ \\(pid ${process.pid}\\) listens there`),
      );
    } finally {
      server.close();
    }
  });

  it.each([
    ["running", ["sleep", "600"]],
    // It holds the port each time that it is started, with ever longer pauses between.
    ["restarting", ["sh", "-c", "sleep 0.2; exit 1"]],
  ])("a port that another stack's container has which is %s, naming it", async (state, command) => {
    const port = await freePorts(1);
    const image = (await docker("inspect", "--format", "{{.Config.Image}}", stack.container("goods-1"))).trim();
    const options = ["--detach", "--restart", "always", "--name", "dockyard-test-squatter", "--publish", `127.0.0.1:${port}:80`];
    await docker("run", ...options, image, ...command);
    try {
      await until(state, async () => (await docker("inspect", "--format", "{{.State.Status}}", "dockyard-test-squatter")) === state);
      expect(await refusal({ gateway: { ...settings.gateway, publishedPort: port } })).toContain(
        "but container dockyard-test-squatter listens there",
      );
    } finally {
      await docker("rm", "--force", "dockyard-test-squatter");
    }
  });

  it("a setting that does not exist, or is of another type, all at once", async () => {
    const said = await refusal({ consul: { ...settings.consul, server: 3 }, goods: { instances: "3" }, good: {} });
    expect(said).toContain("dockyard:consul.server: is not a setting; there are servers, apiPort, logLevel, environment, got 3");
    expect(said).toContain(
      "dockyard:good: is not a setting; there are network, consul, gateway, tiers, goods, order, statistics, rabbitmq, proxy, mysql, redis, elasticsearch, kafka, logs, ops, cdn, ci, backup, without, allowDataLoss",
    );
    expect(said).toContain('dockyard:goods.instances: must be a number, like 3, got "3"');
  });

  it("what is wrong with several components, all at once", async () => {
    const said = await refusal({
      network: { subnet: "10.197.0.1/24" },
      consul: { ...settings.consul, servers: 1e9, logLevel: 3 },
      goods: { instances: 0, environment: { "A B": 1 } },
      order: { instances: 20_000_000 },
    });
    expect(said).toContain("services.subnet: must be an IPv4 network with a prefix of 8 to 30 and no bits behind it");
    expect(said).toContain('dockyard:consul.logLevel: must be a string, like "info", got 3');
    expect(said).toContain("goods.environment: must be a variable's name");
    expect(said).toContain("goods.environment.A B: must be text");
    expect(said).toContain("discovery.servers: must be 1, 3, 5 or 7");
    expect(said).toContain("goods.instances: must be a whole number from 1 to 250; leave the component out to have none, got 0");
    expect(said).toContain("order.instances: must be a whole number from 1 to 250; leave the component out to have none, got 20000000");
  });

  it("the same where up is told to do without a preview, before it has made or changed anything", async () => {
    let said = "";
    const events = await eventsDuring(stack.label, async () => {
      said = await stack.up({ goods: { instances: 0 }, order: { instances: 4 } }).then(() => "it went through", String);
    });
    expect(said).toContain("goods.instances: must be a whole number from 1");
    expect(events).toEqual([]);
  });

  it("ports that the next server still holds while the one before takes them", async () => {
    const apiPort = settings.consul.apiPort + 1;
    expect(await refusal({ consul: { ...settings.consul, apiPort } })).toContain(
      `discovery-1.ports: must be free on host local, but container ${stack.container("discovery-2")} of this stack, until its own turn, listens there`,
    );
  });

  it("a system to do without that is none, or that others need", async () => {
    const said = await refusal({ without: ["mysqld", "consul"] });
    expect(said).toContain(
      'dockyard:without: must be a list of systems that can be left out: rabbitmq, ops, mysql, redis, elasticsearch, kafka, cdn, ci, logs, got "mysqld"',
    );
    expect(said).toContain(
      'dockyard:without: must be a list of systems that can be left out: rabbitmq, ops, mysql, redis, elasticsearch, kafka, cdn, ci, logs, got "consul"',
    );
  });

  it("more instances than there are addresses before the next component's", async () => {
    expect(await refusal({ goods: { instances: 45 } })).toContain("services.addresses.order-1: must be its own, but goods-41 has it");
  });

  it("another subnet for a network that nodes are on, saying how to change it", async () => {
    expect(await refusal({ network: { subnet: "10.194.0.0/24" } })).toContain(
      'services.subnet: cannot change from 10.197.0.0/24 while nodes are on the network; run "npm run down" first',
    );
  });

  it("a volume to lose that the stack does not have", async () => {
    expect(await refusal({ allowDataLoss: ["mysql-1-data"] })).toContain(
      'dockyard:allowDataLoss: must be a list of data volumes of this stack, like ["dockyard-test-shared-discovery-4-data"], got "mysql-1-data"',
    );
  });

  it("what a subnet cannot hold", async () => {
    const said = await refusal({ network: { subnet: "10.197.0.32/27" } });
    expect(said).toContain("dockyard:network.subnet: must have a prefix of 24 or less");
    expect(said).not.toContain("services.");
  });
});
