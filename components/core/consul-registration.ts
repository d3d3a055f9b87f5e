import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import type { ConsulCheck } from "./consul-check";
import { ConsulClient } from "./consul-client";
import { Endpoint } from "./endpoint";
import { dependencies } from "./resource-options";
import { containerState, heredoc, shellCommand, shellWord } from "./shell";
import { STOPPING_FUNCTION } from "./stopping";

/** A gateway that follows Consul's keys, and can say what it has seen. */
export interface GatewayFollower {
  /** Argument array that begins every docker command for its host. */
  readonly docker: readonly string[];

  /** Name of its container on the engine. */
  readonly container: string;

  /** Port of the status page inside the container. */
  readonly adminPort: number;

  /** Services that it follows; it is not asked about others. */
  readonly services: readonly string[];

  /** What must exist before it can be asked. */
  readonly ready: readonly pulumi.Resource[];
}

/** One port of an instance, as it is found by others. */
export interface Registration {
  /** Service under which it is found. */
  readonly service: string;
  readonly endpoint: Endpoint;

  /** Value of its key. */
  readonly value: string;

  /** @default none */
  readonly check?: Required<ConsulCheck>;
}

export interface ConsulRegistrationArgs {
  consul: ConsulClient;

  /** Prefix of the keys. */
  prefix: string;

  /** Name of the instance, the id of its services in Consul's catalogue. */
  instance: string;

  /** 0-based place of the instance among its like; decides which server keeps its checks. */
  index: number;
  registrations: readonly Registration[];

  /** Gateways that must have seen a key before an instance counts as served, and its removal before it may stop. */
  followers: readonly GatewayFollower[];

  /** Seconds to wait for gateways, and for requests in flight at a removal. */
  timeoutSeconds: number;

  /** Script that fails while the instance cannot be spared, run before its keys are taken away. @default none */
  beforeDelete?: string;

  /** What replaces the registration when it changes: the container behind it. @default none */
  triggers?: readonly pulumi.Input<string>[];
}

/**
 * An instance's keys and checks in Consul, as one command: there they are while the resource is, so that preview shows them.
 *
 * Creating it ends when every gateway sends requests to the instance. Deleting it takes the keys away, waits until every gateway has seen
 * that and the requests in flight have ended, and only then lets the container behind it stop.
 */
export function createConsulRegistration(name: string, args: ConsulRegistrationArgs, opts: pulumi.CustomResourceOptions): Command {
  return new Command(
    name,
    {
      create: renderRegisterCommand(args),
      delete: renderDeregisterCommand(args),
      // Other keys are another registration: the old ones must go, and only a deletion takes them away.
      triggers: [...(args.triggers ?? []), ...args.registrations.map((registration) => upstreamKey(args.prefix, registration))],
    },
    {
      ...opts,
      deleteBeforeReplace: true,
      dependsOn: [...dependencies(opts), ...args.consul.ready, ...args.followers.flatMap(({ ready }) => ready)],
    },
  );
}

/** The name under which a port of a service is found: HTTP under the service's own, any other behind it. */
export function serviceName(service: string, port: string): string {
  return port === "http" ? service : `${service}-${port}`;
}

/** Key of an instance's port: it owns it, and nobody else writes it. */
export function upstreamKey(prefix: string, { service, endpoint }: Pick<Registration, "service" | "endpoint">): string {
  return `${prefix}/${service}/${endpoint}`;
}

export function renderRegisterCommand(args: ConsulRegistrationArgs): string {
  const { consul, prefix, registrations } = args;
  return [
    "set -u",
    consul.shellFunction,
    ...registrations.flatMap((registration) => (registration.check ? [registerService(args, registration)] : [])),
    ...registrations.map((registration) => `${putKey(prefix, registration)} || exit 1`),
    ...waitForFollowers(args, "serving", "does not send requests to", "exit 1"),
  ].join("\n");
}

export function renderDeregisterCommand(args: ConsulRegistrationArgs): string {
  const { consul, prefix, registrations, beforeDelete } = args;
  return [
    "set -u",
    ...(beforeDelete === undefined ? [] : [beforeDelete]),
    consul.shellFunction,
    // A deletion that fails is none: the instance stays, and is found as before.
    "keep() {",
    ...registrations.map((registration) => `  ${putKey(prefix, registration)}`),
    "  exit 1",
    "}",
    // When the whole stack stops, a Consul that cannot take the keys away does not hold it up: the next start writes them anew.
    STOPPING_FUNCTION,
    "refused() { stopping && exit 0; keep; }",
    ...registrations.map((registration) => `consul kv delete ${shellWord(upstreamKey(prefix, registration))} || refused`),
    ...waitForFollowers(args, "drained", "still sends requests to", "keep"),
    ...registrations.filter(({ check }) => check).map(({ service }) => deregisterService(args, service)),
  ].join("\n");
}

function putKey(prefix: string, registration: Registration): string {
  return `consul kv put ${shellWord(upstreamKey(prefix, registration))} ${shellWord(registration.value)}`;
}

function serviceId({ instance }: ConsulRegistrationArgs, service: string): string {
  return `${instance}-${service}`;
}

/** Registers on the instance's home server, or on the next that answers: a server keeps and runs the checks registered with it. */
function registerService(args: ConsulRegistrationArgs, { service, endpoint, check }: Registration): string {
  const id = serviceId(args, service);
  const definition = JSON.stringify({
    service: {
      id,
      name: service,
      address: endpoint.host,
      port: endpoint.port,
      check: check && {
        name: `${check.type} ${endpoint}`,
        ...(check.type === "tcp" ? { tcp: `${endpoint}` } : { http: `${endpoint.url("http")}${check.path}` }),
        interval: `${check.intervalSeconds}s`,
        timeout: `${check.timeoutSeconds}s`,
      },
    },
  });
  const attempts = args.consul
    .fromHome(args.index)
    .map(
      ({ docker, container }) =>
        `printf %s "$definition" | ${shellCommand(docker)} exec -i ${container} sh -c 'cat > /tmp/${id}.json && consul services register /tmp/${id}.json; code=$?; rm -f /tmp/${id}.json; exit $code'`,
    );
  return `${heredoc("definition=$(cat", definition)}\n)\n{ ${attempts.join(" || ")}; } || exit 1`;
}

/** Asks every server, since the home server may have been away when the instance was registered; one that does not know it is not the one meant. */
function deregisterService(args: ConsulRegistrationArgs, service: string): string {
  return args.consul.servers
    .map(
      ({ docker, container }) =>
        `said=$(${shellCommand(docker)} exec ${container} consul services deregister -id=${serviceId(args, service)} 2>&1) || ` +
        `case $said in *'Unknown service ID'*) ;; *) echo "${container} keeps ${serviceId(args, service)} in its catalogue: $said";; esac`,
    )
    .join("\n");
}

type Question = "serving" | "drained";

/** What to ask whom: each gateway about the ports of the services that it follows. */
function questions(followers: readonly GatewayFollower[], registrations: readonly Registration[], question: Question) {
  return followers.flatMap((follower) =>
    registrations
      .filter(({ service }) => follower.services.includes(service))
      .map(({ service, endpoint }) => {
        const url = `http://127.0.0.1:${follower.adminPort}/__gateway/${question}?service=${service}&peer=${endpoint}`;
        return {
          follower,
          ask: `${shellCommand(follower.docker)} exec ${follower.container} curl -sS --fail-with-body --max-time 2 ${shellWord(url)}`,
        };
      }),
  );
}

/** Shell condition that every gateway sends requests to an instance which registers itself. */
export function servingCondition(followers: readonly GatewayFollower[], registrations: readonly Registration[]): string {
  return ["true", ...questions(followers, registrations, "serving").map(({ ask }) => ask)].join(" && ");
}

/** @param giveUp What the shell does at the end of the time. */
function waitForFollowers(
  { followers, registrations, timeoutSeconds, instance }: ConsulRegistrationArgs,
  question: Question,
  complaint: string,
  giveUp: string,
): string[] {
  const asked = questions(followers, registrations, question);
  if (asked.length === 0) return [];
  return [
    `deadline=$(($(date +%s) + ${timeoutSeconds}))`,
    ...asked.map(({ follower, ask }) => {
      return [
        `until said=$(${ask} 2>&1); do`,
        // The last instance stays in a gateway's list, which never becomes empty by itself: there is nobody to drain it to.
        ...(question === "drained" ? [`  case $said in *'"kept":true'*) break;; esac`] : []),
        // A gateway that does not run sends nothing to anyone, and reads the keys when it starts.
        `  state=$(${containerState(follower.docker, follower.container)}) || ${giveUp}; [ "$state" = running ] || break`,
        '  [ "$(date +%s)" -lt "$deadline" ] || {',
        // Nothing new comes to it any more; what is still in flight has had its time.
        ...(question === "drained"
          ? [
              `    case $said in *'"listed":0'*) echo "${instance} stops with requests in flight after ${timeoutSeconds} s: $said" >&2; break;; esac`,
            ]
          : []),
        `    echo "${follower.container} ${complaint} ${instance} after ${timeoutSeconds} s: $said" >&2; ${giveUp}`,
        "  }",
        "  sleep 0.05",
        "done",
      ].join("\n");
    }),
  ];
}
