import type { NormalAppServiceArgs } from "./args";

export interface AppInstance {
  readonly name: string;
  readonly address: string;
}

type InstanceSettings = Pick<NormalAppServiceArgs, "ports" | "registration" | "consul" | "kvPrefix" | "upstream" | "check">;

/** What an instance learns of itself at its start: one image serves under any name, address and port. */
export function instanceEnvironment(
  name: string,
  { name: instance, address }: AppInstance,
  { ports, registration, consul, kvPrefix, upstream, check }: InstanceSettings,
): Record<string, string> {
  return {
    SERVICE: name,
    INSTANCE: instance,
    BIND_ADDRESS: address,
    ...Object.fromEntries(Object.entries(ports).map(([port, number]) => [`${port.toUpperCase()}_PORT`, String(number)])),
    REGISTRATION: registration,
    UPSTREAM_PREFIX: kvPrefix,
    ...(registration === "self" && {
      WEIGHT: String(upstream.weight),
      CHECK_INTERVAL: `${check.intervalSeconds}s`,
      CHECK_TIMEOUT: `${check.timeoutSeconds}s`,
    }),
    CONSUL_URLS: consul.endpoints.map((endpoint) => endpoint.url("http")).join(","),
  };
}
