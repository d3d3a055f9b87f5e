import type { GatewayEngine } from "./gateway-settings";

/** Folder of the configuration's volume; `current` in it is the folder that nginx runs with. */
export const GATEWAY_CONFIG = "/etc/gateway";

/** Where nginx keeps what was last seen, on a volume that it may write. */
export const GATEWAY_DATA = "/var/lib/gateway";

const RUNNING = ["nginx", "-e", "stderr", "-p", `${GATEWAY_CONFIG}/current/`, "-c", "nginx.conf"];

export function gatewayCommand(): string[] {
  return [...RUNNING, "-g", "daemon off;"];
}

/** The check of a configuration; with the engine `lua`, Lua is loaded to be checked as well. */
export function gatewayCheck(folder: string, engine: GatewayEngine): string[] {
  const check = ["nginx", "-e", "stderr", "-t", "-q", "-p"];
  if (engine === "upsync") return [...check, `${folder}/`, "-c", "nginx.conf"];
  return ["sh", "-euc", `${check.join(" ")} "$0/" -c nginx.conf; nginx -e stderr -p "$0/" -c check.conf`, folder];
}

export function gatewayReload(): string[] {
  return [...RUNNING, "-s", "reload"];
}

/**
 * Asks nginx's workers over the admin listener whether they serve.
 *
 * @param configuration Name of the configuration that they must serve with. @default whichever they have
 */
export function gatewayProbe(adminPort: number, configuration?: string): string[] {
  const url = `http://127.0.0.1:${adminPort}/__gateway/health`;
  return [
    "curl",
    "-sS",
    "--fail-with-body",
    "--max-time",
    "2",
    configuration === undefined ? url : `${url}?configuration=${configuration}`,
  ];
}
