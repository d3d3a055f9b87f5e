import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { docker } from "./engine";

/** A volume of a file system of its own, which can be filled up without harm to anything else. */
export class SmallDisk {
  private constructor(
    private readonly folder: string,
    private readonly device: string,
    readonly volume: string,
  ) {}

  /** @param owner `uid:gid` of its root folder. */
  static async create(volume: string, mebibytes: number, owner: string): Promise<SmallDisk> {
    const folder = await mkdtemp(join(tmpdir(), "dockyard-disk-"));
    const image = join(folder, "image");
    await writeFile(image, "");
    await truncate(image, mebibytes * 2 ** 20);
    await execa("mkfs.ext4", ["-q", "-m", "0", "-E", `root_owner=${owner}`, image]);
    const { stdout: device } = await execa("losetup", ["--find", "--show", image]);
    await docker("volume", "create", "--opt", "type=ext4", "--opt", `device=${device}`, volume);
    return new SmallDisk(folder, device, volume);
  }

  /** Removes it; nothing may use it any more. */
  async remove(): Promise<void> {
    await docker("volume", "rm", "--force", this.volume);
    await execa("losetup", ["--detach", this.device]);
    await rm(this.folder, { recursive: true, force: true });
  }
}
