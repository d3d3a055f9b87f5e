import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { unzipSync } from "fflate";
import { digestOf } from "../../components/core/digest";
import { DEBIAN_RELEASE, IMAGES, ImageDefinition, ImageName, OWN_PROGRAMS, OwnProgram, imageReference } from "../../components/core/images";
import { ensureBuildbotPage } from "./buildbot-www";
import { download } from "./download";
import { aptInstall } from "./engine";
import { ensureFilebeat } from "./filebeat";
import { goBuild } from "./go-build";
import { ensureReleased } from "./released";
import { CACHE, PROJECT_ROOT } from "./paths";
import { Report, SetupError, lastWords, run, succeeds } from "./shell";
import { CONSUL_VERSION } from "./versions";

type Artifact = ImageDefinition["artifacts"][number];

const RELEASED_BASE = `debian:${DEBIAN_RELEASE}-slim`;
/** Made here where no registry can be reached; under a name of its own, so that it never passes for the released one. */
const OWN_BASE = `dockyard/debian:${DEBIAN_RELEASE}-slim`;

export async function missingImages(): Promise<ImageName[]> {
  const names = Object.keys(IMAGES) as ImageName[];
  const present = (await run(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=dockyard/*"])).split(
    "\n",
  );
  return names.filter((name) => !present.includes(imageReference(name)));
}

/** Has the base of every image: the released one if it is there or can be pulled, else one made with debootstrap. */
export async function ensureBase(report: Report): Promise<string> {
  for (const base of [RELEASED_BASE, OWN_BASE]) {
    if (await succeeds(["docker", "image", "inspect", base])) return base;
  }
  report(`asking for ${RELEASED_BASE}`);
  if (await succeeds(["docker", "pull", "--quiet", RELEASED_BASE], { timeout: 300_000 })) return RELEASED_BASE;
  const archive = join(CACHE, `debian-${DEBIAN_RELEASE}.tar`);
  if (!existsSync(archive)) await makeBaseArchive(archive, report);
  await run(["docker", "import", "--change", 'CMD ["bash"]', archive, OWN_BASE]);
  return OWN_BASE;
}

async function makeBaseArchive(archive: string, report: Report): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new SetupError(
      `${RELEASED_BASE} can neither be pulled nor made: debootstrap needs root. Run \`docker pull ${RELEASED_BASE}\` where a registry can be reached, or run this command as root.`,
    );
  if (!(await succeeds(["sh", "-c", "command -v debootstrap"]))) await aptInstall(["debootstrap"], report);
  const folder = await mkdtemp(join(CACHE, "debootstrap-"));
  try {
    await run(["debootstrap", "--variant=minbase", DEBIAN_RELEASE, folder], { report });
    // What the slim image leaves out as well.
    const unneeded = ["var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"];
    for (const path of unneeded) await rm(join(folder, path), { recursive: true, force: true });
    await mkdir(join(folder, "var/cache/apt/archives/partial"), { recursive: true });
    await run(["tar", "--create", "--numeric-owner", "--file", `${archive}.part`, "--directory", folder, "."]);
    await rename(`${archive}.part`, archive);
  } catch (error) {
    throw new SetupError(`Making ${OWN_BASE} with debootstrap failed:\n${lastWords(error)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Builds one image of the catalogue from its folder and its artifacts. */
export async function buildImage(name: ImageName, base: string, report: Report): Promise<void> {
  const { sources, artifacts }: ImageDefinition = IMAGES[name];
  const context = await mkdtemp(join(CACHE, `image-${name}-`));
  try {
    await cp(join(PROJECT_ROOT, sources[0]), context, { recursive: true });
    for (const artifact of artifacts) await ARTIFACTS[artifact](context, report);
    // Engines without BuildKit's client plugin still have the classic builder.
    const env = (await succeeds(["docker", "buildx", "version"])) ? {} : { DOCKER_BUILDKIT: "0" };
    await run(["docker", "build", "--build-arg", `BASE=${base}`, "--tag", imageReference(name), context], { env, report });
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`Building the image ${imageReference(name)} failed:\n${lastWords(error)}`);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

const ARTIFACTS: Record<Artifact, (folder: string, report: Report) => Promise<void>> = {
  "buildbot_www.whl": async (folder, report) => copyFile(await ensureBuildbotPage(report), join(folder, "buildbot_www.whl")),
  consul: async (folder, report) => copyFile(await ensureConsul(report), join(folder, "consul")),
  elasticsearch: async (folder, report) =>
    cp(await ensureReleased("elasticsearch", report), join(folder, "elasticsearch"), { recursive: true }),
  filebeat: async (folder, report) => copyFile(await ensureFilebeat(report), join(folder, "filebeat")),
  kafka: async (folder, report) => cp(await ensureReleased("kafka", report), join(folder, "kafka"), { recursive: true }),
  backup: async (folder, report) => copyOwnProgram("backup", folder, report),
  "binlog-sync": async (folder, report) => copyOwnProgram("binlog-sync", folder, report),
  "filebeat-keeper": async (folder, report) => copyOwnProgram("filebeat-keeper", folder, report),
  "kafka-admin": async (folder, report) => copyOwnProgram("kafka-admin", folder, report),
  "mysql-keeper": async (folder, report) => copyOwnProgram("mysql-keeper", folder, report),
  "shop.js": async (folder) => void (await run([process.execPath, join(PROJECT_ROOT, "apps", "shop", "build.mjs"), folder])),
};

/** Copies a program of Dockyard's own: from the cache, where it lies by the digest of its sources, else built. */
async function copyOwnProgram(name: OwnProgram, folder: string, report: Report): Promise<void> {
  const module = OWN_PROGRAMS[name];
  const program = join(CACHE, `${name}-${digestOf(PROJECT_ROOT, [module])}`, name);
  if (!existsSync(program)) await goBuild(module, ".", program, report);
  await copyFile(program, join(folder, name));
}

/** Has Consul's program: from the cache, else the official release, else built from its Go module. */
export async function ensureConsul(report: Report): Promise<string> {
  const program = join(CACHE, `consul-${CONSUL_VERSION}`, "consul");
  if (existsSync(program)) return program;
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const base = `https://releases.hashicorp.com/consul/${CONSUL_VERSION}`;
  report("asking for the released Consul");
  const archive = await download(
    `${base}/consul_${CONSUL_VERSION}_linux_${architecture}.zip`,
    `${base}/consul_${CONSUL_VERSION}_SHA256SUMS`,
  );
  const released = archive && unzipSync(archive, { filter: ({ name }) => basename(name) === "consul" }).consul;
  if (released === undefined) {
    await goBuild("toolchain/consul", "github.com/hashicorp/consul", program, report);
    return program;
  }
  await mkdir(join(program, ".."), { recursive: true });
  await writeFile(`${program}.part`, released);
  await chmod(`${program}.part`, 0o755);
  await rename(`${program}.part`, program);
  return program;
}
