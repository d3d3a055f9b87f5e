import type { NormalGatewayLua } from "./lua-args";
import type { NormalLimitSettings } from "./limit-args";
import type { NormalRequestSettings } from "./request-args";
import type { NormalTierSettings } from "./tier-args";

/** What the gateway's memory depends on. */
export interface Sized
  extends Pick<NormalLimitSettings, "limits">, Pick<NormalRequestSettings, "requests">, Pick<NormalTierSettings, "tiers"> {
  /** Memory of the container, in MiB. */
  readonly memoryMiB: number;
  readonly workers: number;
  readonly tls: { readonly http2: boolean } | undefined;
  readonly lua: NormalGatewayLua;
}

/** More connections than that no worker here has use for. */
const MOST_CONNECTIONS = 4096;

/** Memory that workers share where nothing is limited, kept or encrypted, and further where it is, in MiB. */
const SHARED_MIB = 16;
const SHARED_BY_TIERS_MIB = 28;
const SHARED_BY_TLS_MIB = 10;

/** A worker at rest, and what it takes of answers that it collects for the tiers below, with what Lua has not given back yet, in MiB. */
const WORKER_MIB = 12;
const COLLECTED_MIB = 16;

/** What nginx holds of a request: itself, a body that is not whole yet, an answer that its client has not taken, and the encryption, in KiB. */
const REQUEST_KIB = 8;
const BODY_KIB = 16;
const ANSWER_KIB = 36;
const TLS_KIB = 24;

/** The share of the memory for bodies that Lua reads, each of which lies there twice: as it came, and as Lua has it. */
const LUA_SHARE = 1 / 8;
const COPIES = 2;

/**
 * Connections, clients' and instances', that each worker may hold: as many as there is memory for when clients have each take all that it
 * can, four buffers of headers, a body's and an answer's. With HTTP/2 half of that memory is for requests that share a connection.
 */
export function workerConnections(sized: Sized): number {
  return Math.min(Math.floor(requestsAtOnce(sized) / sized.workers), MOST_CONNECTIONS);
}

/** Requests by HTTP/2 that all workers together may have under way; undefined where it is not spoken. */
export function http2Requests(sized: Sized): number | undefined {
  return sized.tls?.http2 ? requestsAtOnce(sized) : undefined;
}

/** Requests that locations in Lua may have under way in all workers, by the location's name: of those with larger bodies than any request has. */
export function luaRequests({ memoryMiB, lua }: Pick<Sized, "memoryMiB" | "lua">): ReadonlyMap<string, number> {
  const sharing = Object.entries(lua.locations).filter(([, { maxBodyKiB }]) => maxBodyKiB > BODY_KIB);
  const eachKiB = (memoryMiB * 1024 * LUA_SHARE) / sharing.length / COPIES;
  return new Map(sharing.map(([name, { maxBodyKiB }]) => [name, Math.floor(eachKiB / maxBodyKiB)]));
}

function requestsAtOnce(sized: Sized): number {
  const { memoryMiB, workers, tls } = sized;
  const workersMiB = workers * (WORKER_MIB + (hasTiers(sized) ? COLLECTED_MIB : 0));
  const freeMiB = memoryMiB - sharedMiB(sized) - workersMiB - (luaRequests(sized).size > 0 ? memoryMiB * LUA_SHARE : 0);
  return Math.max(Math.floor((freeMiB * 1024) / (tls?.http2 ? 2 : 1) / requestKiB(sized)), 0);
}

/** What a request and its connection take at the most, in KiB. */
function requestKiB({ requests, tiers, tls }: Sized): number {
  const kept = Object.values(tiers).map(({ fill }) => fill.maxKiB);
  return REQUEST_KIB + 4 * requests.maxHeaderKiB + BODY_KIB + Math.max(ANSWER_KIB, ...kept) + (tls ? TLS_KIB : 0);
}

/** The zones of shared memory that the configuration asks for. */
export function sharedMiB(sized: Pick<Sized, "limits" | "tiers" | "tls">): number {
  const limitsMiB = Object.values(sized.limits).map(
    ({ rate, connections, zoneMiB }) => [rate, connections].filter((counted) => counted !== undefined).length * zoneMiB,
  );
  return (
    SHARED_MIB +
    (hasTiers(sized) ? SHARED_BY_TIERS_MIB : 0) +
    (sized.tls ? SHARED_BY_TLS_MIB : 0) +
    limitsMiB.reduce((sum, each) => sum + each, 0)
  );
}

function hasTiers({ tiers }: Pick<Sized, "tiers">): boolean {
  return Object.keys(tiers).length > 0;
}
