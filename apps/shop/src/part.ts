import type { HttpRoutes } from "./http/server";
import type { RpcMethods } from "./rpc/server-connection";

/** What one service adds to what every service has: its paths, its methods, and what it keeps running. */
export interface ServicePart {
  readonly routes: HttpRoutes;
  readonly methods: RpcMethods;
  /** Resolves when the part knows what it needs to answer; the service waits a moment for it before it listens. */
  readonly ready: Promise<void>;
  /** Called when the last request has been answered. */
  close(): Promise<void>;
}
