import { shellCommand } from "../core/shell";
import type { NormalCiUser } from "./args";
import type { NormalJenkins } from "./engine-args";
import type { NormalCiJob, NormalCiRepository } from "./job-args";

export const JENKINS_PATH = "/etc/jenkins";
const CURRENT = `${JENKINS_PATH}/current`;
export const JENKINS_HOME = "/var/jenkins_home";

/** Secrets that Jenkins reads by their file's name. */
export const SECRETS_FOLDER = "secrets";
export const RELOAD_TOKEN = "reload-token";

export function passwordFile(user: string): string {
  return `password-of-${user}`;
}

/** What the configuration below takes. */
const PLUGINS = ["configuration-as-code", "git", "job-dsl", "matrix-auth"];

const ROLE_PERMISSIONS = {
  admin: ["Overall/Administer"],
  builder: ["Overall/Read", "Job/Read", "Job/Build", "Job/Cancel", "View/Read"],
} as const;

/** Description by which jobs of the component are known, so that those that are no longer declared go. */
const OWN_JOB = "dockyard";

/** What the server is made from. */
export interface JenkinsSettings {
  readonly title: string;
  /** URL by which its own pages name it. */
  readonly url: string;
  readonly engine: NormalJenkins;
  readonly repositories: readonly NormalCiRepository[];
  readonly jobs: readonly NormalCiJob[];
  readonly users: readonly NormalCiUser[];
}

/** The configuration as code; JSON is YAML. */
export function renderCasc({ title, url, engine, repositories, jobs, users }: JenkinsSettings): string {
  const configuration = {
    jenkins: {
      systemMessage: `${title}: what is changed here by hand goes with the next change of the stack`,
      mode: "NORMAL",
      numExecutors: engine.executors,
      securityRealm: {
        local: {
          allowsSignup: false,
          users: users.map(({ name }) => ({ id: name, password: `\${${passwordFile(name)}}` })),
        },
      },
      authorizationStrategy: {
        globalMatrix: {
          entries: [
            ...users.map(({ name, role }) => ({ user: { name, permissions: ROLE_PERMISSIONS[role] } })),
            { group: { name: "anonymous", permissions: ["Overall/Read", "View/Read"] } },
          ],
        },
      },
      updateCenter: { sites: [{ id: "default", url: `${engine.updateCenter}/update-center.json` }] },
    },
    // The scripts of the jobs are the component's own, and nobody is there to approve them.
    security: { globalJobDslSecurityConfiguration: { useScriptSecurity: false } },
    unclassified: { location: { url } },
    jobs: [...jobs.map((job) => renderJob(job, repositories)), renderRemoval(jobs)].map((script) => ({ script: escapeCasc(script) })),
  };
  return `${JSON.stringify(configuration, undefined, 2)}\n`;
}

/** A job as the plugin job-dsl makes it. */
export function renderJob({ name, repository, branches, steps }: NormalCiJob, repositories: readonly NormalCiRepository[]): string {
  const source = repositories.find((each) => each.name === repository);
  if (source === undefined) return "";
  const ignored = source.push ? "" : " { ignorePostCommitHooks(true) }";
  return [
    `freeStyleJob(${groovy(name)}) {`,
    `  description(${groovy(OWN_JOB)})`,
    "  scm {",
    "    git {",
    `      remote { url(${groovy(source.url)}) }`,
    `      branches(${branches.map((branch) => groovy(`refs/heads/${branch}`)).join(", ")})`,
    "    }",
    "  }",
    `  triggers { scm(${groovy(renderSchedule(source.pollSeconds))})${ignored} }`,
    "  steps {",
    ...steps.map((step) => `    shell(${groovy(renderStep(step))})`),
    "  }",
    "}",
    "",
  ].join("\n");
}

/** Deletes what the component made and is not wanted any more; the plugin would leave it. */
function renderRemoval(jobs: readonly NormalCiJob[]): string {
  return [
    `def wanted = [${jobs.map(({ name }) => groovy(name)).join(", ")}]`,
    `def own = jenkins.model.Jenkins.get().getItems(hudson.model.AbstractItem).findAll { it.description == ${groovy(OWN_JOB)} }`,
    "own.findAll { !wanted.contains(it.name) }.each { it.delete() }",
    "",
  ].join("\n");
}

/** Without the token by which the configuration is read anew: the server has it in its own environment. */
function renderStep({ command, environment, timeoutSeconds }: NormalCiJob["steps"][number]): string {
  const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  return shellCommand(["env", "-u", "CASC_RELOAD_TOKEN", ...variables, "timeout", String(timeoutSeconds), ...command]);
}

/** An empty schedule never looks by itself, and is told of pushes. */
function renderSchedule(pollSeconds: number | null): string {
  if (pollSeconds === null) return "";
  const minutes = pollSeconds / 60;
  if (minutes === 60) return "H * * * *";
  return minutes === 1 ? "* * * * *" : `H/${minutes} * * * *`;
}

/** What jenkins-plugin-cli installs. A version that is named for one of the component's own plugins wins. */
export function renderPlugins({ plugins }: NormalJenkins): string {
  const named = plugins.map((plugin) => plugin.split(":")[0]);
  return [...PLUGINS.filter((plugin) => !named.includes(plugin)), ...plugins]
    .sort()
    .map((plugin) => `${plugin}\n`)
    .join("");
}

/** Environment of the container; none of it is a secret. */
export function jenkinsEnvironment({ updateCenter, heapShare }: NormalJenkins, port: number): Record<string, string> {
  return {
    CASC_JENKINS_CONFIG: `${CURRENT}/jenkins.yaml`,
    JAVA_OPTS: [
      "-Djenkins.install.runSetupWizard=false",
      // A push knocks without a token of Jenkins' own, and can do nothing but have it look.
      "-Dhudson.plugins.git.GitStatus.NOTIFY_COMMIT_ACCESS_CONTROL=disabled-for-polling",
      `-XX:MaxRAMPercentage=${Math.round(heapShare * 100)}`,
    ].join(" "),
    JENKINS_HOME,
    JENKINS_OPTS: `--httpPort=${port} --webroot=${JENKINS_HOME}/war`,
    JENKINS_UC: updateCenter,
    JENKINS_UC_DOWNLOAD_URL: pluginsUrl(updateCenter),
    JENKINS_PLUGIN_INFO: `${updateCenter}/current/plugin-versions.json`,
    SECRETS: `${CURRENT}/${SECRETS_FOLDER}`,
  };
}

/** A mirror has the plugins beside its folder `updates`, the update centre itself below `download`. */
function pluginsUrl(updateCenter: string): string {
  return updateCenter.endsWith("/updates") ? updateCenter.replace(/updates$/, "plugins") : `${updateCenter}/download/plugins`;
}

/** Installs what is missing, and becomes the server. */
export function renderStart(): string {
  return [
    "#!/bin/sh",
    "# Installs the plugins, and runs the server in the foreground.",
    "set -eu",
    "# Once for each list and version of the server: another start needs no network.",
    `wanted=$(cat ${CURRENT}/plugins.txt /usr/share/jenkins/jenkins.war | sha256sum)`,
    `mark=${JENKINS_HOME}/.plugins`,
    'if [ "$wanted" != "$(cat "$mark" 2>/dev/null)" ]; then',
    `  jenkins-plugin-cli --plugin-file ${CURRENT}/plugins.txt --plugin-download-directory ${JENKINS_HOME}/plugins`,
    '  echo "$wanted" > "$mark"',
    "fi",
    "# Not in the container's own environment, which docker inspect shows.",
    `CASC_RELOAD_TOKEN=$(cat ${CURRENT}/${SECRETS_FOLDER}/${RELOAD_TOKEN})`,
    "export CASC_RELOAD_TOKEN",
    "# The image's own configuration of ssh does not know the mesh.",
    "mesh=/etc/ssh/mesh/current/ssh_config",
    '[ ! -e "$mesh" ] || export GIT_SSH_COMMAND="ssh -F $mesh"',
    "exec /usr/local/bin/jenkins.sh",
    "",
  ].join("\n");
}

export function jenkinsCommand(): string[] {
  return ["/bin/sh", `${CURRENT}/start`];
}

export function jenkinsProbe(port: number): string[] {
  return ["curl", "--silent", "--show-error", "--fail", "--output", "/dev/null", `http://127.0.0.1:${port}/login`];
}

/** Has the running server read its configuration anew. */
export function jenkinsReload(port: number): string[] {
  const token = `$(cat ${CURRENT}/${SECRETS_FOLDER}/${RELOAD_TOKEN})`;
  const url = `http://127.0.0.1:${port}/reload-configuration-as-code/`;
  // From standard input: an argument would show the token in the list of processes.
  return [
    "/bin/sh",
    "-c",
    `printf 'url = "${url}?casc-reload-token=%s"\\n' "${token}" | curl --silent --show-error --fail --request POST --config -`,
  ];
}

/** The official image has no check of its own that could be run beside the server. */
export function jenkinsCheck(folder: string): string[] {
  return ["/bin/sh", "-n", `${folder}/start`];
}

/** URL at which a push knocks, so that the jobs of one repository look for what is new. */
export function notifyUrl(endpoint: string, url: string): string {
  return `http://${endpoint}/git/notifyCommit?url=${encodeURIComponent(url)}`;
}

/** In single quotes Groovy reads no variables. */
function groovy(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&").replaceAll("\n", "\\n")}'`;
}

/** A variable in what the configuration holds would be taken for one of its own. */
function escapeCasc(text: string): string {
  return text.replaceAll("${", "^${");
}
