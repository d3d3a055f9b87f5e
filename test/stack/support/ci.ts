import { execa } from "execa";
import { get } from "./load";

/** A build as Buildbot's web API tells it. */
export interface Build {
  readonly buildid: number;
  readonly number: number;
  readonly complete: boolean;
  /** 0 is success, 2 failure, 5 one that is done again; null is one that has not ended. */
  readonly results: number | null;
  readonly properties: Readonly<Record<string, readonly [unknown, string]>>;
}

export const SUCCESS = 0;
export const FAILURE = 2;
export const RETRY = 5;

/** The web API of a Buildbot master. */
export class Buildbot {
  constructor(readonly url: string) {}

  /** The builds of a job, the latest first. */
  async builds(job: string): Promise<Build[]> {
    const { builds } = await this.ask<{ builds: Build[] }>(`builders/${job}/builds?order=-number&property=revision&property=got_revision`);
    return builds;
  }

  /** The builds of a commit, the latest first; one that was cut short may only know what it was asked to build. */
  async buildsOf(job: string, revision: string): Promise<Build[]> {
    return (await this.builds(job)).filter(({ properties: { got_revision: got, revision: asked } }) => (got ?? asked)?.[0] === revision);
  }

  /** The latest build of a commit, once there is one that `holds`. */
  async buildOf(job: string, revision: string, holds: (build: Build) => boolean = ({ complete }) => complete): Promise<Build> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const [found] = await this.buildsOf(job, revision).catch(() => []);
      if (found && holds(found)) return found;
      if (performance.now() > deadline) throw new Error(`${job} has no such build of ${revision}: ${JSON.stringify(found)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What a step of a build printed. */
  async output({ buildid }: Build, step: string): Promise<string> {
    return (await get(`${this.url}/api/v2/builds/${buildid}/steps/${step}/logs/stdio/raw`)).body;
  }

  /** Asks for a build, as a user or as nobody; the answer's error, or nothing. */
  async force(job: string, user?: string, password = ""): Promise<string> {
    const answer = await this.control(`forceschedulers/force-${job}`, "force", user, password);
    return answer.error?.message ?? "";
  }

  /** The same for what is only an admin's: keeping a worker from builds. */
  async pause(worker: string, user?: string, password = ""): Promise<string> {
    const answer = await this.control(`workers/${worker}`, "pause", user, password);
    return answer.error?.message ?? "";
  }

  private async control(path: string, method: string, user: string | undefined, password: string) {
    const cookie = user === undefined ? undefined : await this.login(user, password);
    const { body } = await get(`${this.url}/api/v2/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(cookie && { cookie }) },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: {} }),
    });
    return JSON.parse(body) as { error?: { message: string } };
  }

  private async login(user: string, password: string): Promise<string> {
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    const { status, headers } = await get(`${this.url}/auth/login`, { headers: { authorization } });
    if (status !== 302) throw new Error(`${user} cannot log in: ${status}`);
    // The first is that of a session without a user.
    return [headers["set-cookie"] ?? ""].flat().at(-1)?.split(";")[0] ?? "";
  }

  private async ask<T>(path: string): Promise<T> {
    const { status, body } = await get(`${this.url}/api/v2/${path}`);
    if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
    return JSON.parse(body) as T;
  }
}

export interface Pushed {
  readonly revision: string;
  /** What git said; what the server's hook says is in it. */
  readonly said: string;
  /** When `git push` began, on the clock of `performance`, and how long it took. */
  readonly began: number;
  readonly ms: number;
}

const CLONE = "/tmp/clone";

/** Commits a Makefile whose target `test` runs `script`, from a container, and pushes it. The commit is made before the time is taken. */
export async function pushFrom(container: string, url: string, script: string): Promise<Pushed> {
  const commit = [
    "set -e",
    `[ -d ${CLONE} ] || git clone --quiet ${url} ${CLONE} 2>/dev/null`,
    `cd ${CLONE}`,
    "cat > Makefile",
    "date +%s%N > stamp",
    "git add .",
    "git -c user.name=ops -c user.email=ops@example.org commit --quiet --message tried",
    "git rev-parse HEAD",
  ];
  const { stdout: revision } = await execa("docker", ["exec", "--interactive", container, "sh", "-c", commit.join("\n")], {
    input: `test:\n${script
      .split("\n")
      .map((line) => `\t${line}\n`)
      .join("")}`,
  });
  const began = performance.now();
  const { all } = await execa("docker", ["exec", container, "git", "-C", CLONE, "push", "origin", "HEAD:main"], {
    all: true,
    stdin: "ignore",
  });
  return { revision, said: all, began, ms: performance.now() - began };
}
