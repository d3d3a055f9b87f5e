/** Where HAProxy's configuration is mounted; HAProxy reads every `.cfg` of the folder that is in use. */
export const HAPROXY_CONFIG = "/etc/pair/haproxy";
/** Where keepalived's configuration is mounted. */
export const KEEPALIVED_CONFIG = "/etc/pair/keepalived";
/** The user of the image that HAProxy and every script run as. */
export const HAPROXY_USER = "810:810";
/** Its name. */
export const HAPROXY_USER_NAME = "haproxy";
/** Folder in memory of that user: sockets, and when HAProxy was last started anew. */
export const PAIR_RUN = "/run/pair";
export const HAPROXY_WORKER_SOCKET = `${PAIR_RUN}/worker.sock`;

/** What keepalived asks whether the node may hold the addresses. */
export const CHECK_SCRIPT = "/opt/pair/check";
/** What keeps the state of every election for the health check. */
export const STATES_SCRIPT = "/opt/pair/states";

/** The supervisor of HAProxy and keepalived. */
export function pairCommand(): string[] {
  return ["/opt/pair/init"];
}

/** Asks HAProxy whether it answers, and keepalived's states whether it takes part in every election. */
export function pairProbe(): string[] {
  return ["/opt/pair/health"];
}

export function haproxyCheck(folder: string): string[] {
  return ["haproxy", "-c", "-f", `${folder}/`];
}

export function haproxyReload(): string[] {
  return ["/opt/pair/reload-haproxy"];
}

export function keepalivedCheck(folder: string): string[] {
  return ["keepalived", "--config-test", "--config-id", "check", "--use-file", `${folder}/keepalived.conf`];
}

export function keepalivedReload(): string[] {
  return ["/opt/pair/reload-keepalived"];
}
