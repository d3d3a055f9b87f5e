import { block } from "./nginx-block";
import type { NormalLimitSettings } from "./limit-args";

type Trusting = Pick<NormalLimitSettings, "trustedProxies">;

/** Headers by which a service may take another URL than the one that a location was chosen by, or another host. */
const UNTRUSTED = [
  "Forwarded",
  "X-Forwarded-Path",
  "X-Forwarded-Port",
  "X-Forwarded-Uri",
  "X-Host",
  "X-HTTP-Host-Override",
  "X-Original-Host",
  "X-Original-Path",
  "X-Original-URI",
  "X-Original-URL",
  "X-Rewrite-URL",
];

/** What services are told of the client and of how it asked, for the http block; what others say of that only where they are trusted. */
export function forwardedHeaders(conf: Trusting): string[] {
  return [
    ...forwardedValues(conf),
    "proxy_set_header X-Real-IP $remote_addr;",
    `proxy_set_header X-Forwarded-For ${conf.trustedProxies.length > 0 ? "$gateway_forwarded_for" : "$remote_addr"};`,
    "proxy_set_header X-Forwarded-Host $host;",
    `proxy_set_header X-Forwarded-Proto ${clientScheme(conf)};`,
    ...UNTRUSTED.map((header) => `proxy_set_header ${header} "";`),
  ];
}

/** Variable with how the client asked, `http` or `https`. */
export function clientScheme({ trustedProxies }: Trusting): string {
  return trustedProxies.length > 0 ? "$gateway_scheme" : "$scheme";
}

/** Each address is added by who was connected with it: the last one is the proxy's own, and not the client's once more. */
function forwardedValues({ trustedProxies }: Trusting): string[] {
  if (trustedProxies.length === 0) return [];
  return [
    block("geo $realip_remote_addr $gateway_by_proxy", ["default 0;", ...trustedProxies.map((proxy) => `${proxy} 1;`)]),
    block('map "$gateway_by_proxy$http_x_forwarded_for" $gateway_forwarded_for', [
      '"~^1." "$http_x_forwarded_for, $realip_remote_addr";',
      "default $realip_remote_addr;",
    ]),
    block('map "$gateway_by_proxy$http_x_forwarded_proto" $gateway_scheme', ["1http http;", "1https https;", "default $scheme;"]),
  ];
}
