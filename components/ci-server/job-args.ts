import { flag, listOf, maybe, named, number, numberOrNull, shape, text, texts } from "../core/argument-shape";
import { checkEnvironment } from "../core/environment";
import { Checks } from "../core/errors";
import { REPOSITORY_PATTERN, REPOSITORY_REMEDY, isBranch } from "../core/naming";

/** A repository of git, and when its new commits are built. */
export interface CiRepository {
  /** Name, by which jobs ask for it. */
  readonly name: string;

  /** URL that the server and its workers clone it from. */
  readonly url: string;

  /** Branches that are watched. @default ["main"] */
  readonly branches?: readonly string[];

  /** Whether a push may tell the server, see `CiServer.listeners`. @default true */
  readonly push?: boolean;

  /** Seconds between two looks for new commits, 1 or more; with null a push alone has the server look. @default 60 */
  readonly pollSeconds?: number | null;
}

/** One command of a job. */
export interface CiStep {
  /** Name, its own within the job. */
  readonly name: string;

  /** Argument array; no shell reads it. */
  readonly command: readonly string[];

  /** Environment beside the worker's own; never a secret, since the server shows it. @default none */
  readonly environment?: Readonly<Record<string, string>>;

  /** Seconds after which the command is ended and the build has failed. @default 600 */
  readonly timeoutSeconds?: number;
}

/** What is done with each new commit: the repository is checked out, then one command after the other until one fails. */
export interface CiJob {
  /** Name, its own on the server. */
  readonly name: string;

  /** Name of its repository. */
  readonly repository: string;

  /** Branches that it builds, of those that are watched. @default all of them */
  readonly branches?: readonly string[];

  /** Commands, in their order. */
  readonly steps: readonly CiStep[];
}

export type NormalCiRepository = Required<CiRepository>;
export type NormalCiJob = Required<Omit<CiJob, "steps">> & { readonly steps: readonly Required<CiStep>[] };

export const REPOSITORIES = listOf(
  shape<CiRepository>({ name: text, url: text, branches: maybe(texts), push: maybe(flag), pollSeconds: maybe(numberOrNull) }),
);

export const JOBS = listOf(
  shape<CiJob>({
    name: text,
    repository: text,
    branches: maybe(texts),
    steps: listOf(shape<CiStep>({ name: text, command: texts, environment: maybe(named(text)), timeoutSeconds: maybe(number) })),
  }),
);

/** A URL that git clones from, with no password in it: the server shows it. */
const URL_PATTERN = /^(ssh:\/\/([\w.-]+@)?|https?:\/\/)[\w.-]+(:\d+)?\/[\w./~-]+$/;

const DAY = 86_400;

export function normalizeRepositories(repositories: readonly CiRepository[]): NormalCiRepository[] {
  return repositories.map(({ branches = ["main"], push = true, pollSeconds = 60, ...given }) => ({
    ...given,
    branches,
    push,
    pollSeconds,
  }));
}

export function normalizeJobs(jobs: readonly CiJob[], repositories: readonly NormalCiRepository[]): NormalCiJob[] {
  const watched = (repository: string) => repositories.find(({ name }) => name === repository)?.branches;
  return jobs.map(({ name, repository, branches = watched(repository) ?? [], steps }) => ({
    name,
    repository,
    branches,
    steps: steps.map(({ environment = {}, timeoutSeconds = 600, ...step }) => ({ ...step, environment, timeoutSeconds })),
  }));
}

export function checkRepositories(checks: Checks, repositories: readonly NormalCiRepository[]): void {
  repositories.forEach(({ name, url, branches, pollSeconds, push }, index) => {
    const path = `repositories[${index}]`;
    const namesake = repositories.findIndex((other) => other.name === name);
    checks
      .that(REPOSITORY_PATTERN.test(name), `${path}.name`, name, REPOSITORY_REMEDY)
      .that(namesake === index, `${path}.name`, name, "must be its own; rename or remove the other repository")
      .that(
        URL_PATTERN.test(url),
        `${path}.url`,
        url.replace(/\/\/[^/@]*@/, "//…@"),
        "must be an ssh://, https:// or http:// URL with a path and no password",
      )
      .that(branches.length > 0, `${path}.branches`, branches, "must be one branch or more")
      .that(
        pollSeconds === null || (Number.isInteger(pollSeconds) && pollSeconds >= 1 && pollSeconds <= DAY),
        `${path}.pollSeconds`,
        pollSeconds,
        "must be whole seconds from 1 to a day, or null to look only after a push",
      )
      .that(
        push || pollSeconds !== null,
        `${path}.pollSeconds`,
        pollSeconds,
        "must be given where push is false, or no new commit would ever be seen",
      );
    for (const branch of branches) checks.that(isBranch(branch), `${path}.branches`, branch, "must be the name of a branch, such as main");
  });
}

export function checkJobs(checks: Checks, jobs: readonly NormalCiJob[], repositories: readonly NormalCiRepository[]): void {
  const declared = repositories.map(({ name }) => name);
  jobs.forEach((job, index) => {
    const path = `jobs[${index}]`;
    const repository = repositories.find(({ name }) => name === job.repository);
    const namesake = jobs.findIndex((other) => other.name === job.name);
    const unwatched = job.branches.filter((branch) => repository !== undefined && !repository.branches.includes(branch));
    checks
      .that(REPOSITORY_PATTERN.test(job.name), `${path}.name`, job.name, REPOSITORY_REMEDY)
      .that(namesake === index, `${path}.name`, job.name, `must be its own, but jobs[${namesake}] has it; rename one of them`)
      .that(
        repository !== undefined,
        `${path}.repository`,
        job.repository,
        `must be one of repositories: ${declared.join(", ") || "there is none"}; declare it there`,
      )
      .that(
        repository === undefined || (job.branches.length > 0 && unwatched.length === 0),
        `${path}.branches`,
        job.branches,
        `must be of the branches that ${job.repository} is watched for: ${repository?.branches.join(", ")}`,
      )
      .that(job.steps.length > 0, `${path}.steps`, job.steps, "must be one step or more");
    checkSteps(checks, path, job.steps);
  });
}

function checkSteps(checks: Checks, path: string, steps: NormalCiJob["steps"]): void {
  steps.forEach(({ name, command, environment, timeoutSeconds }, index) => {
    const step = `${path}.steps[${index}]`;
    checks
      .that(
        REPOSITORY_PATTERN.test(name) && name !== "checkout",
        `${step}.name`,
        name,
        `${REPOSITORY_REMEDY}, and not checkout, which comes first`,
      )
      .that(
        steps.findIndex((other) => other.name === name) === index,
        `${step}.name`,
        name,
        "must be its own within the job; rename or remove the other step",
      )
      .that(
        command.length > 0 && command[0] !== "" && command.every((word) => !/[\0\n]/.test(word)),
        `${step}.command`,
        command,
        'must be an argument array, such as ["make", "test"], each word on one line',
      )
      .that(
        Number.isInteger(timeoutSeconds) && timeoutSeconds >= 1 && timeoutSeconds <= DAY,
        `${step}.timeoutSeconds`,
        timeoutSeconds,
        "must be whole seconds from 1 to a day",
      );
    checkEnvironment(checks, environment);
  });
}
