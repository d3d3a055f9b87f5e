import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { comparingContainer, configurationDifferences, renderComparison } from "../../../scripts/drift/configuration";
import { DeclaredConfiguration, DeclaredContainer, DeclaredKeys, declaredIn } from "../../../scripts/drift/declared";
import { deletedData, deletedMounts } from "../../../scripts/drift/deleted";
import { Difference, renderDifferences } from "../../../scripts/drift/difference";
import { exportedKeys, keyDifferences } from "../../../scripts/drift/keys";
import { LiveContainer, settingsDifferences } from "../../../scripts/drift/settings";
import { recordResources } from "../../mocks";
import { FAR, GOODS_KEYS, LOCAL, secret, stateOfGoods, urn } from "./state";

recordResources();

const { containers, configurations, registrations } = declaredIn(stateOfGoods(), [LOCAL, FAR]);
const [container, configuration, registration] = [containers[0], configurations[0], registrations[0]] as unknown as [
  DeclaredContainer,
  DeclaredConfiguration,
  DeclaredKeys,
];

describe("what a state declares", () => {
  it("is read off what the components wrote, secrets too", () => {
    expect([containers.length, configurations.length, registrations.length]).toEqual([1, 1, 1]);
    expect(container.settings).toMatchObject({ memory: 134_217_728, cpus: 500_000_000, pids: 77, restart: "unless-stopped" });
    expect(container.host).toBe(FAR);
    expect(configuration).toMatchObject({ name: "goods-1-config", volume: "shop-dev-goods-1-config", mountPath: "/etc/goods", host: FAR });
    expect(configuration.version).toMatch(/^[0-9a-f]{16}$/);
    expect(configuration.script).toContain("hush");
    expect(Object.fromEntries(registration.keys)).toEqual(GOODS_KEYS);
  });

  it("is nothing of a state whose secrets were not told", () => {
    const hidden = stateOfGoods().map(({ inputs, ...rest }) => ({
      ...rest,
      inputs: {
        ...inputs,
        ...(inputs?.stdin !== undefined && { stdin: { "4dabf18193072939515e22adb298388d": "1b47", ciphertext: "v1:" } }),
      },
    }));
    expect(declaredIn(hidden, [LOCAL, FAR]).configurations).toEqual([]);
  });
});

const NETWORKS = new Map([["shop-dev-services", "net1"]]);

function live(changes: { host?: object; name?: string; networks?: object; status?: string } = {}): LiveContainer {
  return {
    Id: "abc",
    Name: changes.name ?? "/shop-dev-goods-1",
    State: { Status: changes.status ?? "running" },
    Mounts: [],
    HostConfig: {
      ...{ Memory: 134_217_728, MemorySwap: 134_217_728, MemoryReservation: 0, NanoCpus: 500_000_000, CpuShares: 0, CpusetCpus: "" },
      ...{ PidsLimit: 77, RestartPolicy: { Name: "unless-stopped" } },
      ...changes.host,
    },
    NetworkSettings: {
      Networks: { "shop-dev-services": { NetworkID: "net1", IPAMConfig: { IPv4Address: "10.1.0.41" } }, ...changes.networks },
    },
  };
}

const NAME = "shop-dev-goods-1";
const DOCKER = ["docker", "-H", "ssh://far"];
const CONNECT = [...DOCKER, "network", "connect", "--ip", "10.1.0.41", "--alias", "goods-1", "shop-dev-services", "abc"];
const APART = "it is not connected to the network shop-dev-services as 10.1.0.41";

describe("a container's settings", () => {
  it("do not differ where nobody changed them", () => {
    expect(settingsDifferences(container, live(), NETWORKS)).toEqual([]);
  });

  it.each<[string, Parameters<typeof live>[0], string, string[][] | undefined]>([
    [
      "memory",
      { host: { Memory: 67_108_864 } },
      "memory is 64 MiB instead of 128 MiB",
      [[...DOCKER, "update", "--memory", "134217728", "--memory-swap", "134217728", "abc"]],
    ],
    ["CPUs", { host: { NanoCpus: 1e9 } }, "cpus is 1 instead of 0.5", [[...DOCKER, "update", "--cpus", "0.5", "abc"]]],
    [
      "processes",
      { host: { PidsLimit: null } },
      "limit on processes is 0 instead of 77",
      [[...DOCKER, "update", "--pids-limit", "77", "abc"]],
    ],
    [
      "restarts",
      { host: { RestartPolicy: { Name: "no" } } },
      "restart policy is no instead of unless-stopped",
      [[...DOCKER, "update", "--restart", "unless-stopped", "abc"]],
    ],
    ["its name", { name: "/mine" }, "it is called mine", [[...DOCKER, "rename", "abc", NAME]]],
    ["its network", { networks: { "shop-dev-services": undefined } }, APART, [CONNECT]],
    [
      "its address",
      { networks: { "shop-dev-services": { NetworkID: "net1", IPAMConfig: null } } },
      APART,
      [[...DOCKER, "network", "disconnect", "--force", "shop-dev-services", "abc"], CONNECT],
    ],
    [
      "another network",
      { networks: { bridge: { NetworkID: "net0", IPAMConfig: null } } },
      "it is on the network bridge as well",
      [[...DOCKER, "network", "disconnect", "bridge", "abc"]],
    ],
    ["what no engine takes back", { host: { CpusetCpus: "0" } }, "cpu set is 0 instead of any", undefined],
  ])("differ in %s", (_, changes, differs, commands) => {
    const found = settingsDifferences(container, live(changes), NETWORKS);
    const expected = { kind: "settings", host: "far", name: NAME, urn: urn("goods-1"), differs };
    expect(found).toEqual([commands === undefined ? expected : { ...expected, repair: { commands } }]);
  });

  it("are asked of one that is stopped only as far as it could not start, since it may have left its cluster", () => {
    const stopped = { status: "exited", host: { RestartPolicy: { Name: "no" } } };
    expect(settingsDifferences(container, live(stopped), NETWORKS)).toEqual([]);
    const apart = { ...stopped, networks: { "shop-dev-services": { NetworkID: "gone", IPAMConfig: null } } };
    expect(settingsDifferences(container, live(apart), NETWORKS).map(({ differs }) => differs)).toEqual([APART]);
    // A network that is gone is told once, and not by each of its nodes.
    expect(settingsDifferences(container, live(apart), new Map())).toEqual([]);
  });
});

describe("a deleted folder", () => {
  it("is told off what the kernel says of mounts", () => {
    const mountinfo = [
      "1121 1035 254:0 /var/lib/docker/volumes/a/_data//deleted /data rw,relatime master:1 - ext4 /dev/vda rw",
      "1122 1035 254:0 /var/lib/docker/volumes/b/_data /config rw,relatime master:1 - ext4 /dev/vda rw",
      "1123 1035 254:0 /var/lib/docker/volumes/c/_data//deleted /with\\040space rw - ext4 /dev/vda rw",
      "",
    ];
    expect(deletedMounts(mountinfo.join("\n"))).toEqual(["/data", "/with space"]);
  });

  it.each([
    ["is not denied of a container that does not answer", "cannot exec in a container of a hung engine", 1],
    ["is not asked of one that ends just now", "Error response from daemon: Container abc is not running", 0],
  ])("%s", async (_, said, unanswered) => {
    const host = { name: "local", docker: ["sh", "-c", `echo '${said}' >&2; exit 1`] as const };
    const mounted = { ...live(), Mounts: [{ Name: "shop-dev-goods-1-data", Destination: "/data" }] };
    const found = await deletedData(host, [{ declared: container, live: mounted }], new Map([["shop-dev-goods-1-data", urn("data")]]));
    const line = `${NAME} does not tell whether its data is still there: ${said}.`;
    expect(found).toEqual({ deleted: [], unanswered: unanswered === 0 ? [] : [line] });
  });
});

const D1 = "a".repeat(64);
const D2 = "b".repeat(64);

function printed(head: string, live: readonly string[], rendered: readonly string[]): string {
  return [`= 0 ${head}`, ...live, "= 0 rendered", ...rendered, "=", ""].join("\n");
}

describe("a configuration", () => {
  const rendered = ["400 7:8 ./key", "444 7:8 ./sub/a b", `${D1}  ./key`, `${D1}  ./sub/a b`];
  const differs = (head: string, lines: readonly string[]) =>
    configurationDifferences([configuration], printed(head, lines, rendered)).map((each) => each.differs);

  it("does not differ where the files are the same", () => {
    expect(differs(configuration.version, rendered)).toEqual([]);
  });

  it("tells each file that is not as it was rendered", () => {
    expect(differs(configuration.version, ["444 7:8 ./key", "644 0:0 ./more", `${D1}  ./key`, `${D2}  ./more`])).toEqual([
      "key has mode and owner 444 7:8 instead of 400 7:8",
      "more is not the stack's",
      "sub/a b is missing",
    ]);
    expect(differs(configuration.version, [...rendered.slice(0, 2), `${D2}  ./key`, `${D1}  ./sub/a b`])).toEqual(["key was edited"]);
    // One that is a link by now, wherever that leads.
    expect(differs(configuration.version, [...rendered.slice(0, 2), `${D1}  ./sub/a b`])).toEqual(["key was edited"]);
    expect(differs("0123456789abcdef", rendered)).toEqual(["the version 0123456789abcdef is in use"]);
    expect(differs("", [])).toEqual(["it has no version in use"]);
  });

  it("is put back by the command that installed it, with the same input, before its node's gate", () => {
    const [found] = configurationDifferences([configuration], printed("", [], rendered));
    const gate = { cluster: "urn:pulumi:dev::shop::token::goods-nodes", whole: expect.stringContaining("does not become whole") as string };
    expect(found?.repair).toEqual({ commands: [["sh", "-c", configuration.install]], input: configuration.script, gate });
  });

  it("is never taken for the same where it could not be compared", () => {
    expect(() => configurationDifferences([configuration], "= 0 x\n")).toThrow("cannot be compared");
    expect(() => configurationDifferences([configuration], printed("x", [], []))).toThrow("cannot be listed");
  });

  it("is compared by a script that a shell takes, in a container that can write nothing of the host's", () => {
    const { status, stderr } = spawnSync("sh", ["-n"], { input: renderComparison([configuration, configuration]), encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    const options = comparingContainer("shop-dev", "goods:1", [configuration]);
    expect(options).toContain("--read-only");
    expect(options.filter((option) => option.includes("shop-dev-goods-1-config"))).toEqual(["shop-dev-goods-1-config:/dockyard-live/0:ro"]);
  });
});

describe("keys", () => {
  const line = (entries: Record<string, string>) =>
    JSON.stringify(Object.entries(entries).map(([key, value]) => ({ key, flags: 0, value: Buffer.from(value).toString("base64") })));

  it("do not differ where they are as they were written, whatever else is there", () => {
    const live = exportedKeys(`${line(GOODS_KEYS)}\n${line({ "upstreams/goods/10.1.0.42:8000": "self-registered" })}\n`);
    expect(keyDifferences(registration, live)).toEqual([]);
  });

  it("tell which is missing and which is another one", () => {
    const live = exportedKeys(line({ "upstreams/goods/10.1.0.41:8000": "{}" }));
    expect(keyDifferences(registration, live).map(({ name, differs }) => `${name} ${differs}`)).toEqual([
      `upstreams/goods/10.1.0.41:8000 is {} instead of ${GOODS_KEYS["upstreams/goods/10.1.0.41:8000"]}`,
      "upstreams/goods-rpc/10.1.0.41:9000 is missing",
    ]);
  });

  it("are told on one line and cut, and those that are secret not at all", () => {
    const key = "upstreams/goods/10.1.0.41:8000";
    const told = (value: string, isSecret = false) =>
      keyDifferences({ ...registration, keys: new Map([[key, "{}"]]), isSecret }, new Map([[key, value]])).map(({ differs }) => differs);
    expect(told("a\n\u001b[2Jb\u009b")).toEqual(['is "a\\n\\u001b[2Jb\ufffd" instead of {}']);
    expect(told("")).toEqual(['is "" instead of {}']);
    expect(told("x".repeat(300))).toEqual([`is ${"x".repeat(200)}… (300 characters) instead of {}`]);
    expect(told("hush", true)).toEqual(["has another value, which is secret"]);
    expect(registration.isSecret).toBe(false);
    const hidden = stateOfGoods().map((each) =>
      each.urn.endsWith("-registration") ? { ...each, inputs: { create: secret(String(each.inputs?.create)) } } : each,
    );
    expect(declaredIn(hidden, [LOCAL, FAR]).registrations.map(({ isSecret }) => isSecret)).toEqual([true]);
  });

  it("are asked for as their registration asks, once for each prefix", () => {
    const said = `docker() { printf '[\\n{"a":\\n1}]'; }\n`;
    const { stdout } = spawnSync("sh", ["-c", said + registration.question], { encoding: "utf8" });
    expect(stdout).toBe('[{"a":1}]\n');
    expect(registration.question).toContain("consul kv export upstreams/");
  });
});

describe("the list of what differs", () => {
  const each: Difference[] = [
    { kind: "key", host: undefined, name: "upstreams/goods/10.1.0.41:8000", differs: "is missing", urn: "" },
    { kind: "container", host: "far", name: "shop-dev-goods-10", differs: "is exited", urn: "" },
    { kind: "container", host: "far", name: "shop-dev-goods-2", differs: "is missing", urn: "" },
    { kind: "volume", host: "local", name: "shop-dev-goods-2-data", differs: "is missing: DATA LOSS, all that was in it is gone", urn: "" },
  ];

  it("begins with what was lost, and names hosts where there are several", async () => {
    await expect(`${renderDifferences(each, 1)}\n\n${renderDifferences(each, 2)}\n`).toMatchFileSnapshot("golden/differences.txt");
  });
});
