import type { ContainerRule, Section } from "./filebeat-inputs";

export const FILEBEAT_CONFIG = "/etc/filebeat";
export const FILEBEAT_DATA = "/var/lib/filebeat";

/**
 * Where the keeper relays to Elasticsearch.
 *
 * Filebeat, Logstash and Kibana 7.17 write to no server that cannot tell of its licence, which one without X-Pack cannot.
 */
export const RELAY_PORT = 9201;

/** Where the engine's folder of containers is mounted. */
export const CONTAINERS_PATH = "/var/lib/docker/containers";

export const FILEBEAT_FILES = {
  settings: "filebeat.yml",
  output: "output.yml",
  templates: "templates.json",
  keeper: "keeper.json",
  password: "elasticsearch-password",
} as const;

/** What the keeper of one Filebeat depends on. */
export interface KeeperSettings {
  readonly inputs: readonly Section[];
  readonly containers?: { readonly stack: string; readonly rules: readonly ContainerRule[] };
  /** Servers of Elasticsearch whose indices are kept. */
  readonly elasticsearch?: { readonly urls: readonly string[]; readonly user?: string };
  readonly retention?: { readonly indices: readonly string[]; readonly days: number };
  /** Servers of Elasticsearch, as `host:port`, and where the keeper listens for who writes to them. */
  readonly relay?: { readonly listen: string; readonly targets: readonly string[] };
  /** Addresses of the output, and what Filebeat calls their list. */
  readonly hosts: readonly string[];
  readonly hostsPath: string;
}

export function renderKeeperSettings({ inputs, containers, elasticsearch, retention, relay, hosts, hostsPath }: KeeperSettings): string {
  const settings = {
    inputs,
    ...(containers && { containers: { stack: containers.stack, root: CONTAINERS_PATH, rules: containers.rules } }),
    ...(elasticsearch && { elasticsearch }),
    ...(retention && { retention }),
    ...(relay && { relay }),
    hosts,
    hostsPath,
  };
  return `${JSON.stringify(settings, undefined, 2)}\n`;
}

export function keeperCommand(): string[] {
  return ["filebeat-keeper", "run"];
}

/** Asks Filebeat whether it runs; an output that is away is none of its faults, and is told all the same. */
export function keeperProbe(): string[] {
  return ["filebeat-keeper", "probe"];
}

/** Asks whether Filebeat runs what is configured, all of its inputs, and whether its output takes what it has. */
export function keeperWhole(): string[] {
  return ["filebeat-keeper", "whole"];
}

export function keeperCheck(folder: string): string[] {
  return ["filebeat-keeper", "check", folder];
}

/** Has the keeper, which is the container's first process, look at once at what has changed. */
export function keeperReload(): string[] {
  return ["/bin/sh", "-c", "kill -HUP 1"];
}
