import { block, quoted } from "./nginx-block";
import type { NormalRequestSettings, SecurityHeadersArgs } from "./request-args";

const HEADERS: Readonly<Record<keyof SecurityHeadersArgs, string>> = {
  contentTypeOptions: "X-Content-Type-Options",
  frameOptions: "X-Frame-Options",
  referrerPolicy: "Referrer-Policy",
  contentSecurityPolicy: "Content-Security-Policy",
  permissionsPolicy: "Permissions-Policy",
};

/** What a request may be and how long it may take, for the http block. */
export function requestBounds({ requests }: NormalRequestSettings): string[] {
  return [
    `client_max_body_size ${requests.maxBodyKiB}k;`,
    `large_client_header_buffers 4 ${requests.maxHeaderKiB}k;`,
    `client_header_timeout ${requests.headerTimeoutSeconds}s;`,
    `client_body_timeout ${requests.bodyTimeoutSeconds}s;`,
    `send_timeout ${requests.sendTimeoutSeconds}s;`,
    `keepalive_timeout ${requests.keepaliveSeconds}s;`,
    `keepalive_requests ${requests.keepaliveRequests};`,
  ];
}

/**
 * Marks what no honest client sends: a step up in the path, which clients resolve before they ask; a path that begins with two slashes, which
 * a service may take for a host's name in front of another path; an end of a line in the path or the query, which could end a header
 * somewhere behind; and a request without a host, which only HTTP/1.0 allows, and HTTP/0.9, whose requests have no head at all.
 *
 * nginx itself refuses what does not agree on a request's length: two lengths, a length beside chunks, an encoding other than `chunked`.
 */
export function refusals(): string[] {
  const [dot, slash] = [String.raw`(\.|%2e)`, String.raw`(/|\\|%2f|%5c)`];
  const up = `[^?]*${slash}${dot}${dot}(${slash}|[?;#]|%3f|%3b|%23|$)`;
  return [
    block("map $http_host $gateway_hostless", ['"" 1;', "default 0;"]),
    // The last is told by another variable, and would hide those behind it.
    block('map "$server_protocol $request_uri" $gateway_refused', [
      "default 0;",
      `${quoted(`~*^[^ ]* (/${slash}|${up})`)} 1;`,
      `${quoted("~*%0[ad0]")} 1;`,
      `${quoted(String.raw`~*^(HTTP/1\.0)? `)} $gateway_hostless;`,
    ]),
  ];
}

/** Refuses what {@link refusals} marks, for a server. */
export function refuse(): string[] {
  return ["if ($gateway_refused) { return 400; }"];
}

/** Values of the headers that an answer lacks, whoever gave it, for the http block. */
export function securityHeaderValues(settings: NormalRequestSettings): string[] {
  return headersOf(settings).map(([header, value]) =>
    block(`map $sent_http_${underscored(header)} $gateway_${underscored(header)}`, [`"" ${quoted(value)};`, 'default "";']),
  );
}

/** Adds the headers, for a server; empty ones are left out by nginx. */
export function securityHeaders(settings: NormalRequestSettings): string[] {
  return headersOf(settings).map(([header]) => `add_header ${header} $gateway_${underscored(header)} always;`);
}

function headersOf({ securityHeaders: given }: NormalRequestSettings): [header: string, value: string][] {
  return (Object.keys(HEADERS) as (keyof SecurityHeadersArgs)[]).flatMap((each) => {
    const value = given[each];
    return value === null ? [] : [[HEADERS[each], value] as [string, string]];
  });
}

function underscored(header: string): string {
  return header.toLowerCase().replaceAll("-", "_");
}
