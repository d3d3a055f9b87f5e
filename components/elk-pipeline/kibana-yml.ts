import type { Endpoint } from "../core/endpoint";
import { shellCommand } from "../core/shell";
import type { NormalKibanaArgs } from "./kibana-args";

export const KIBANA_PORT = 5601;
export const KIBANA_CONFIG = "/etc/kibana";
export const KIBANA_DATA = "/usr/share/kibana/data";
export const KIBANA_FILE = "kibana.yml";

export interface KibanaSettings {
  readonly name: string;
  readonly elasticsearch: readonly Endpoint[];
  readonly user?: string;
  readonly password?: string;
}

/** `kibana.yml`, which Kibana reads when it starts. */
export function renderKibanaYml(
  { name, elasticsearch, user, password }: KibanaSettings,
  { basePath, memoryMiB }: NormalKibanaArgs,
): string {
  const settings = {
    "server.name": name,
    "server.host": "0.0.0.0",
    "server.port": KIBANA_PORT,
    ...(basePath !== "" && { "server.basePath": basePath, "server.rewriteBasePath": true }),
    "elasticsearch.hosts": elasticsearch.map((endpoint) => endpoint.url("http")),
    ...(user !== undefined && { "elasticsearch.username": user, "elasticsearch.password": password }),
    "path.data": KIBANA_DATA,
    "telemetry.enabled": false,
    // A report would start a browser, for which the limit has no room.
    ...(memoryMiB < 2048 && { "xpack.reporting.enabled": false }),
  };
  return `${JSON.stringify(settings, undefined, 2)}\n`;
}

export function kibanaCommand(): string[] {
  return ["/usr/share/kibana/bin/kibana", "--config", `${KIBANA_CONFIG}/current/${KIBANA_FILE}`];
}

export function kibanaEnvironment({ memoryMiB }: NormalKibanaArgs): Record<string, string> {
  return { NODE_OPTIONS: `--max-old-space-size=${Math.floor(memoryMiB * 0.75)}` };
}

/** Kibana has no check of its own: what it reads is there. */
export function kibanaCheck(folder: string): string[] {
  return ["test", "-s", `${folder}/${KIBANA_FILE}`];
}

/** Kibana reads its file when it starts: it ends, and the engine starts it anew. */
export function kibanaReload(): string[] {
  return ["/bin/sh", "-c", "kill -TERM 1"];
}

/** Asks whether Kibana answers, and has started since its file was last changed. */
export function kibanaWhole(kibana: NormalKibanaArgs): string[] {
  const lines = [
    // Behind the name in brackets, which may hold anything, the moment of the start is the twentieth word, in hundredths of a second since the host's.
    "set -- $(sed 's/.*) //' /proc/1/stat)",
    "started=$(($(sed -n 's/^btime //p' /proc/stat) + ${20} / 100))",
    `[ $((started + 2)) -ge "$(stat -c %Y ${KIBANA_CONFIG}/current)" ] || { echo "it runs with what it read before"; exit 1; }`,
    `exec ${shellCommand(kibanaProbe(kibana))}`,
  ];
  return ["/bin/sh", "-c", lines.join("\n")];
}

/** Asks Kibana whether it answers with a page, and not that it is not ready. */
export function kibanaProbe({ basePath }: NormalKibanaArgs): string[] {
  const page = `http://127.0.0.1:${KIBANA_PORT}${basePath}/api/status`;
  return ["curl", "--silent", "--fail", "--max-time", "5", "--output", "/dev/null", page];
}
