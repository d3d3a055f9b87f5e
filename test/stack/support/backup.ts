import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { ensureS3Server } from "../../../scripts/setup/s3-server";
import type { LastBackup } from "../../../scripts/status/last-backup";
import { until } from "./load";
import type { TestStack } from "./test-stack";

/** What the service tells of its last run. */
export async function lastRun(stack: TestStack): Promise<LastBackup> {
  const { stdout } = await execa("docker", ["exec", stack.container("backup-1"), "backup", "last"]);
  return JSON.parse(stdout) as LastBackup;
}

/** Ids of the sets in a folder, the oldest first. */
export async function setsIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /^\d{8}T/.test(name)).sort();
}

/** A folder on a disk of its own in memory, which can be filled and made read-only. */
export class TargetDisk {
  private constructor(readonly folder: string) {}

  /** @param owner uid:gid that may write. */
  static async create(mebibytes: number, owner: string): Promise<TargetDisk> {
    const folder = await mkdtemp(join(tmpdir(), "dockyard-backups-"));
    const [uid, gid] = owner.split(":");
    await execa("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m,uid=${uid},gid=${gid},mode=0700`, "tmpfs", folder]);
    return new TargetDisk(folder);
  }

  /** Leaves so many bytes free. */
  async fill(leaving: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.folder);
    await writeFile(join(this.folder, "filler"), Buffer.alloc(bavail * bsize - leaving));
  }

  async free(): Promise<void> {
    await rm(join(this.folder, "filler"));
  }

  async writable(is: boolean): Promise<void> {
    await execa("mount", ["-o", `remount,${is ? "rw" : "ro"}`, this.folder]);
  }

  async remove(): Promise<void> {
    await execa("umount", ["--lazy", this.folder]);
    await rm(this.folder, { recursive: true });
  }
}

/** A server that speaks S3, with one bucket. */
export class S3Server {
  private constructor(
    readonly address: string,
    readonly folder: string,
    private readonly process: ReturnType<typeof spawn>,
  ) {}

  /** @param address `host:port` that it listens on. */
  static async start(address: string, bucket: string, accessKey: string, secretKey: string): Promise<S3Server> {
    const program = await ensureS3Server(() => undefined);
    const folder = await mkdtemp(join(tmpdir(), "dockyard-s3-"));
    await mkdir(join(folder, bucket));
    const child = spawn(program, ["--quiet", "--access", accessKey, "--secret", secretKey, "--port", address, "posix", folder], {
      stdio: "ignore",
    });
    const server = new S3Server(address, folder, child);
    try {
      await until("the S3 server answers", async () => (await fetch(`http://${address}/`)).status > 0);
    } catch (error) {
      await server.remove();
      throw error;
    }
    return server;
  }

  async remove(): Promise<void> {
    this.process.kill();
    await rm(this.folder, { recursive: true });
  }
}
