import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { until } from "./load";

const BRIDGE = "dockyardtest0";
/** Network between the hosts, as 10.189.0.0/24 without its last part. */
const NETWORK = "10.189.0";

/** A machine of a test's own. */
export interface TestHost {
  /** Engine's address as in `DOCKER_HOST`. */
  readonly engine: string;
  /** Runs a docker command on it and returns what it prints. */
  docker(...args: string[]): Promise<string>;
}

/**
 * Machines that share nothing but a network: a network namespace each, with a container engine in it, joined into one Docker swarm.
 *
 * Needs root. Their engines' data is in a folder of its own, which `stop` removes.
 */
export class TestHosts {
  private constructor(
    readonly hosts: readonly TestHost[],
    private readonly folder: string,
  ) {}

  static async start(count: number): Promise<TestHosts> {
    await removeNamespaces(count);
    const folder = await mkdtemp(join(tmpdir(), "dockyard-hosts-"));
    await run("ip", "link", "add", BRIDGE, "type", "bridge");
    await run("ip", "addr", "add", `${NETWORK}.1/24`, "dev", BRIDGE);
    await run("ip", "link", "set", BRIDGE, "up");
    // The engine of this machine lets nothing through that is not its own.
    await run("iptables", "--wait", "-I", "FORWARD", "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT");
    const hosts: TestHost[] = [];
    for (let n = 1; n <= count; n++) {
      await addNamespace(n);
      hosts.push(await startEngine(n, folder));
    }
    const [first, ...others] = hosts;
    await first?.docker("swarm", "init", "--advertise-addr", `${NETWORK}.11`);
    const token = (await first?.docker("swarm", "join-token", "--quiet", "worker")) ?? "";
    for (const [index, host] of others.entries()) {
      await host.docker("swarm", "join", "--token", token, "--advertise-addr", `${NETWORK}.${12 + index}`, `${NETWORK}.11:2377`);
    }
    return new TestHosts(hosts, folder);
  }

  async stop(): Promise<void> {
    for (const host of this.hosts) {
      const ids = (await host.docker("ps", "--all", "--quiet")).split("\n").filter(Boolean);
      if (ids.length > 0) await host.docker("rm", "--force", "--volumes", ...ids);
    }
    await removeNamespaces(this.hosts.length);
    await rm(this.folder, { recursive: true, force: true });
  }
}

function namespace(n: number): string {
  return `dockyard-test-${n}`;
}

async function addNamespace(n: number): Promise<void> {
  const [outside, inside] = [`dytest${n}`, `dytest${n}i`];
  await run("ip", "netns", "add", namespace(n));
  await run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", namespace(n));
  await run("ip", "link", "set", outside, "master", BRIDGE, "up");
  for (const command of [
    ["addr", "add", `${NETWORK}.${10 + n}/24`, "dev", inside],
    ["link", "set", inside, "up"],
    ["link", "set", "lo", "up"],
    ["route", "add", "default", "via", `${NETWORK}.1`],
  ]) {
    await run("ip", "-netns", namespace(n), ...command);
  }
}

async function startEngine(n: number, folder: string): Promise<TestHost> {
  const at = (name: string) => join(folder, `${n}-${name}`);
  const engine = `unix://${at("docker.sock")}`;
  const log = openSync(at("dockerd.log"), "a");
  // Unlike `ip netns exec`, nsenter leaves the control groups in sight.
  spawn(
    "nsenter",
    [
      `--net=/var/run/netns/${namespace(n)}`,
      "dockerd",
      ...["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid"), "--host", engine, "--bip", `172.${30 + n}.0.1/24`],
    ],
    { detached: true, stdio: ["ignore", log, log] },
  ).unref();
  const docker = async (...args: string[]) => (await execa("docker", ["-H", engine, ...args], { stdin: "ignore" })).stdout;
  await until(`the engine of host ${n} answers`, async () => docker("version"));
  return { engine, docker };
}

/** Ends whatever runs in the namespaces, also of a run that was cut, and removes them with their bridge. */
async function removeNamespaces(count: number): Promise<void> {
  const pids = async (n: number) =>
    (await execa("ip", ["netns", "pids", namespace(n)], { reject: false })).stdout.split("\n").filter(Boolean).map(Number);
  for (let n = 1; n <= count; n++) {
    for (const pid of await pids(n)) signal(pid, "SIGTERM");
    await until(`nothing runs on host ${n}`, async () => (await pids(n)).length === 0).catch(async () => {
      for (const pid of await pids(n)) signal(pid, "SIGKILL");
    });
    await execa("ip", ["netns", "delete", namespace(n)], { reject: false });
  }
  await execa("ip", ["link", "delete", BRIDGE], { reject: false });
  await execa("iptables", ["--wait", "-D", "FORWARD", "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT"], { reject: false });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  await execa(program, args, { stdin: "ignore" });
}
