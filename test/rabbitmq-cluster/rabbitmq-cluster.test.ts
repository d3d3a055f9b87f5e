import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { normalizeRabbitmqClusterArgs } from "../../components/rabbitmq-cluster/args";
import { RabbitmqCluster } from "../../components/rabbitmq-cluster/rabbitmq-cluster";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ queue: "10.89.0.31" });
const clear = "in-clear" as unknown as pulumi.Output<string>;

describe("a RabbitMQ cluster's arguments", () => {
  it("are three brokers on the usual ports", () => {
    expect(normalizeRabbitmqClusterArgs("queue", { network })).toMatchObject({
      brokers: 3,
      amqpPort: 5674,
      managementPort: 15_674,
      prometheusPort: null,
      memoryMiB: 512,
      diskFreeMiB: 512,
      access: { users: [], vhosts: ["/"], permissions: [], policies: [] },
    });
  });

  it.each([0, 2, 4, 9, 2.5])("refuse %s brokers, with what to use", (brokers) => {
    expect(() => normalizeRabbitmqClusterArgs("queue", { network, brokers })).toThrow(
      `queue.brokers: must be 1, 3, 5 or 7; an even number cannot hold a majority after a split, got ${brokers}`,
    );
  });

  it("allow nothing that is not said", () => {
    const { access } = normalizeRabbitmqClusterArgs("queue", {
      network,
      users: [{ name: "a" }],
      permissions: [{ user: "a", read: "^b$" }],
    });
    expect(access.permissions).toEqual([{ user: "a", vhost: "/", configure: "^$", write: "^$", read: "^b$" }]);
  });

  it("are refused all at once, each with what to do, and without a secret in the words", () => {
    const refused = () =>
      normalizeRabbitmqClusterArgs("Queue", {
        network,
        brokers: 2,
        cookie: clear,
        amqpPort: 65_535,
        managementPort: 0,
        memoryMiB: 128,
        diskFreeMiB: 1,
        cpus: 0,
        logLevel: "loud",
        users: [
          { name: "guest" },
          { name: "dockyard" },
          { name: "a b" },
          { name: "twice" },
          { name: "twice", password: clear, tags: ["root" as "monitoring"] },
        ],
        vhosts: ["/", "/", "a b"],
        permissions: [{ user: "nobody", vhost: "nowhere", read: "(" }, { user: "twice" }, { user: "twice" }],
        policies: [
          { name: "p", pattern: "[", vhost: "nowhere", definition: {}, priority: 0.5, applyTo: "all things" as "all" },
          { name: "q", pattern: "a", definition: { "max-length": 1 } },
          { name: "q", pattern: "b", definition: { "max-length": 1 } },
        ],
      });
    expect(refused).toThrow(
      new RegExp(
        [
          /Queue\.brokers: must be 1, 3, 5 or 7; .*, got 2/,
          /Queue\.name: must be lower-case letters.*, got "Queue"/,
          /Queue\.cookie: must be a secret, such as config\.requireSecret.*, got "\(in clear\)"/,
          /Queue\.amqpPort: must leave a port up to 65535 for every broker, or be null to publish none, got 65535/,
          /Queue\.managementPort: .*, got 0/,
          /Queue\.memoryMiB: must be 256 or more: .*, got 128/,
          /Queue\.diskFreeMiB: must be 50 or more, .*, got 1/,
          /Queue\.cpus: must be more than 0, got 0/,
          /Queue\.logLevel: must be one of debug, info, warning, error, got "loud"/,
          /Queue\.users\[0\]\.name: must not be guest, .*; choose another name, got "guest"/,
          /Queue\.users\[1\]\.name: must be another one: the component itself.*, got "dockyard"/,
          /Queue\.users\[2\]\.name: must be 1 to 64 letters.*, got "a b"/,
          /Queue\.users\[4\]\.name: must be its own; rename or remove the other user, got "twice"/,
          /Queue\.users\[4\]\.password: must be a secret, .*, got "\(in clear\)"/,
          /Queue\.users\[4\]\.tags: must be of management, .*, got "root"/,
          /Queue\.vhosts\[1\]: must be there once; remove the other one, got "\/"/,
          /Queue\.vhosts\[2\]: must be 1 to 255 characters.*, got "a b"/,
          /Queue\.permissions\[0\]\.user: must be one of users; there are guest, .*, got "nobody"/,
          /Queue\.permissions\[0\]\.vhost: must be one of vhosts; there are \/, .*, got "nowhere"/,
          /Queue\.permissions\[0\]\.read: must be a regular expression; .*, got "\("/,
          /Queue\.permissions\[2\]: must be one for each user and vhost; join it with permissions\[1\], got "twice on \/"/,
          /Queue\.policies\[0\]\.vhost: .*, got "nowhere"/,
          /Queue\.policies\[0\]\.applyTo: must be one of all, .*, got "all things"/,
          /Queue\.policies\[0\]\.priority: must be a whole number, got 0\.5/,
          /Queue\.policies\[0\]\.definition: must set something, .*, got \{\}/,
          /Queue\.policies\[0\]\.pattern: must be a regular expression; .*, got "\["/,
          /Queue\.policies\[2\]\.name: must be its own on its vhost, but policies\[1\] has it; .*, got "q"/,
        ]
          .map(({ source }) => source)
          .join("\\n"),
      ),
    );
    expect(refused).not.toThrow("in-clear");
  });
});

describe("a RabbitMQ cluster", () => {
  const cluster = new RabbitmqCluster("queue", {
    network,
    users: [{ name: "orders" }, { name: "given", password: pulumi.secret("given-password") }],
    permissions: [{ user: "orders", configure: "^orders", write: "^orders", read: "^orders" }],
    prometheusPort: 19_000,
  });

  it("gives clients its brokers' addresses, and publishes them next to each other on loopback", async () => {
    expect(cluster.endpoints.map(String)).toEqual(["10.89.0.31:5672", "10.89.0.32:5672", "10.89.0.33:5672"]);
    expect(cluster.amqp.map(String)).toEqual(["127.0.0.1:5674", "127.0.0.1:5675", "127.0.0.1:5676"]);
    expect(cluster.management.map(String)).toEqual(["127.0.0.1:15674", "127.0.0.1:15675", "127.0.0.1:15676"]);
    await settled(registered);
    expect(registered.find(({ name }) => name === "queue-2")?.inputs).toMatchObject({
      hostname: "queue-2",
      user: "5672:5672",
      memory: 512,
      ports: [
        { internal: 5672, external: 5675 },
        { internal: 15_672, external: 15_675 },
        { internal: 15_692, external: 19_001 },
      ],
      volumes: [
        { volumeName: "dockyard-unit-queue-2-data", containerPath: "/var/lib/rabbitmq" },
        { volumeName: "dockyard-unit-queue-2-config", containerPath: "/etc/rabbitmq/node", readOnly: true },
      ],
      healthcheck: { interval: "30s", startPeriod: "2m0s" },
      destroyGraceSeconds: 60,
    });
  });

  it("hands secrets over by standard input, as secrets", () => {
    for (const name of ["queue-1-config", "queue-definitions"]) {
      const { inputs } = registered.find((resource) => resource.name === name && resource.type === "command:local:Command") ?? {
        inputs: {},
      };
      const { stdin, create } = inputs as { stdin: string | { value: string }; create: string };
      // A secret is wrapped on its way to the engine.
      expect(stdin, name).toBeTypeOf("object");
      expect(create, name).not.toMatch(/generated-queue|given-password/);
    }
  });

  it("tells its users' passwords as secrets, and no others", async () => {
    const told = cluster.password("given");
    expect(await pulumi.isSecret(told)).toBe(true);
    expect(await new Promise((resolve) => told.apply(resolve))).toBe("given-password");
    expect(await new Promise((resolve) => cluster.password("orders").apply(resolve))).toBe("generated-queue-orders-password");
    for (const user of ["dockyard", "guest"])
      expect(() => cluster.password(user)).toThrow(
        `queue.users: must have it before it is asked for; there are orders, given, got "${user}"`,
      );
  });

  it("changes nothing that a broker starts with when it grows", async () => {
    const grown = recordResources();
    new RabbitmqCluster("queue", { network: emptyNetwork({ queue: "10.89.0.31" }), brokers: 5, prometheusPort: 19_000 });
    await settled(grown);
    const container = (resources: typeof grown) => resources.find(({ name }) => name === "queue-2")?.inputs;
    expect(container(grown)).toEqual(container(registered));
  });
});
