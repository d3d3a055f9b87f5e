import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { download } from "./download";
import { goBuild } from "./go-build";
import { CACHE } from "./paths";
import { Report, run } from "./shell";
import { FILEBEAT_VERSION } from "./versions";

const NAME = `filebeat-${FILEBEAT_VERSION}`;

/**
 * Has Filebeat's program: from the cache, else of the official release without X-Pack, else built from its Go module.
 *
 * @throws {SetupError} when neither way is open.
 */
export async function ensureFilebeat(report: Report): Promise<string> {
  const program = join(CACHE, NAME, "filebeat");
  if (existsSync(program)) return program;
  if (!(await unpackRelease(program, report))) await goBuild("toolchain/filebeat", "github.com/elastic/beats/v7/filebeat", program, report);
  return program;
}

async function unpackRelease(program: string, report: Report): Promise<boolean> {
  report("asking for the released Filebeat");
  const release = `filebeat-oss-${FILEBEAT_VERSION}-linux-${process.arch === "arm64" ? "arm64" : "x86_64"}`;
  const url = `https://artifacts.elastic.co/downloads/beats/filebeat/${release}.tar.gz`;
  const archive = await download(url, `${url}.sha512`);
  if (archive === undefined) return false;
  await mkdir(join(program, ".."), { recursive: true });
  const part = await mkdtemp(join(CACHE, `${NAME}-`));
  try {
    await writeFile(join(part, "release.tar.gz"), archive);
    // The folder inside is called as the release is not: without `oss`.
    await run(
      [
        "tar",
        "--extract",
        "--gzip",
        "--strip-components=1",
        "--wildcards",
        "--no-wildcards-match-slash",
        "--file",
        "release.tar.gz",
        "*/filebeat",
      ],
      { cwd: part },
    );
    await rename(join(part, "filebeat"), program);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
  return true;
}
