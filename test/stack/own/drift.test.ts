import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatewayReload } from "../../../components/nginx-upsync-gateway/nginx-command";
import { imageReference } from "../../../components/core/images";
import { npmRun } from "../support/commands";
import { containersOf, docker, eventsDuring } from "../support/engine";
import { get, until } from "../support/load";
import { TestStack, freePorts } from "../support/test-stack";

let stack: TestStack;
let temporary: string;
let gateway: string;
let consul: string;

beforeAll(async () => {
  const port = await freePorts(3);
  [gateway, consul] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port + 2}`];
  temporary = await mkdtemp(join(tmpdir(), "test-drift-"));
  stack = await TestStack.create("test-drift", { port }, "test/stack/programs/drift/program.cjs");
  await stack.up();
});

afterAll(async () => {
  await stack.remove();
  await rm(temporary, { recursive: true, force: true });
});

/** What `npm run drift` lists, as `kind name: how it differs`, without the stack's own name; its exit code is checked to say the same. */
async function drift(): Promise<string[]> {
  const { code, stdout, all } = await npmRun(stack, "drift", "--json");
  expect(all).not.toMatch(SECRET);
  const listed = JSON.parse(stdout.split("\n").pop() ?? "") as { kind: string; name: string; differs: string }[];
  expect(code, all).toBe(listed.length === 0 ? 0 : 2);
  return listed.map(({ kind, name, differs }) => `${kind} ${name}: ${differs}`.replaceAll(`${stack.label}-`, ""));
}

/** What the program and somebody else wrote into a file with a secret. */
const SECRET = /a-secret-of/;

/** Runs `up`, which has to go through, and returns what happened to the containers of nodes meanwhile. */
/** Without the preview before it, which no case but one is about. */
async function up(...options: string[]): Promise<string[]> {
  return eventsDuring(stack.label, async () => {
    const { code, all } = await npmRun(stack, "up", "--skip-preview", ...options);
    expect(code, all).toBe(0);
  });
}

async function ids(): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(await containersOf(stack.label)).map(([node, { Id }]) => [node, Id]));
}

async function answers(): Promise<void> {
  expect((await get(`${gateway}/goods/1`)).status).toBe(200);
}

/** Edits a file of a node's configuration, as somebody with root on the host. */
async function edit(node: string, script: string): Promise<void> {
  const volume = stack.container(`${node}-config`);
  await docker(
    "run",
    "--rm",
    "--user",
    "0:0",
    "--volume",
    `${volume}:/config`,
    imageReference("shop"),
    "sh",
    "-c",
    `cd /config/current && ${script}`,
  );
}

/** Deletes a volume's folder from below the engine, as somebody with root on the host. */
async function deleteFolder(volume: string): Promise<void> {
  const root = await docker("info", "--format", "{{.DockerRootDir}}");
  const mount = `${root}/volumes:/volumes`;
  await docker("run", "--rm", "--user", "0:0", "--volume", mount, imageReference("shop"), "rm", "-r", `/volumes/${volume}`);
}

/** What the gateway calls itself: its configuration has it leave its version out. */
async function server(): Promise<string> {
  return String((await get(`${gateway}/nowhere`)).headers.server);
}

const KEY = "upstreams/goods/10.142.0.41:8000";
const DECLARED = '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}';
const BY_HAND = '{"weight":99}';

describe("npm run drift", () => {
  it("lists nothing of a stack that is as its last up left it, and touches nothing", async () => {
    let listed: string[] = [];
    const events = await eventsDuring(stack.label, async () => (listed = await drift()));
    expect(listed).toEqual([]);
    expect(events).toEqual([]);
  });

  it("lists exactly what was changed by hand, and up puts exactly that back", async () => {
    const before = await ids();
    await docker("kill", stack.container("cache-sentinel-2"));
    await docker("rm", "--force", stack.container("goods-2"));
    await docker("update", "--memory", "300m", "--memory-swap", "300m", stack.container("gateway-1"));
    await docker("update", "--pids-limit", "99", stack.container("discovery-1"));
    await docker("network", "connect", "bridge", stack.container("discovery-1"));
    await get(`${consul}/v1/kv/${KEY}`, { method: "PUT", body: BY_HAND });
    await get(`${consul}/v1/kv/upstreams/legacy/10.142.0.99:8080`, { method: "DELETE" });
    await edit("goods-1", `chmod u+w token && echo a-secret-of-somebody > token && chmod u-w token`);
    await edit("gateway-1", `sed -i 's/server_tokens off;/server_tokens on;/' nginx.conf && touch mine`);
    await docker("exec", stack.container("gateway-1"), ...gatewayReload());
    await until("the gateway has taken the edit up", async () => (await server()).includes("nginx/1"));
    expect(await drift()).toEqual([
      "container cache-sentinel-2: is exited",
      "container goods-2: is missing",
      "settings discovery-1: it is on the network bridge as well",
      "settings discovery-1: limit on processes is 99 instead of 512",
      "settings gateway-1: memory and swap is 300 MiB instead of 1024 MiB",
      "settings gateway-1: memory is 300 MiB instead of 1024 MiB",
      "configuration gateway-1-config: mine is not the stack's",
      "configuration gateway-1-config: nginx.conf was edited",
      "configuration goods-1-config: token was edited",
      `key ${KEY}: is ${BY_HAND} instead of ${DECLARED}`,
      "key upstreams/legacy/10.142.0.99:8080: is missing",
    ]);
    expect(await up()).toEqual(["start cache-sentinel-2", "create goods-2", "start goods-2"]);
    const after = await ids();
    expect(Object.keys(after).filter((node) => after[node] !== before[node])).toEqual(["goods-2"]);
    expect((await get(`${consul}/v1/kv/${KEY}?raw`)).body).toBe(DECLARED);
    expect(await server()).toBe("nginx");
    expect(await docker("exec", stack.container("goods-1"), "cat", "/run/secrets/current/token")).toBe("a-secret-of-the-program");
    expect(await drift()).toEqual([]);
    expect(await stack.preview()).toEqual([]);
    await answers();
  });

  it("has up put edited configurations of several nodes back one at a time, each when the node before is whole", async () => {
    const script = "chmod u+w token && echo a-secret-of-somebody > token && chmod u-w token";
    for (const node of ["goods-1", "goods-2"]) await edit(node, script);
    expect(await drift()).toEqual(["goods-1", "goods-2"].map((node) => `configuration ${node}-config: token was edited`));
    const { code, all } = await npmRun(stack, "up");
    expect(code, all).toBe(0);
    expect(all.split("\n").filter((line) => /^(Putting|Waiting)/.test(line))).toEqual(
      ["goods-1", "goods-2"].flatMap((node) => [
        `Putting back the configuration ${node}-config: token was edited.`,
        `Waiting for the node of the configuration ${node}-config to be whole.`,
      ]),
    );
    expect(await drift()).toEqual([]);
  });

  it("lists a network that is gone, and up connects its nodes again as they are", async () => {
    const before = await ids();
    const network = stack.container("services");
    // One that is stopped cannot start before it has its network back.
    await docker("kill", stack.container("goods-1"));
    for (const node of Object.keys(before))
      await docker("network", "disconnect", "--force", network, stack.container(node)).catch(() => "");
    await docker("network", "rm", network);
    expect(await drift()).toEqual(["network services: is missing", "container goods-1: is exited"]);
    expect(await up()).toEqual(["start goods-1"]);
    expect(await ids()).toEqual(before);
    expect(await drift()).toEqual([]);
    await until("the gateway reaches the instances again", async () => (await get(`${gateway}/goods/1`)).status === 200);
  });

  it("names a volume that is gone as data loss, and up refuses to make it anew until it is told so", async () => {
    const [volume, before] = [stack.container("goods-2-data"), await ids()];
    await deleteFolder(volume);
    const differs = `was deleted while ${stack.container("goods-2")} runs: DATA LOSS, what that still has open of it goes with its end`;
    expect(await drift()).toEqual([`volume goods-2-data: ${differs}`.replaceAll(`${stack.label}-`, "")]);
    const warned = await npmRun(stack, "up");
    expect(warned.code).toBe(1);
    expect(warned.all).toContain(`The data volume ${volume} ${differs}.`);
    expect(await ids()).toEqual(before);
    await docker("rm", "--force", stack.container("goods-2"));
    await docker("volume", "rm", volume);
    expect(await drift()).toEqual([
      "volume goods-2-data: is missing: DATA LOSS, all that was in it is gone",
      "container goods-2: is missing",
    ]);
    const refused = await npmRun(stack, "up");
    expect(refused.code).toBe(1);
    expect(refused.all).toContain(`The data volume ${volume} is gone: DATA LOSS, unless it is brought back.`);
    expect(refused.all).toContain(`--accept-loss ${volume}`);
    expect(await docker("volume", "ls", "--quiet", "--filter", `name=${volume}`)).toBe("");
    expect(await up("--accept-loss", volume)).toEqual(["create goods-2", "start goods-2"]);
    const { "goods-2": _, ...others } = await ids();
    expect(before).toMatchObject(others);
    expect(await drift()).toEqual([]);
  });

  it("is followed by a refresh that finds what is missing and does not end on it, and status tells how far the up behind it is", async () => {
    await docker("rm", "--force", stack.container("goods-2"), stack.container("cache-2"));
    await docker("volume", "rm", stack.container("cache-2-config"));
    await stack.refresh();
    await stack.configure({ environment: { CHANGED: "1" } });
    let ended = false;
    const rolled = up().finally(() => (ended = true));
    const seen: string[] = [];
    while (!ended) seen.push((await npmRun(stack, "status")).all);
    expect((await rolled).filter((event) => event.startsWith("create")).sort()).toEqual(
      ["cache-2", "goods-1", "goods-2"].map((node) => `create ${node}`),
    );
    expect(seen.join("\n")).toMatch(/A run changes the stack for \d+s\.\n(.*\n)*goods: goods-\d \S+.*, \d of 2 done/);
    expect((await npmRun(stack, "status")).all).not.toContain("A run changes the stack");
    expect(await stack.preview()).toEqual([]);
  });
});

/** Waits until every node is healthy, and returns what `npm run status` says then. */
async function isWhole(): Promise<string> {
  let said = "";
  await until("every node is healthy", async () => {
    const { code, all } = await npmRun(stack, "status");
    said = all;
    // One that starts is not ill.
    return code === 0 && !all.includes(" starting ");
  });
  return said;
}

describe("npm run status", () => {
  it("tells the roles of nodes and how far they are behind in their software's own words, also where one does not answer", async () => {
    const whole = await isWhole();
    expect(whole).toMatch(/^cache-\d +healthy +primary +10\.142/m);
    expect(whole).toMatch(/^cache-\d +healthy +replica +\d+ B +10\.142/m);
    await docker("pause", stack.container("goods-2"));
    try {
      const { all, code } = await npmRun(stack, "status");
      expect(code, all).toBe(1);
      const line = (node: string) => all.split("\n").find((each) => each.startsWith(node)) ?? "";
      expect(line("discovery-1")).toMatch(/healthy +leader/);
      expect(line("goods-2")).toMatch(/paused \(0\)/);
      expect(line("goods-1")).toMatch(/healthy +10\.142\.0\.41/);
      for (const each of all.split("\n")) expect(each.length, each).toBeLessThanOrEqual(100);
    } finally {
      await docker("unpause", stack.container("goods-2"));
    }
  });
});

describe("npm run topology", () => {
  it("draws the running stack, and the same stack again to the byte", async () => {
    const drawn = async (folder: string) => {
      const { code, all } = await npmRun(stack, "topology", "--out", join(temporary, folder));
      expect(code, all).toBe(0);
      return Promise.all(["topology.svg", "topology.mmd"].map((file) => readFile(join(temporary, folder, file), "utf8")));
    };
    await isWhole();
    const [svg = "", mermaid = ""] = await drawn("first");
    expect(svg).toMatch(/10\.142\.0\.11\W.*leader, healthy/);
    expect(mermaid).toContain('system_gateway -- "requests" --> system_goods');
    expect(mermaid).toContain('system_gateway -- "requests" --> system_legacy');
    expect(await drawn("second")).toEqual([svg, mermaid]);
    await docker("pause", stack.container("goods-2"));
    try {
      const [pausedSvg, pausedMermaid] = await drawn("paused");
      expect(pausedSvg).toMatch(/10\.142\.0\.42\W.*paused/);
      expect(pausedMermaid).toContain("class node_goods_2 ill");
    } finally {
      await docker("unpause", stack.container("goods-2"));
    }
    await isWhole();
    expect(await drawn("third")).toEqual([svg, mermaid]);
  });
});
