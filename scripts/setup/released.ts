import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { download } from "./download";
import { aptInstall } from "./engine";
import { CACHE, PROJECT_ROOT } from "./paths";
import { Report, SetupError, lastWords, run, succeeds } from "./shell";
import { ELASTICSEARCH_VERSION, KAFKA_VERSION } from "./versions";

/** A server in Java that is released as an archive, and published as modules from which the same can be assembled. */
interface Release {
  readonly title: string;
  readonly version: string;
  readonly url: string;
  /** First folder in the archive. */
  readonly folder: string;
  /** What of it is used: the same that the modules give. */
  readonly parts: readonly string[];
}

const RELEASES = {
  elasticsearch: {
    title: "Elasticsearch",
    version: ELASTICSEARCH_VERSION,
    url: `https://artifacts.elastic.co/downloads/elasticsearch/elasticsearch-${ELASTICSEARCH_VERSION}-no-jdk-linux-x86_64.tar.gz`,
    folder: `elasticsearch-${ELASTICSEARCH_VERSION}`,
    // X-Pack stays out.
    parts: ["lib", "modules/transport-netty4", "modules/reindex"],
  },
  kafka: {
    title: "Kafka",
    version: KAFKA_VERSION,
    // Only the newest releases are anywhere else.
    url: `https://archive.apache.org/dist/kafka/${KAFKA_VERSION}/kafka_2.13-${KAFKA_VERSION}.tgz`,
    folder: `kafka_2.13-${KAFKA_VERSION}`,
    parts: ["libs"],
  },
} as const satisfies Record<string, Release>;

/**
 * Has a server's libraries and modules, in its archive's folders: from the cache, else of the official release, else assembled with Maven from its
 * published modules, as `toolchain/<name>/pom.xml` says.
 *
 * @throws {SetupError} when neither way is open.
 */
export async function ensureReleased(name: keyof typeof RELEASES, report: Report): Promise<string> {
  const release: Release = RELEASES[name];
  const folder = join(CACHE, `${name}-${release.version}`);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const part = await mkdtemp(`${folder}-`);
  try {
    if (!(await unpackRelease(release, part, report))) await assemble(name, release, part, report);
    await rename(part, folder).catch((error: unknown) => {
      // Another set-up has been as far meanwhile; what it made is the same.
      if (!existsSync(folder)) throw error;
    });
    return folder;
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

async function unpackRelease({ title, url, folder, parts }: Release, into: string, report: Report): Promise<boolean> {
  report(`asking for the released ${title}`);
  const archive = await download(url, `${url}.sha512`);
  if (archive === undefined) return false;
  const file = join(into, "release.tar.gz");
  await writeFile(file, archive);
  const options = ["--extract", "--gzip", "--file", file, "--directory", into, "--strip-components=1"];
  await run(["tar", ...options, ...parts.map((part) => `${folder}/${part}`)]);
  await rm(file);
  return true;
}

async function assemble(name: string, { title, version }: Release, folder: string, report: Report): Promise<void> {
  const there = await succeeds(["mvn", "--version"]);
  if (!there && process.getuid?.() !== 0) {
    throw new SetupError(
      `${title} ${version} can neither be downloaded nor assembled: there is no Maven on the PATH. Install it (\`sudo apt-get install maven\`), or let this machine reach the network.`,
    );
  }
  try {
    if (!there) await aptInstall(["maven"], report);
    const quiet = ["--quiet", "--batch-mode", "--no-transfer-progress"] as const;
    const project = join(PROJECT_ROOT, "toolchain", name, "pom.xml");
    await run(["mvn", ...quiet, "--file", project, "package", `-DoutputDirectory=${folder}`, `-D${name}.version=${version}`], { report });
  } catch (error) {
    throw new SetupError(`Assembling ${title} ${version} with Maven failed:\n${lastWords(error)}`);
  }
}
