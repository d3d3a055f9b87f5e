import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { IMAGES, type ImageName, imageReference } from "../../../components/core/images";
import { until } from "./load";

/** Where an engine of a test's own runs. */
interface EngineRoom {
  /** Network namespace that it runs in. */
  readonly namespace: string;
  /** Folder of its data and its log, which goes with it. */
  readonly folder: string;
  /** Address and prefix of its default bridge, as the engine takes them. */
  readonly bridge: string;
  /** More options of the engine. @default none */
  readonly options?: readonly string[];
}

/**
 * A container engine of a test's own, which may be stopped and killed: in a network namespace, with data of its own.
 *
 * What its containers publish on 127.0.0.1 is reached from inside of the namespace alone, see {@link curl}. Needs root.
 */
export class OwnEngine {
  private daemon: ChildProcess | undefined;

  constructor(private readonly room: EngineRoom) {}

  /** An engine in a new namespace without any way out, which {@link remove} removes. */
  static async create(name: string, options: readonly string[] = []): Promise<OwnEngine> {
    const namespace = `dockyard-${name}`;
    await removeNamespace(namespace);
    await execa("ip", ["netns", "add", namespace]);
    await execa("ip", ["-netns", namespace, "link", "set", "lo", "up"]);
    const folder = await mkdtemp(join(tmpdir(), `${namespace}-engine-`));
    const engine = new OwnEngine({ namespace, folder, bridge: "172.30.0.1/24", options });
    await engine.start();
    return engine;
  }

  /** Its address as in `DOCKER_HOST`. */
  get address(): string {
    return `unix://${join(this.room.folder, "docker.sock")}`;
  }

  /** Starts it, also after it was ended; returns when it answers. */
  async start(): Promise<void> {
    const { namespace, folder, bridge, options = [] } = this.room;
    await mkdir(folder, { recursive: true });
    const log = openSync(join(folder, "dockerd.log"), "a");
    const at = (name: string) => join(folder, name);
    const paths = ["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid"), "--host", this.address, "--bip", bridge];
    // Unlike `ip netns exec`, nsenter leaves the control groups in sight.
    this.daemon = spawn("nsenter", [`--net=/var/run/netns/${namespace}`, "dockerd", ...paths, ...options], {
      detached: true,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.daemon.unref();
    await until(`the engine of ${namespace} answers`, async () => this.docker("version"), 120_000);
  }

  /** Ends it, and returns when it has ended: with SIGTERM as a service manager does, which stops its containers, with SIGKILL as a crash does. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const { daemon } = this;
    this.daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = once(daemon, "exit");
    const containerd = Number(await readFile(join(this.room.folder, "exec", "containerd", "containerd.pid"), "utf8"));
    // Nothing else may keep this process going.
    daemon.ref();
    daemon.kill(signal);
    await ended;
    // It goes with the engine, a moment later: an engine that is started meanwhile waits for it in vain, and ends.
    await until("containerd has ended", async () => !existsSync(`/proc/${containerd}`));
  }

  /** Runs a docker command on it and returns what it prints. */
  async docker(...args: string[]): Promise<string> {
    return (await execa("docker", ["-H", this.address, ...args], { stdin: "ignore" })).stdout;
  }

  /** Asks for a URL from inside of the namespace, and returns the body of an answer below 400. */
  async curl(url: string, ...options: string[]): Promise<string> {
    return this.inside("curl", "--silent", "--show-error", "--fail", "--max-time", "10", ...options, url);
  }

  /** Runs a command inside of the namespace and returns what it prints. */
  async inside(...command: string[]): Promise<string> {
    return (await execa("nsenter", [`--net=/var/run/netns/${this.room.namespace}`, ...command], { stdin: "ignore" })).stdout;
  }

  /** What it has written into its log. */
  log(): Promise<string> {
    return readFile(join(this.room.folder, "dockerd.log"), "utf8");
  }

  /**
   * Copies images of the catalogue from this machine's engine.
   *
   * The names of all others are given to one of them: a stack that does not run them asks for no more, and nobody builds them here.
   */
  async loadImages(names: readonly ImageName[]): Promise<void> {
    const references = names.map(imageReference);
    const copy = `docker image save "$@" | docker -H "${this.address}" image load --quiet`;
    await execa("bash", ["-o", "pipefail", "-c", copy, "bash", ...references], { env: { DOCKER_HOST: undefined } });
    for (const name of Object.keys(IMAGES) as ImageName[])
      if (!names.includes(name)) await this.docker("tag", references[0] ?? "", imageReference(name));
  }

  /** Removes it with all that it has. */
  async remove(): Promise<void> {
    const { namespace, folder } = this.room;
    const ids = (await this.docker("ps", "--all", "--quiet").catch(() => "")).split("\n").filter(Boolean);
    if (ids.length > 0) await this.docker("rm", "--force", "--volumes", ...ids);
    await this.end("SIGTERM");
    await removeNamespace(namespace);
    // What an engine that was killed had mounted, and its successor did not take over.
    const mounts = (await readFile("/proc/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
    for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse()) await execa("umount", ["--lazy", mount]);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Ends whatever runs in a namespace, also of a run that was cut, and removes it. */
export async function removeNamespace(namespace: string): Promise<void> {
  const pids = async () =>
    (await execa("ip", ["netns", "pids", namespace], { reject: false })).stdout.split("\n").filter(Boolean).map(Number);
  for (const pid of await pids()) signal(pid, "SIGTERM");
  await until(`nothing runs in ${namespace}`, async () => (await pids()).length === 0).catch(async () => {
    for (const pid of await pids()) signal(pid, "SIGKILL");
  });
  await execa("ip", ["netns", "delete", namespace], { reject: false });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
