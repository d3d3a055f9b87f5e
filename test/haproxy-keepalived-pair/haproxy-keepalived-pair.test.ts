import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import type { HaproxyKeepalivedPairArgs } from "../../components/haproxy-keepalived-pair/args";
import { HaproxyKeepalivedPair } from "../../components/haproxy-keepalived-pair/haproxy-keepalived-pair";
import { emptyNetwork, recordResources, settled } from "../mocks";
import { PLAIN_HAPROXY } from "./settings";

const registered = recordResources();
const network = emptyNetwork({ queue: "10.89.0.111", next: "10.89.0.100" });

/** A secret is wrapped on its way to the engine. */
const plain = (input: unknown) => (input as { value: string }).value;

describe("a pair", () => {
  it("has its addresses, logins and pages ready before anything runs", () => {
    const pair = new HaproxyKeepalivedPair("queue", {
      network,
      haproxy: { listens: { rabbitmq: { ...PLAIN_HAPROXY.listens!.rabbitmq!, publishedPort: 15_600 } } },
      keepalived: {
        instances: { queue: { addresses: ["10.89.0.100", "10.89.0.101"], version: 2, password: pulumi.secret("8letters") } },
        files: { told: "#!/bin/sh\n" },
      },
    });
    expect(String(pair.endpoints.rabbitmq)).toBe("10.89.0.100:5600");
    expect(pair.virtualAddresses).toEqual(["10.89.0.100", "10.89.0.101"]);
    expect(pair.published.rabbitmq?.map(String)).toEqual(["127.0.0.1:15600", "127.0.0.1:15601"]);
    expect(pair.stats).toEqual(["http://127.0.0.1:8100/haproxy", "http://127.0.0.1:8101/haproxy"]);
    expect(pair.metrics).toEqual(["http://10.89.0.111:8100/metrics", "http://10.89.0.112:8100/metrics"]);
    expect(pair.statsLogin.user).toBe("admin");
  });

  it("refuses what is misspelt in a check, a balance, a log and an address, which would be left out", () => {
    const listen = PLAIN_HAPROXY.listens!.rabbitmq!;
    const faulty = {
      network,
      haproxy: {
        defaults: { log: "al" },
        listens: {
          a: { ...listen, balance: "leastcon", check: { typ: "http" } },
          b: { ...listen, check: { type: "http", pth: "/", expect: { stats: "200" } } },
        },
      },
      keepalived: { instances: { queue: { addresses: [{ address: "10.89.0.100", prefx: 24 }] } } },
    } as unknown as HaproxyKeepalivedPairArgs;
    expect(() => new HaproxyKeepalivedPair("queue", faulty)).toThrow(
      new RegExp(
        [
          'queue.haproxy.defaults.log: must be one of all, errors, none, got "al"',
          'queue.haproxy.listens.a.check.type: must be one of tcp, http, got ""',
          'queue.haproxy.listens.a.balance: must be one of roundrobin, .*, got "leastcon"',
          "queue.haproxy.listens.b.check.expect.stats: is not known; there are status, contains, matches.*",
          "queue.haproxy.listens.b.check.pth: is not known; there are type, method, path, host, expect.*",
          "queue.keepalived.instances.queue.addresses\\[0\\]: must be an address, or an object .*",
        ]
          .map((line) => `(?=[^]*^${line}$)`)
          .join(""),
        "m",
      ),
    );
  });

  it("keeps its addresses from others that come later", () => {
    expect(() => network.addressesOf("next", 1)).toThrow("must be its own, but queue, as an address that moves, has it");
  });

  it("runs containers that may do what VRRP needs and nothing more", async () => {
    await settled(registered);
    const inputs = (name: string) => registered.find((resource) => resource.name === name)?.inputs ?? {};
    expect(inputs("queue-2")).toMatchObject({
      command: ["/opt/pair/init"],
      user: "0:0",
      readOnly: true,
      securityOpts: ["no-new-privileges:true"],
      capabilities: { drops: ["ALL"], adds: ["CAP_KILL", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_NICE"] },
      sysctls: { "net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2" },
      networksAdvanced: [{ name: "dockyard-unit-services", ipv4Address: "10.89.0.112", aliases: ["queue-2"] }],
      ports: [
        { internal: 5600, external: 15_601, ip: "127.0.0.1", protocol: "tcp" },
        { internal: 8100, external: 8101, ip: "127.0.0.1", protocol: "tcp" },
      ],
      volumes: [
        { volumeName: "dockyard-unit-queue-2-haproxy", containerPath: "/etc/pair/haproxy", readOnly: true },
        { volumeName: "dockyard-unit-queue-2-keepalived", containerPath: "/etc/pair/keepalived", readOnly: true },
      ],
      destroyGraceSeconds: 15,
    });
  });

  it("hands out the passwords as secrets, by standard input, to who needs them alone", () => {
    const command = (name: string) => registered.find((each) => each.name === name && each.type === "command:local:Command")?.inputs ?? {};
    for (const node of ["queue-1", "queue-2"]) {
      const [haproxy, keepalived] = [command(`${node}-haproxy`), command(`${node}-keepalived`)];
      for (const { stdin } of [haproxy, keepalived]) expect(stdin).toBeTypeOf("object");
      expect(plain(haproxy.stdin)).toContain("user admin insecure-password generated-queue-stats-password\n");
      expect(plain(haproxy.stdin)).toMatch(/chmod 0400 \S+stats-users\.cfg/);
      expect(plain(haproxy.stdin)).toContain("chown -R 810:810");
      expect(plain(haproxy.stdin)).not.toContain("8letters");
      expect(plain(keepalived.stdin)).toContain("auth_pass 8letters\n");
      expect(plain(keepalived.stdin)).toMatch(/chmod 0400 \S+keepalived\.conf/);
      expect(plain(keepalived.stdin)).toMatch(/chmod 0555 \S+files\/told/);
      expect(plain(keepalived.stdin)).not.toContain("generated-queue");
      expect(haproxy.create).toContain(`docker exec --user 810:810 dockyard-unit-${node} haproxy -c -f`);
      expect(keepalived.create).toContain(`docker exec dockyard-unit-${node} keepalived --config-test`);
    }
  });
});
