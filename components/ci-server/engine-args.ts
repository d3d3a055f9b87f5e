import type * as pulumi from "@pulumi/pulumi";
import { anything, byType, maybe, number, numberOrNull, oneOf, shape, text, texts } from "../core/argument-shape";
import type { Checks } from "../core/errors";
import { imageReference } from "../core/images";
import { checkSecret } from "../core/secret";
import type { NormalCiJob, NormalCiRepository } from "./job-args";

/** A master with its web page, and workers that run the jobs, in containers of their own. */
export interface BuildbotEngine {
  readonly type: "buildbot";

  /** Workers, 1 to 4; their addresses are those of `<name>-worker`. @default 1 */
  readonly workers?: number;

  /** Builds that a worker runs side by side. @default 1 */
  readonly buildsPerWorker?: number;

  /** Memory limit of each worker in MiB: what jobs run is in it. @default 192 */
  readonly workerMemoryMiB?: number;

  /** CPUs that a worker may use. @default 1 */
  readonly workerCpus?: number;

  /** Image of the workers, with what the jobs run beside Python 3, `buildbot-worker` 4, `twistd3`, `tini`, `git` and `ssh`. @default the master's */
  readonly workerImage?: string;

  /** Days for which the output of steps is kept. @default 30 */
  readonly keepDays?: number;
}

/**
 * Jenkins' official image, configured as code; jobs run in the server itself. What is pushed therefore runs as the server's administrator, who
 * reads every password of it: where that is not wanted, the jobs belong on agents of your own.
 */
export interface JenkinsEngine {
  readonly type: "jenkins";

  /** Plugins beside those that the configuration takes, as `id` or `id:version`. @default none */
  readonly plugins?: readonly string[];

  /** Mirror of the update centre: the URL above `update-center.json`; plugins come from the folder beside one that ends in `/updates`. @default "https://updates.jenkins.io" */
  readonly updateCenter?: string;

  /** Builds that run side by side. @default 2 */
  readonly executors?: number;

  /** Share of the memory limit that the heap may take, 0.1 to 0.9. @default 0.6 */
  readonly heapShare?: number;
}

/** How GitLab sends mail. */
export interface GitlabMail {
  /** Host of the SMTP server. */
  readonly host: string;

  /** Port of the SMTP server. @default 587 */
  readonly port?: number;

  /** Sender's address. */
  readonly from: string;

  /** User that it logs in as. @default none */
  readonly user?: string;

  /** Password of that user, a secret. @default none */
  readonly password?: pulumi.Output<string>;
}

/** GitLab's official image: it has its own repositories, jobs in their `.gitlab-ci.yml`, and users; what builds is a runner of yours. */
export interface GitlabEngine {
  readonly type: "gitlab";

  /** URL by which its pages and clones name it, without a path. @default that of `port` on the host */
  readonly externalUrl?: string;

  /** Port on the host's loopback for git over SSH; null has none. @default null */
  readonly sshPort?: number | null;

  /** Processes that serve pages; 0 is one that forks none. @default 0 */
  readonly pumaWorkers?: number;

  /** Background jobs that run side by side. @default 5 */
  readonly sidekiqConcurrency?: number;

  /** Whether its own Prometheus runs: "on" or "off". @default "off" */
  readonly monitoring?: "on" | "off";

  /** Outgoing mail. @default none is sent */
  readonly mail?: GitlabMail;
}

export type CiEngine = BuildbotEngine | JenkinsEngine | GitlabEngine;
export type NormalBuildbot = Required<BuildbotEngine>;
export type NormalJenkins = Required<JenkinsEngine>;
export type NormalMail = Required<Omit<GitlabMail, "user" | "password">> & Pick<GitlabMail, "user" | "password">;
export type NormalGitlab = Required<Omit<GitlabEngine, "mail" | "externalUrl">> & {
  readonly externalUrl?: string;
  readonly mail?: NormalMail;
};
export type NormalEngine = NormalBuildbot | NormalJenkins | NormalGitlab;

export const ENGINE = byType({
  buildbot: shape<BuildbotEngine>({
    type: text,
    workers: maybe(number),
    buildsPerWorker: maybe(number),
    workerMemoryMiB: maybe(number),
    workerCpus: maybe(number),
    workerImage: maybe(text),
    keepDays: maybe(number),
  }),
  jenkins: shape<JenkinsEngine>({
    type: text,
    plugins: maybe(texts),
    updateCenter: maybe(text),
    executors: maybe(number),
    heapShare: maybe(number),
  }),
  gitlab: shape<GitlabEngine>({
    type: text,
    externalUrl: maybe(text),
    sshPort: maybe(numberOrNull),
    pumaWorkers: maybe(number),
    sidekiqConcurrency: maybe(number),
    monitoring: maybe(oneOf(["on", "off"])),
    mail: maybe(shape<GitlabMail>({ host: text, port: maybe(number), from: text, user: maybe(text), password: maybe(anything) })),
  }),
});

export const MOST_WORKERS = 4;

/** What each engine runs as, where nothing else is said. */
export const ENGINE_DEFAULTS = {
  buildbot: { image: () => imageReference("buildbot"), user: "8010:8010", memoryMiB: 256 },
  jenkins: { image: () => "jenkins/jenkins:2.516.3-lts-jdk21", user: "1000:1000", memoryMiB: 1536 },
  gitlab: { image: () => "gitlab/gitlab-ce:18.5.1-ce.0", user: "0:0", memoryMiB: 4096 },
} as const;

/** @param image The server's own, which workers take as well. */
export function normalizeEngine(engine: CiEngine, image: string): NormalEngine {
  switch (engine.type) {
    case "buildbot": {
      const { workers = 1, buildsPerWorker = 1, workerMemoryMiB = 192, workerCpus = 1, workerImage = image, keepDays = 30 } = engine;
      return { type: "buildbot", workers, buildsPerWorker, workerMemoryMiB, workerCpus, workerImage, keepDays };
    }
    case "jenkins": {
      const { plugins = [], updateCenter = "https://updates.jenkins.io", executors = 2, heapShare = 0.6 } = engine;
      return { type: "jenkins", plugins, updateCenter: updateCenter.replace(/\/$/, ""), executors, heapShare };
    }
    case "gitlab": {
      const { sshPort = null, pumaWorkers = 0, sidekiqConcurrency = 5, monitoring = "off", mail, ...given } = engine;
      const normalMail = mail && { ...mail, port: mail.port ?? 587 };
      return { ...given, sshPort, pumaWorkers, sidekiqConcurrency, monitoring, ...(normalMail && { mail: normalMail }) };
    }
  }
}

export function checkEngine(
  checks: Checks,
  engine: NormalEngine,
  { jobs, repositories }: { jobs: readonly NormalCiJob[]; repositories: readonly NormalCiRepository[] },
): void {
  const whole = (argument: string, value: number, low: number, high: number) =>
    checks.that(
      Number.isInteger(value) && value >= low && value <= high,
      `engine.${argument}`,
      value,
      `must be a whole number from ${low} to ${high}`,
    );
  switch (engine.type) {
    case "buildbot":
      whole("workers", engine.workers, 1, MOST_WORKERS);
      whole("buildsPerWorker", engine.buildsPerWorker, 1, 32);
      whole("workerMemoryMiB", engine.workerMemoryMiB, 128, 1_048_576);
      whole("keepDays", engine.keepDays, 1, 3650);
      checks.that(engine.workerCpus > 0, "engine.workerCpus", engine.workerCpus, "must be more than 0");
      return;
    case "jenkins":
      whole("executors", engine.executors, 1, 32);
      checkJenkins(checks, engine, repositories);
      return;
    case "gitlab":
      whole("pumaWorkers", engine.pumaWorkers, 0, 64);
      whole("sidekiqConcurrency", engine.sidekiqConcurrency, 1, 50);
      checkGitlab(checks, engine);
      checks
        .that(repositories.length === 0, "repositories", repositories.length, "must be left out: GitLab has its own repositories")
        .that(jobs.length === 0, "jobs", jobs.length, "must be left out: GitLab reads them from .gitlab-ci.yml of each repository");
  }
}

/** Jenkins looks by the minute, and its notation spreads the looks only where an hour is a multiple of the interval. */
export const JENKINS_MINUTES = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60] as const;

function checkJenkins(checks: Checks, engine: NormalJenkins, repositories: readonly NormalCiRepository[]): void {
  const minutes: readonly number[] = JENKINS_MINUTES;
  checks
    .that(engine.heapShare >= 0.1 && engine.heapShare <= 0.9, "engine.heapShare", engine.heapShare, "must be 0.1 to 0.9")
    .that(
      /^https?:\/\/[\w.-]+(:\d+)?(\/[\w./-]*)?$/.test(engine.updateCenter) && !engine.updateCenter.endsWith(".json"),
      "engine.updateCenter",
      engine.updateCenter,
      "must be the URL of a mirror, above update-center.json",
    );
  for (const plugin of engine.plugins) {
    checks.that(/^[a-z0-9][\w-]*(:[\w.-]+)?$/i.test(plugin), "engine.plugins", plugin, "must be id or id:version, such as git:5.7.0");
  }
  repositories.forEach(({ pollSeconds }, index) => {
    checks.that(
      pollSeconds === null || minutes.includes(pollSeconds / 60),
      `repositories[${index}].pollSeconds`,
      pollSeconds,
      `must be ${minutes.join(", ")} minutes in seconds with Jenkins, which looks by the minute`,
    );
  });
}

function checkGitlab(checks: Checks, { externalUrl, mail, sshPort }: NormalGitlab): void {
  const port = (value: number) => Number.isInteger(value) && value >= 1 && value <= 65_535;
  checks
    .that(
      externalUrl === undefined || /^https?:\/\/[\w.-]+(:\d+)?$/.test(externalUrl),
      "engine.externalUrl",
      externalUrl,
      "must be an http:// or https:// URL without a path",
    )
    .that(sshPort === null || port(sshPort), "engine.sshPort", sshPort, "must be a port from 1 to 65535, or null to have none");
  if (mail === undefined) return;
  checks
    .that(/^[\w.-]+$/.test(mail.host), "engine.mail.host", mail.host, "must be the name or address of an SMTP server")
    .that(port(mail.port), "engine.mail.port", mail.port, "must be a port from 1 to 65535")
    .that(/^[^@\s]+@[^@\s]+$/.test(mail.from), "engine.mail.from", mail.from, "must be an address, such as gitlab@example.org")
    .that(
      (mail.user === undefined) === (mail.password === undefined),
      "engine.mail.user",
      mail.user,
      "must come with a password, or neither",
    );
  checkSecret(checks, "engine.mail.password", mail.password);
}
