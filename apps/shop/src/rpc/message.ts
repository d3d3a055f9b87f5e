/** JSON-RPC 2.0 as both sides speak it; batches are not served, since frames already separate the calls. */
export type RpcId = string | number | null;

export interface RpcRequest {
  readonly jsonrpc: "2.0";
  /** Absent in a notification, which gets no answer. */
  readonly id?: RpcId;
  readonly method: string;
  readonly params?: unknown;
}

export interface RpcResponse {
  readonly jsonrpc: "2.0";
  readonly id: RpcId;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export const RpcCode = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internalError: -32_603,
  /** The services' own: what was asked for does not exist. */
  notFound: 404,
  /** The services' own: a service that the method needs does not answer. */
  unavailable: 503,
} as const;

/** What a server sends before it leaves, so that its clients start no call that it could not answer. */
export const GOAWAY_METHOD = "rpc.goaway";

/** An answer that says no: the peer is alive, and another would answer the same. */
export class RpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
    this.name = "RpcError";
  }
}

/** @throws {RpcError} when the body is not JSON. */
export function parseBody(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new RpcError(RpcCode.parseError, `the frame's ${body.length} bytes are not JSON`);
  }
}

/** The id to answer with: null when the message is too broken to have one. */
export function idOf(message: unknown): RpcId {
  const id = isRecord(message) ? message.id : null;
  return typeof id === "string" || typeof id === "number" ? id : null;
}

/** @throws {RpcError} when the message is JSON but no request. */
export function asRequest(message: unknown): RpcRequest {
  const fault = requestFault(message);
  if (fault !== undefined) throw new RpcError(RpcCode.invalidRequest, fault);
  return message as RpcRequest;
}

function requestFault(message: unknown): string | undefined {
  if (Array.isArray(message)) return "batches are not served: send one frame per request";
  if (!isRecord(message)) return "a request is a JSON object";
  if (message.jsonrpc !== "2.0") return 'a request has "jsonrpc": "2.0"';
  if (typeof message.method !== "string") return "a request names its method";
  const id = message.id;
  if (id !== undefined && id !== null && typeof id !== "string" && typeof id !== "number") return "an id is a string or a number";
  const params = message.params;
  if (params !== undefined && (typeof params !== "object" || params === null)) return "params are an object or an array";
  return undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
