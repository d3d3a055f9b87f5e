import { Shape, maybe, number, oneOf, shape, text } from "../core/argument-shape";
import * as v from "valibot";

/** What a request may be, and how long it may take to come. */
export interface RequestBoundsArgs {
  /** Largest body of a request, in KiB. What exceeds 16 KiB waits on the gateway's volume until it is whole. @default 1024 */
  maxBodyKiB?: number;

  /** Largest line of a request's head, in KiB; four of them are held for a request at most. @default 8 */
  maxHeaderKiB?: number;

  /** Time for the whole head of a request, in seconds; then the connection is closed. @default 15 */
  headerTimeoutSeconds?: number;

  /** Time between two pieces of a body, in seconds; then the connection is closed and the log says 408. @default 15 */
  bodyTimeoutSeconds?: number;

  /** Time for which a client may take nothing of its answer, in seconds. @default 30 */
  sendTimeoutSeconds?: number;

  /** Time for which an idle connection stays open, in seconds. @default 75 */
  keepaliveSeconds?: number;

  /** Requests over one connection; then the client has to open another. @default 1000 */
  keepaliveRequests?: number;
}

/** Headers of every answer that tell browsers what to refuse. One that the service sets itself stays; null says that there is none. */
export interface SecurityHeadersArgs {
  /** `X-Content-Type-Options`: types are not guessed. @default "nosniff" */
  contentTypeOptions?: "nosniff" | null;

  /** `X-Frame-Options`: who may show a page in a frame. @default "DENY" */
  frameOptions?: "DENY" | "SAMEORIGIN" | null;

  /** `Referrer-Policy`: what other sites are told of the page that a link was on. @default "strict-origin-when-cross-origin" */
  referrerPolicy?: ReferrerPolicy | null;

  /** `Content-Security-Policy`; only who knows the pages can say. @default null */
  contentSecurityPolicy?: string | null;

  /** `Permissions-Policy`, as `camera=(), microphone=()`. @default null */
  permissionsPolicy?: string | null;
}

const REFERRER_POLICIES = [
  "no-referrer",
  "no-referrer-when-downgrade",
  "origin",
  "origin-when-cross-origin",
  "same-origin",
  "strict-origin",
  "strict-origin-when-cross-origin",
  "unsafe-url",
] as const;
export type ReferrerPolicy = (typeof REFERRER_POLICIES)[number];

export interface RequestSettings {
  /** What a request may be, and how long it may take to come. */
  requests?: RequestBoundsArgs;

  /** Headers of every answer that tell browsers what to refuse. */
  securityHeaders?: SecurityHeadersArgs;
}

const orNull = (schema: v.GenericSchema) => maybe(v.nullable(schema));

/** Names and types of {@link RequestSettings}. */
export const REQUESTS: Shape<RequestSettings> = {
  requests: maybe(
    shape<RequestBoundsArgs>({
      maxBodyKiB: maybe(number),
      maxHeaderKiB: maybe(number),
      headerTimeoutSeconds: maybe(number),
      bodyTimeoutSeconds: maybe(number),
      sendTimeoutSeconds: maybe(number),
      keepaliveSeconds: maybe(number),
      keepaliveRequests: maybe(number),
    }),
  ),
  securityHeaders: maybe(
    shape<SecurityHeadersArgs>({
      contentTypeOptions: orNull(oneOf(["nosniff"])),
      frameOptions: orNull(oneOf(["DENY", "SAMEORIGIN"])),
      referrerPolicy: orNull(oneOf(REFERRER_POLICIES)),
      contentSecurityPolicy: orNull(text),
      permissionsPolicy: orNull(text),
    }),
  ),
};

export type NormalRequestSettings = Readonly<{
  requests: Readonly<Required<RequestBoundsArgs>>;
  securityHeaders: Readonly<Required<SecurityHeadersArgs>>;
}>;

/** Fills in the defaults. */
export function normalizeRequests({ requests = {}, securityHeaders = {} }: RequestSettings): NormalRequestSettings {
  const {
    contentTypeOptions = "nosniff",
    frameOptions = "DENY",
    referrerPolicy = "strict-origin-when-cross-origin",
    contentSecurityPolicy = null,
    permissionsPolicy = null,
  } = securityHeaders;
  return {
    requests: {
      maxBodyKiB: requests.maxBodyKiB ?? 1024,
      maxHeaderKiB: requests.maxHeaderKiB ?? 8,
      headerTimeoutSeconds: requests.headerTimeoutSeconds ?? 15,
      bodyTimeoutSeconds: requests.bodyTimeoutSeconds ?? 15,
      sendTimeoutSeconds: requests.sendTimeoutSeconds ?? 30,
      keepaliveSeconds: requests.keepaliveSeconds ?? 75,
      keepaliveRequests: requests.keepaliveRequests ?? 1000,
    },
    securityHeaders: { contentTypeOptions, frameOptions, referrerPolicy, contentSecurityPolicy, permissionsPolicy },
  };
}
