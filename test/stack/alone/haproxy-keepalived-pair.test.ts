import { Agent } from "node:http";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderHaproxyCfg, renderStatsUsers } from "../../../components/haproxy-keepalived-pair/haproxy-cfg";
import { renderKeepalivedConf } from "../../../components/haproxy-keepalived-pair/keepalived-conf";
import { haproxyCheck, keepalivedCheck } from "../../../components/haproxy-keepalived-pair/pair-command";
import { imageReference } from "../../../components/core/images";
import { fullHaproxy, fullKeepalived } from "../../haproxy-keepalived-pair/settings";
import { pause, containersOf, docker } from "../support/engine";
import { ArpAsker } from "../support/arp-asker";
import { KeptConnection } from "../support/kept-connection";
import { LoadResult, get, underLoad, until } from "../support/load";
import { MovingAddress, heldTwice } from "../support/moving-address";
import { Prober } from "../support/prober";
import { TestStack, freePorts } from "../support/test-stack";

const VIP = "10.192.0.100";
const NODES = ["proxy-1", "proxy-2"];
const WEB = `http://${VIP}:8080/`;
const PORTS = [8080, 5600];
/** What HAProxy has for its connections by default, and a container's own end; milliseconds. */
const DRAIN = 5000;
const END = 3000;
const PAIR = { weights: [1, 1], lines: [] as string[], environment: {}, memoryMiB: 256 };

let stack: TestStack;
let address: MovingAddress;
let prober: Prober;
let pair: typeof PAIR & { statsPort: number };

beforeAll(async () => {
  pair = { ...PAIR, statsPort: await freePorts(2) };
  const addresses = { proxy: "10.192.0.11", web: "10.192.0.41" };
  stack = await TestStack.create(
    "test-proxy",
    { network: { subnet: "10.192.0.0/24", addresses, virtualAddress: VIP }, pair },
    "test/stack/programs/haproxy-keepalived-pair/program.cjs",
  );
  await stack.up();
  address = new MovingAddress(stack, NODES, VIP);
  prober = await Prober.start(stack.label, stack.container("services"), VIP, 5600);
});

afterAll(async () => {
  await stack.remove();
});

async function ids(): Promise<(string | undefined)[]> {
  const containers = await containersOf(stack.label);
  return NODES.map((node) => containers[node]?.Id);
}

/** Runs a check of the image as the component's configuration does, on files that it is given. */
async function checkIn(image: string, files: Record<string, string>, check: readonly string[], user: string) {
  const write = Object.entries(files).map(([file, content]) => `printf %s '${content.replaceAll("'", `'\\''`)}' > /tmp/conf/${file}`);
  const script = ["mkdir -p /tmp/conf", ...write, 'exec "$@"'].join("\n");
  return execa("docker", ["run", "--rm", "--network", "none", "--user", user, image, "sh", "-c", script, "sh", ...check], {
    reject: false,
    all: true,
  });
}

describe("the image", () => {
  const image = imageReference("haproxy-keepalived");

  it("has an HAProxy that understands all that can be said, and refuses what it does not", async () => {
    const files = { "haproxy.cfg": renderHaproxyCfg(fullHaproxy(), 1), "stats-users.cfg": renderStatsUsers({ user: "ops" }, ["secret"]) };
    expect(await checkIn(image, files, haproxyCheck("/tmp/conf"), "810:810")).toMatchObject({ exitCode: 0 });
    const wrong = { ...files, "haproxy.cfg": `${files["haproxy.cfg"]}    nonsense\n` };
    expect(await checkIn(image, wrong, haproxyCheck("/tmp/conf"), "810:810")).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining("unknown keyword 'nonsense'"),
    });
  });

  it("has a keepalived that understands all that can be said, of both versions and of LVS, and refuses what it does not", async () => {
    const conf = renderKeepalivedConf(fullKeepalived(), { index: 0, addresses: ["10.89.0.111", "10.89.0.112"] }, { old: "8letters" });
    // Programs of the component's are not there, and keepalived looks whether what it calls can be run.
    const runnable = { "keepalived.conf": conf.replaceAll(/\/etc\/pair\/keepalived\/current\/files\/\w+/g, "/usr/bin/test") };
    const wrong = { ...runnable, "keepalived.conf": runnable["keepalived.conf"].replace("lb_algo lblc", "lb_algo nonsense") };
    expect(await checkIn(image, wrong, keepalivedCheck("/tmp/conf"), "0:0")).toMatchObject({
      exitCode: 5,
      all: expect.stringContaining("Invalid lvs_scheduler 'nonsense'"),
    });
  });
});

describe("a pair that runs", () => {
  it("answers on the address that moves, for containers and for the host, and has nothing to change", async () => {
    const { endpoints } = await stack.outputs<{ endpoints: Record<string, string> }>();
    expect(endpoints).toEqual({ queue: `${VIP}:5600`, web: `${VIP}:8080` });
    const instances = await Promise.all(Array.from({ length: 10 }, async () => (await get(WEB)).headers["x-instance"]));
    expect(new Set(instances)).toEqual(new Set(["web-1", "web-2"]));
    expect(await stack.preview()).toEqual([]);
  });

  it("shows its statistics to who has the generated login, and its figures to Prometheus", async () => {
    const outputs = JSON.parse(await stack.pulumi("stack", "output", "--json", "--show-secrets", "--stack", stack.name)) as {
      stats: string[];
      metrics: string[];
      user: string;
      password: string;
    };
    expect(outputs.password).toMatch(/^[A-Za-z0-9]{24}$/);
    for (const [index, page] of outputs.stats.entries()) {
      expect((await get(page)).status).toBe(401);
      const wrong = page.replace("://", `://${outputs.user}:wrong@`);
      expect((await get(wrong)).status).toBe(401);
      const { status, body } = await get(page.replace("://", `://${outputs.user}:${outputs.password}@`));
      expect(status).toBe(200);
      expect(body).toContain("web-2");
      const metrics = await get(outputs.metrics[index] ?? "");
      expect(metrics.body).toMatch(/^haproxy_server_status\{proxy="queue",server="web-1",state="UP"\} 1$/m);
    }
    expect((await stack.outputs<{ password: string }>()).password).toBe("[secret]");
    const containers = (await docker("ps", "--all", "--quiet", "--filter", `label=dockyard.stack=${stack.label}`)).split("\n");
    for (const text of [await stack.storedState(), await docker("inspect", ...containers)]) expect(text).not.toContain(outputs.password);
    const file = "/etc/pair/haproxy/current/stats-users.cfg";
    expect(await docker("exec", stack.container("proxy-1"), "stat", "-L", "--format", "%a %U", file)).toBe("400 haproxy");
  });

  it("takes both logins to its statistics while one takes the place of the other, and then the new one alone", async () => {
    const page = async (password: string) => (await get(statistics.replace("://", `://${user}:${password}@`))).status;
    const outputs = () => stack.secretOutputs<{ stats: string[]; user: string; password: string }>();
    const { stats: [statistics = ""], user, password: old } = await outputs(); // prettier-ignore
    await stack.up({ rotations: { "proxy-stats-password": "1 switch" } });
    const { password } = await outputs();
    expect(password).not.toBe(old);
    expect([await page(password), await page(old)]).toEqual([200, 200]);
    await stack.up({ rotations: { "proxy-stats-password": 1 } });
    expect([await page(password), await page(old)]).toEqual([200, 401]);
  });

  it("has no capabilities where it needs none, and those of VRRP where it does", async () => {
    const capabilities = async (name: string) => {
      const find = `for status in /proc/[0-9]*/status; do grep -q "^Name:.${name}$" $status && sed -n 's/^CapEff:.//p' $status; done | sort -u`;
      return (await docker("exec", stack.container("proxy-1"), "sh", "-c", find)).split("\n");
    };
    expect(await capabilities("haproxy")).toEqual(["0000000000000000"]);
    // kill, setgid, setuid, net_admin, net_raw, sys_nice
    expect(await capabilities("keepalived")).toEqual(["00000000008030e0"]);
  });
});

describe("a pair of which something dies", () => {
  it.each([
    ["kill", 250],
    ["pause", 250],
    // The check asks every 2 s.
    ["haproxy", 2250],
  ] as const)("is silent for a moment only: %s", async (kind, bound) => {
    for (let round = 0; round < 3; round++) {
      const silence = await address.harm(kind, prober);
      expect(silence, `round ${round + 1}`).toBeLessThanOrEqual(bound);
    }
  });

  it("never has two holders once a paused one is back for a second", async () => {
    const holder = await address.settled();
    let back = Infinity;
    const samples = await address.sampled(async () => {
      await pause(stack.container(holder));
      await until("the other has it", async () => (await address.holders()).includes(address.other(holder)));
      await docker("unpause", stack.container(holder));
      back = Date.now();
      await new Promise((resolve) => setTimeout(resolve, 3000));
    });
    // While it was paused both had it: the samples do see that.
    expect(heldTwice(samples.filter(({ at }) => at < back)).length).toBeGreaterThan(0);
    expect(heldTwice(samples, back + 1000)).toEqual([]);
    const late = samples.filter(({ at }) => at >= back + 1000);
    expect(late.length).toBeGreaterThan(40);
    expect(late.filter(({ holders }) => holders.length !== 1)).toEqual([]);
    await address.settled();
  });

  it("gives the address up where HAProxy stays dead, and takes part again when it lives", async () => {
    const holder = await address.settled();
    const container = stack.container(holder);
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    // Every time that it lives again it is killed again.
    await docker(
      "exec",
      "--detach",
      "--user",
      "haproxy",
      container,
      "sh",
      "-c",
      'until [ -e /tmp/enough ]; do pid=$(s6-svstat -o pid /run/service/haproxy); [ "$pid" = -1 ] || kill -s KILL -- -$pid; sleep 0.02; done',
    );
    await until("the other has the address", async () => (await address.holders()).join() === address.other(holder), 10_000);
    expect((await get(WEB)).status).toBe(200);
    await docker("exec", "--user", "haproxy", container, "touch", "/tmp/enough");
    expect(await address.settled()).toBe(address.other(holder));
    await docker("exec", "--user", "haproxy", container, "rm", "/tmp/enough");
  });

  it("does not move the address because the machine is busy", async () => {
    const holder = await address.settled();
    const loops = Array.from({ length: 4 }, () => execa("sh", ["-c", "while :; do :; done"], { reject: false }));
    try {
      const samples = await address.sampled(() => new Promise((resolve) => setTimeout(resolve, 20_000)));
      expect(new Set(samples.map(({ holders }) => holders.join()))).toEqual(new Set([holder]));
    } finally {
      for (const loop of loops) loop.kill("SIGKILL");
      await Promise.all(loops);
    }
  });
});

describe("a pair whose node leaves", () => {
  const slowly = () =>
    Promise.all(PORTS.map(async (port) => (await get(`http://${VIP}:${port}/slow`)).body).map((body) => body.catch(String)));
  /** Connections that have been answered once, in HTTP and in TCP mode, and one over which nothing has gone. */
  const keep = async () => {
    const connections = await Promise.all([...PORTS, 5600].map((port) => KeptConnection.open(VIP, port)));
    for (const connection of connections.slice(0, 2)) connection.ask();
    await until("both are answered", async () => connections.filter(({ answers }) => answers === 1).length === 2);
    return connections;
  };

  it("gives whole answers to what is on its way, and then tells every client that its connection has ended", async () => {
    const holder = await address.settled();
    const connections = await keep();
    const answers = slowly().then((bodies) => ({ bodies, at: Date.now() }));
    const since = Date.now();
    const stopped = docker("stop", stack.container(holder));
    await until("the other has the address", async () => (await address.holders()).join() === address.other(holder));
    const moved = Date.now();
    // A session that goes on finds its node.
    connections[1]?.ask();
    const { bodies, at } = await answers;
    expect(bodies).toEqual(PORTS.map(() => `${"part ".repeat(7)}end`));
    expect(at).toBeGreaterThan(moved);
    expect(connections[1]?.answers).toBe(2);
    await stopped;
    await until("all are told", async () => connections.every(({ endedAt }) => endedAt !== undefined), 1000);
    for (const { endedAt = Infinity } of connections) expect(endedAt - since).toBeLessThan(DRAIN + END);
    await docker("start", stack.container(holder));
    await address.settled();
  });

  it("cannot where it is killed, and tells nobody where it stands still", async () => {
    const killed = await address.settled();
    const answers = slowly();
    await docker("kill", stack.container(killed));
    for (const body of await answers) expect(body).toMatch(/^Error: /);
    await docker("start", stack.container(killed));
    const paused = await address.settled();
    const connections = await keep();
    await pause(stack.container(paused));
    try {
      await new Promise((resolve) => setTimeout(resolve, DRAIN + END));
      expect(connections.map(({ endedAt }) => endedAt)).toEqual([undefined, undefined, undefined]);
    } finally {
      await docker("unpause", stack.container(paused));
    }
    for (const connection of connections) connection.close();
    await address.settled();
  });

  it("is not found under the address any more from the moment at which the other one is", async () => {
    const holder = await address.settled();
    const other = stack.container(address.other(holder));
    const asker = await ArpAsker.start(stack.label, stack.container("services"), VIP);
    const answering = async (since: number) => (await asker.answers(since)).map(({ mac }) => mac);
    const connection = await KeptConnection.open(VIP, 5600);
    try {
      // Of two that have it both answer.
      await docker("exec", other, "ip", "address", "add", `${VIP}/32`, "dev", "eth0");
      await until("both answer", async () => new Set(await answering(0)).size === 2);
      await docker("exec", other, "ip", "address", "del", `${VIP}/32`, "dev", "eth0");
      const since = Date.now() + 100;
      await until("one answers", async () => (await answering(since)).length > 10);
      await docker("stop", stack.container(holder));
      const answers = await answering(since);
      const inTurn = answers.filter((mac, index) => mac !== answers[index - 1]);
      expect(inTurn).toHaveLength(2);
      // The connection has the node drain for all its time.
      expect(answers.filter((mac) => mac === inTurn[1]).length).toBeGreaterThan(100);
    } finally {
      connection.close();
      await asker.stop();
    }
    await docker("start", stack.container(holder));
    await address.settled();
  });
});

describe("a pair that changes", () => {
  it("takes a weight up without replacing a container or losing a connection or a request", async () => {
    const before = await ids();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const throughTcp = async () => (await get(`http://${VIP}:5600/`, { agent })).headers["x-instance"];
    const instance = await throughTcp();
    const kept = new Set<unknown>();
    const { sent, failures, byInstance } = await underLoad([WEB, `http://${VIP}:5600/`], 200, async () => {
      let changing = true;
      const asking = (async () => {
        while (changing) {
          kept.add(await throughTcp());
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      })();
      await stack.up({ pair: { ...pair, weights: instance === "web-1" ? [0, 1] : [1, 0] } }).finally(() => (changing = false));
      await asking;
    });
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(200);
    expect(Object.keys(byInstance).sort()).toEqual(["web-1", "web-2"]);
    expect(await ids()).toEqual(before);
    // A connection from before goes on where it was, and a new one goes by the new weights.
    expect(kept).toEqual(new Set([instance]));
    const fresh = await Promise.all(Array.from({ length: 6 }, async () => (await get(WEB)).headers["x-instance"]));
    expect(new Set(fresh)).toEqual(new Set([instance === "web-1" ? "web-2" : "web-1"]));
    agent.destroy();
    expect(await stack.preview()).toEqual([]);
  });

  it("keeps what runs where HAProxy refuses the new file, and says why in HAProxy's words", async () => {
    const before = await ids();
    const { failures } = await underLoad([WEB], 100, async () => {
      const said = await stack.up({ pair: { ...pair, lines: ["tcp-request connection nonsense"] } }).then(() => "it went through", String);
      expect(said).toContain("the configuration was refused and the old one stays");
      expect(said).toMatch(/'tcp-request connection' expects .*/);
    });
    expect(failures).toEqual([]);
    expect(await ids()).toEqual(before);
    await stack.reset();
    await stack.up();
    expect(await stack.preview()).toEqual([]);
  });

  it("takes a changed election up without moving the address", async () => {
    const [before, holder] = [await ids(), await address.settled()];
    const since = Date.now();
    const samples = await address.sampled(() => stack.up({ pair: { ...pair, advertSeconds: 0.1 } }));
    expect(new Set(samples.map(({ holders }) => holders.join()))).toEqual(new Set([holder]));
    expect(await prober.longestSilence(since)).toBe(0);
    expect(await ids()).toEqual(before);
    await stack.reset();
    await stack.up();
  });

  it("rolls node by node, the address goes first, and no request over a connection that is kept fails", async () => {
    const before = await ids();
    const since = Date.now();
    const change = () => stack.up({ pair: { ...pair, environment: { CHANGED: "1" }, memoryMiB: 192 } });
    let load: LoadResult | undefined;
    const samples = await address.sampled(async () => (load = await underLoad([WEB], 100, change)));
    const after = await ids();
    expect(load?.failures).toEqual([]);
    expect(load?.sent).toBeGreaterThan(500);
    expect(after.every((id, index) => id !== undefined && id !== before[index])).toBe(true);
    expect(await prober.longestSilence(since)).toBeLessThanOrEqual(100);
    expect(heldTwice(samples)).toEqual([]);
    expect(await stack.preview()).toEqual([]);
  });

  it("does not begin a roll while the other node is not healthy", async () => {
    const holder = await address.settled();
    const other = address.other(holder);
    await pause(stack.container(other));
    try {
      const before = await ids();
      const said = await stack.refusedUp({ pair: { ...pair, environment: { CHANGED: "2" } } });
      expect(said).toContain("cannot be spared now: none of the others is healthy");
      expect(await ids()).toEqual(before);
      expect((await get(WEB)).status).toBe(200);
    } finally {
      await docker("unpause", stack.container(other));
    }
    await stack.reset();
    await stack.up();
  });

  it("leaves nothing behind", async () => {
    await prober.stop();
    await stack.destroy();
    for (const list of [
      ["ps", "--all"],
      ["volume", "ls"],
      ["network", "ls"],
    ])
      expect(await docker(...list, "--quiet", "--filter", `label=dockyard.stack=${stack.label}`)).toBe("");
  });
});
