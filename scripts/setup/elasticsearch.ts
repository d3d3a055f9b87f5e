import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { download } from "./download";
import { aptInstall } from "./engine";
import { CACHE, PROJECT_ROOT } from "./paths";
import { Report, SetupError, lastWords, run, succeeds } from "./shell";
import { ELASTICSEARCH_VERSION } from "./versions";

const NAME = `elasticsearch-${ELASTICSEARCH_VERSION}`;

/** What of the release is used: the same that its published modules give. X-Pack stays out. */
const PARTS = ["lib", "modules/transport-netty4", "modules/reindex"];

/**
 * Has Elasticsearch's libraries and modules, as the folders `lib` and `modules`: from the cache, else of the official release, else assembled
 * with Maven from its published modules.
 *
 * @throws {SetupError} when neither way is open.
 */
export async function ensureElasticsearch(report: Report): Promise<string> {
  const folder = join(CACHE, NAME);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const part = await mkdtemp(join(CACHE, `${NAME}-`));
  try {
    if (!(await unpackRelease(part, report))) await assemble(part, report);
    // Another set-up may have been as far meanwhile; what it made is the same.
    if (!existsSync(folder)) await rename(part, folder);
    return folder;
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

async function unpackRelease(folder: string, report: Report): Promise<boolean> {
  report("asking for the released Elasticsearch");
  const url = `https://artifacts.elastic.co/downloads/elasticsearch/${NAME}-no-jdk-linux-x86_64.tar.gz`;
  const archive = await download(url, `${url}.sha512`);
  if (archive === undefined) return false;
  const file = join(folder, "release.tar.gz");
  await writeFile(file, archive);
  await run([
    "tar",
    "--extract",
    "--gzip",
    "--file",
    file,
    "--directory",
    folder,
    "--strip-components=1",
    ...PARTS.map((part) => `${NAME}/${part}`),
  ]);
  await rm(file);
  return true;
}

async function assemble(folder: string, report: Report): Promise<void> {
  const there = await succeeds(["mvn", "--version"]);
  if (!there && process.getuid?.() !== 0) {
    throw new SetupError(
      `Elasticsearch ${ELASTICSEARCH_VERSION} can neither be downloaded nor assembled: there is no Maven on the PATH. Install it (\`sudo apt-get install maven\`), or let this machine reach the network.`,
    );
  }
  try {
    if (!there) await aptInstall(["maven"], report);
    const quiet = ["--quiet", "--batch-mode", "--no-transfer-progress"] as const;
    const project = join(PROJECT_ROOT, "toolchain", "elasticsearch", "pom.xml");
    await run(["mvn", ...quiet, "--file", project, "package", `-DoutputDirectory=${folder}`], { report });
  } catch (error) {
    throw new SetupError(`Assembling Elasticsearch ${ELASTICSEARCH_VERSION} with Maven failed:\n${lastWords(error)}`);
  }
}
