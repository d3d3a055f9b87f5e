import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestHosts } from "../support/hosts";
import { until } from "../support/load";
import { TestStack } from "../support/test-stack";

const ADDRESSES = { discovery: "10.188.0.21", gateway: "10.188.0.10", goods: "10.188.0.41" };

let machines: TestHosts;
let stack: TestStack;

beforeAll(async () => {
  machines = await TestHosts.start(2);
  stack = await TestStack.create(
    "test-hosts",
    {
      network: { subnet: "10.188.0.0/24", addresses: ADDRESSES },
      engines: machines.hosts.map(({ address }) => address),
      goods: { environment: { LOG: "1" } },
    },
    "test/stack/programs/several-hosts/program.cjs",
  );
  await stack.up();
});

afterAll(async () => {
  await machines.stop();
  await stack.remove();
});

/** Nodes that each host runs. */
async function nodes(): Promise<string[][]> {
  const names = await Promise.all(machines.hosts.map((host) => host.docker("ps", "--format", '{{.Label "dockyard.node"}}')));
  return names.map((lines) => lines.split("\n").filter(Boolean).sort());
}

/** Asks the gateway on the first host from inside its container, as often as there may be instances to answer. */
async function answeredBy(): Promise<string[]> {
  const ask = ["curl", "--silent", "--show-error", "--fail", "--max-time", "5", "--dump-header", "-", "--output", "/dev/null"];
  const seen = new Set<string>();
  for (let n = 0; n < 6; n++) {
    const headers = await machines.hosts[0]?.docker("exec", stack.container("gateway-1"), ...ask, "http://127.0.0.1:8080/goods/1");
    seen.add(/^x-instance: (\S+)/im.exec(headers ?? "")?.[1] ?? "");
  }
  return [...seen].sort();
}

describe("a stack over two hosts", () => {
  it("spreads each component's nodes, with images that no registry has, and they reach each other", async () => {
    expect(await nodes()).toEqual([
      ["discovery-1", "discovery-3", "gateway-1", "goods-1"],
      ["discovery-2", "goods-2"],
    ]);
    expect(await answeredBy()).toEqual(["goods-1", "goods-2"]);
    const peers = await machines.hosts[1]?.docker("exec", stack.container("discovery-2"), "consul", "operator", "raft", "list-peers");
    expect(peers?.match(/ true /g)).toHaveLength(3);
    expect(await stack.preview()).toEqual([]);
  });

  it("rolls a change over both, one instance at a time", async () => {
    await stack.up({ goods: { environment: { LOG: "2" } } });
    expect(await answeredBy()).toEqual(["goods-1", "goods-2"]);
    expect(await stack.preview()).toEqual([]);
  });

  it("goes on while one host's nodes are gone, and takes them back", async () => {
    const second = machines.hosts[1];
    await second?.docker("stop", stack.container("discovery-2"), stack.container("goods-2"));
    expect(await answeredBy()).toEqual(["goods-1"]);
    await second?.docker("start", stack.container("discovery-2"), stack.container("goods-2"));
    await until("both answer again", async () => (await answeredBy()).length === 2);
  });

  it("is not changed while a host does not answer that has two of the three servers: preview refuses it and names the host", async () => {
    const [, second] = machines.hosts.map(({ address }) => address);
    const away = { engines: ["tcp://127.0.0.1:1", second], goods: { environment: { LOG: "3" } } };
    expect(await stack.refusal(away)).toMatch(
      /host-1\.engine: must answer, but does not: [^]*; bring the host back, got "tcp:\/\/127\.0\.0\.1:1"/,
    );
    expect(await answeredBy()).toEqual(["goods-1", "goods-2"]);
  });
});
