import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { OwnEngine, removeNamespace } from "./own-engine";

const BRIDGE = "dockyardtest0";
/** Network between the hosts, as 10.189.0.0/24 without its last part. */
const NETWORK = "10.189.0";

/**
 * Machines that share nothing but a network: a network namespace each, with a container engine in it, joined into one Docker swarm.
 *
 * Needs root. Their engines' data is in a folder of its own, which `stop` removes.
 */
export class TestHosts {
  private constructor(
    /** The engine of each. */
    readonly hosts: readonly OwnEngine[],
    private readonly folder: string,
  ) {}

  static async start(count: number): Promise<TestHosts> {
    await removeHosts(count);
    const folder = await mkdtemp(join(tmpdir(), "dockyard-hosts-"));
    await run("ip", "link", "add", BRIDGE, "type", "bridge");
    await run("ip", "addr", "add", `${NETWORK}.1/24`, "dev", BRIDGE);
    await run("ip", "link", "set", BRIDGE, "up");
    // The engine of this machine lets nothing through that is not its own.
    await run("iptables", "--wait", "-I", "FORWARD", "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT");
    const hosts: OwnEngine[] = [];
    for (let n = 1; n <= count; n++) {
      await addNamespace(n);
      const host = new OwnEngine({ namespace: namespace(n), folder: join(folder, String(n)), bridge: `172.${30 + n}.0.1/24` });
      await host.start();
      hosts.push(host);
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
    for (const host of this.hosts) await host.remove();
    await removeHosts(this.hosts.length);
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

/** Ends whatever runs on the hosts, also of a run that was cut, and removes them with their bridge. */
async function removeHosts(count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await removeNamespace(namespace(n));
  await execa("ip", ["link", "delete", BRIDGE], { reject: false });
  await execa("iptables", ["--wait", "-D", "FORWARD", "-i", BRIDGE, "-o", BRIDGE, "-j", "ACCEPT"], { reject: false });
}

async function run(program: string, ...args: string[]): Promise<void> {
  await execa(program, args, { stdin: "ignore" });
}
