import type { NormalGitlab } from "./engine-args";

export const GITLAB_PATH = "/etc/dockyard-gitlab";
const CURRENT = `${GITLAB_PATH}/current`;
export const GITLAB_FILES = { settings: "gitlab.rb", rootPassword: "root-password", mailPassword: "mail-password" } as const;

/** Folders of the image that outlive the container, with the last part of their volumes' names; the first is the data itself. */
export const GITLAB_DATA_PATH = "/var/opt/gitlab";
export const GITLAB_FOLDERS = { settings: "/etc/gitlab", log: "/var/log/gitlab" } as const;

/** What the server is made from. */
export interface GitlabSettings {
  /** URL by which its own pages and clones name it. */
  readonly url: string;
  /** Port that the pages are served on, inside the container. */
  readonly port: number;
  readonly engine: NormalGitlab;
}

/** Ruby code that the image's own configuration reads; secrets are read from their files. */
export function renderGitlabRb({ url, port, engine }: GitlabSettings): string {
  const { sshPort, pumaWorkers, sidekiqConcurrency, monitoring } = engine;
  return [
    `external_url ${ruby(url)}`,
    "",
    "# Encryption ends before the container, where there is any.",
    `nginx['listen_port'] = ${port}`,
    "nginx['listen_https'] = false",
    "letsencrypt['enable'] = false",
    "",
    `gitlab_rails['initial_root_password'] = ${readSecret(GITLAB_FILES.rootPassword)}`,
    ...(sshPort === null ? [] : [`gitlab_rails['gitlab_shell_ssh_port'] = ${sshPort}`]),
    "gitlab_rails['usage_ping_enabled'] = false",
    ...renderMail(engine),
    "",
    `puma['worker_processes'] = ${pumaWorkers}`,
    `sidekiq['concurrency'] = ${sidekiqConcurrency}`,
    `prometheus_monitoring['enable'] = ${monitoring === "on"}`,
    "",
  ].join("\n");
}

function renderMail({ mail }: NormalGitlab): string[] {
  if (mail === undefined) return ["gitlab_rails['smtp_enable'] = false", "gitlab_rails['gitlab_email_enabled'] = false"];
  return [
    "gitlab_rails['smtp_enable'] = true",
    `gitlab_rails['smtp_address'] = ${ruby(mail.host)}`,
    `gitlab_rails['smtp_port'] = ${mail.port}`,
    ...(mail.user === undefined
      ? []
      : [
          `gitlab_rails['smtp_user_name'] = ${ruby(mail.user)}`,
          `gitlab_rails['smtp_password'] = ${readSecret(GITLAB_FILES.mailPassword)}`,
          "gitlab_rails['smtp_authentication'] = 'login'",
        ]),
    "gitlab_rails['smtp_enable_starttls_auto'] = true",
    `gitlab_rails['gitlab_email_from'] = ${ruby(mail.from)}`,
  ];
}

/** Environment of the container: where the image finds its configuration. */
export function gitlabEnvironment(): Record<string, string> {
  return { GITLAB_OMNIBUS_CONFIG: `from_file(${ruby(`${CURRENT}/${GITLAB_FILES.settings}`)})` };
}

export function gitlabCommand(): string[] {
  return ["/assets/init-container"];
}

/** Ruby reads the file without running it. */
export function gitlabCheck(folder: string): string[] {
  return ["/opt/gitlab/embedded/bin/ruby", "-c", `${folder}/${GITLAB_FILES.settings}`];
}

export function gitlabReload(): string[] {
  return ["gitlab-ctl", "reconfigure"];
}

/** Asks whether the pages can be served, which takes its database and its queue. */
export function gitlabProbe(port: number): string[] {
  return ["curl", "--silent", "--show-error", "--fail", "--output", "/dev/null", `http://127.0.0.1:${port}/-/readiness`];
}

function readSecret(file: string): string {
  return `File.read(${ruby(`${CURRENT}/${file}`)}).strip`;
}

/** In single quotes Ruby reads nothing but a backslash. */
function ruby(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
