/** What nginx' memory depends on. */
interface Sized {
  readonly memoryMiB: number;
  readonly workers: number;
  readonly requests: { readonly maxHeaderKiB: number };
}

/** More than that no worker here has use for. */
const MOST = 4096;

/** What a part of an answer takes that waits for a slow client. */
const ANSWER_KIB = 32;

/**
 * Connections, clients' and instances', that each worker may hold. A client can have a connection take four buffers of headers or an answer's
 * buffers; all of them together stay within half of the container's memory, and the other half is for the workers and what they share.
 */
export function workerConnections({ memoryMiB, workers, requests }: Sized): number {
  const eachKiB = Math.max(4 * requests.maxHeaderKiB, ANSWER_KIB);
  return Math.min(Math.floor((memoryMiB * 1024) / 2 / workers / eachKiB), MOST);
}
