import { isIPv4 } from "node:net";
import type { Checks } from "../core/errors";
import { checkCommand, checkName, isWhole } from "./config-text";
import type {
  GarpArgs,
  KeepalivedArgs,
  KeepalivedGlobal,
  VirtualAddress,
  VrrpInstance,
  VrrpScript,
  VrrpScriptTiming,
} from "./keepalived-args";
import { NormalVirtualServer, checkVirtualServer, fillVirtualServer } from "./lvs-args";

export type NormalAddress = Required<Omit<VirtualAddress, "label">> & Pick<VirtualAddress, "label">;
export type NormalInstance = Required<Omit<VrrpInstance, "addresses" | "password">> &
  Pick<VrrpInstance, "password"> & { addresses: readonly NormalAddress[] };
export type NormalScript = Required<VrrpScript>;

export interface NormalKeepalived {
  readonly global: Required<Omit<KeepalivedGlobal, "garp">> & { garp: Required<GarpArgs> };
  readonly check: Required<VrrpScriptTiming>;
  readonly scripts: Readonly<Record<string, NormalScript>>;
  readonly files: Readonly<Record<string, string>>;
  readonly instances: Readonly<Record<string, NormalInstance>>;
  readonly virtualServers: Readonly<Record<string, NormalVirtualServer>>;
}

/** The check that every instance follows. */
export const HAPROXY_SCRIPT = "haproxy";

const FIRST_ROUTER_ID = 51;
const [HIGHEST_PRIORITY, PRIORITY_STEP] = [250, 10];
/** The kernel's limit on an interface's name. */
const LABEL_LENGTH = 15;

/** Fills in the defaults. @param nodes Names of the nodes. */
export function fillKeepalived(args: KeepalivedArgs, nodes: readonly string[]): NormalKeepalived {
  const { scripts = {}, files = {}, virtualServers = {}, global = {} } = args;
  const timing = { intervalSeconds: 2, timeoutSeconds: 6, weight: 0, fall: 1, rise: 1 };
  const garp = { intervalSeconds: 0, gnaIntervalSeconds: 0, masterDelaySeconds: 1, masterRepeat: 5, masterRefreshSeconds: 10 };
  return {
    global: { routerIds: nodes, strict: false, realTimePriority: 50, ...global, garp: { ...garp, ...global.garp } },
    check: { ...timing, initFail: true, ...args.check },
    scripts: map(scripts, (script) => ({ ...timing, initFail: false, ...script })),
    files,
    instances: Object.fromEntries(
      Object.entries(args.instances).map(([name, instance], index) => [name, fillInstance(instance, index, nodes.length)]),
    ),
    virtualServers: map(virtualServers, fillVirtualServer),
  };
}

function map<T, N>(given: Readonly<Record<string, T>>, fill: (value: T) => N): Readonly<Record<string, N>> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, fill(value)]));
}

function fillInstance(given: VrrpInstance, index: number, nodes: number): NormalInstance {
  const { interface: device = "eth0", version = 3 } = given;
  return {
    virtualRouterId: FIRST_ROUTER_ID + index,
    advertSeconds: version === 3 ? 0.05 : 1,
    states: Array.from({ length: nodes }, () => "BACKUP" as const),
    priorities: Array.from({ length: nodes }, (_, node) => HIGHEST_PRIORITY - PRIORITY_STEP * node),
    preempt: false,
    unicast: true,
    unicastPeers: [],
    scripts: [],
    notify: {},
    ...given,
    interface: device,
    version,
    addresses: given.addresses.map((address) => ({
      prefix: 32,
      device,
      ...(typeof address === "string" ? { address } : address),
    })),
  };
}

/** What is wrong is added to `checks`. */
export function checkKeepalived(checks: Checks, keepalived: NormalKeepalived, nodes: number): void {
  const { global, check, scripts, files, instances, virtualServers } = keepalived;
  checkGlobal(checks, global, nodes);
  checkTiming(checks, "keepalived.check", check);
  for (const [name, content] of Object.entries(files)) {
    checkName(checks, `keepalived.files.${name}`, name);
    checks.that(
      content.startsWith("#!/"),
      `keepalived.files.${name}`,
      content.slice(0, 20),
      "must be a program: begin with #!/bin/sh or the like",
    );
  }
  for (const [name, script] of Object.entries(scripts)) {
    checkName(checks, `keepalived.scripts.${name}`, name);
    checks.that(name !== HAPROXY_SCRIPT, `keepalived.scripts.${name}`, name, "must be called otherwise: the check of HAProxy is called so");
    checkTiming(checks, `keepalived.scripts.${name}`, script);
    checkCommand(checks, `keepalived.scripts.${name}.command`, script.command, Object.keys(files));
  }
  checks.that(
    Object.keys(instances).length > 0,
    "keepalived.instances",
    instances,
    "must hold at least one instance, with the address that moves",
  );
  const routers = new Map<string, string>();
  for (const [name, instance] of Object.entries(instances)) {
    checkName(checks, `keepalived.instances.${name}`, name);
    checkInstance(checks, `keepalived.instances.${name}`, instance, keepalived, nodes);
    const router = `${instance.interface} ${instance.virtualRouterId}`;
    const other = routers.get(router);
    checks.that(
      other === undefined,
      `keepalived.instances.${name}.virtualRouterId`,
      instance.virtualRouterId,
      `must be its own on ${instance.interface}, but ${other} has it; choose another`,
    );
    routers.set(router, name);
  }
  const moving = Object.values(instances).flatMap(({ addresses }) => addresses.map(({ address }) => address));
  for (const [name, server] of Object.entries(virtualServers)) {
    checkName(checks, `keepalived.virtualServers.${name}`, name);
    checkVirtualServer(checks, `keepalived.virtualServers.${name}`, server, moving, Object.keys(files));
  }
}

function checkGlobal(checks: Checks, { routerIds, realTimePriority, garp }: NormalKeepalived["global"], nodes: number): void {
  checks
    .that(routerIds.length === nodes, "keepalived.global.routerIds", routerIds, `must be one for each of the ${nodes} nodes`)
    .that(
      isWhole(realTimePriority, 1, 99),
      "keepalived.global.realTimePriority",
      realTimePriority,
      "must be 1 to 99; where the engine gives none, keepalived does without by itself",
    )
    .that(
      isWhole(garp.masterRepeat, 1, 100),
      "keepalived.global.garp.masterRepeat",
      garp.masterRepeat,
      "must be a whole number from 1 to 100",
    );
  for (const [i, id] of routerIds.entries()) checkName(checks, `keepalived.global.routerIds[${i}]`, id);
  for (const [name, value] of Object.entries(garp))
    checks.that(value >= 0 && value <= 3600, `keepalived.global.garp.${name}`, value, "must be 0 to 3600");
}

function checkTiming(
  checks: Checks,
  path: string,
  { intervalSeconds, timeoutSeconds, weight, fall, rise }: Required<VrrpScriptTiming>,
): void {
  checks
    .that(isWhole(intervalSeconds, 1, 3600), `${path}.intervalSeconds`, intervalSeconds, "must be 1 to 3600 whole seconds")
    .that(isWhole(timeoutSeconds, 1, 3600), `${path}.timeoutSeconds`, timeoutSeconds, "must be 1 to 3600 whole seconds")
    .that(
      isWhole(weight, -254, 254),
      `${path}.weight`,
      weight,
      "must be a whole number from -254 to 254; 0 gives the address up at a failure",
    )
    .that(isWhole(fall, 1, 1000), `${path}.fall`, fall, "must be a whole number from 1: a script that never failed cannot have fallen")
    .that(isWhole(rise, 1, 1000), `${path}.rise`, rise, "must be a whole number from 1: a script that never succeeded cannot have risen");
}

function checkInstance(checks: Checks, path: string, instance: NormalInstance, keepalived: NormalKeepalived, nodes: number): void {
  checkElection(checks, path, instance, keepalived, nodes);
  checkProtocol(checks, path, instance, keepalived);
  checks.that(instance.addresses.length > 0, `${path}.addresses`, instance.addresses, "must hold at least one address");
  checkInterface(checks, `${path}.interface`, instance.interface);
  for (const [i, { prefix, device, label = device }] of instance.addresses.entries()) {
    checkInterface(checks, `${path}.addresses[${i}].device`, device);
    checks
      .that(isWhole(prefix, 8, 32), `${path}.addresses[${i}].prefix`, prefix, "must be a whole number from 8 to 32")
      .that(
        label === device || (label.startsWith(`${device}:`) && /^[a-z0-9]+:[a-z0-9-]+$/.test(label) && label.length <= LABEL_LENGTH),
        `${path}.addresses[${i}].label`,
        label,
        `must be ${device}: and lower-case letters, digits or hyphens, up to ${LABEL_LENGTH} characters in all`,
      );
  }
  for (const [i, peer] of instance.unicastPeers.entries())
    checks.that(isIPv4(peer), `${path}.unicastPeers[${i}]`, peer, "must be an IPv4 address");
  for (const [state, command] of Object.entries(instance.notify))
    checkCommand(checks, `${path}.notify.${state}`, command, Object.keys(keepalived.files));
}

function checkInterface(checks: Checks, path: string, device: string): void {
  checks.that(/^[a-z][a-z0-9]{0,14}$/.test(device), path, device, "must be the name of an interface in the container, like eth0");
}

/** Who takes over from whom, and why. */
function checkElection(checks: Checks, path: string, instance: NormalInstance, { check, scripts }: NormalKeepalived, nodes: number): void {
  const { virtualRouterId, states, priorities, preempt } = instance;
  checks
    .that(
      isWhole(virtualRouterId, 1, 255),
      `${path}.virtualRouterId`,
      virtualRouterId,
      virtualRouterId === 0
        ? "must be 1 to 255: the protocol reserves 0, and keepalived leaves an instance out that has it"
        : "must be a whole number from 1 to 255",
    )
    .that(priorities.length === nodes, `${path}.priorities`, priorities, `must be one for each of the ${nodes} nodes`)
    .that(states.length === nodes, `${path}.states`, states, `must be one for each of the ${nodes} nodes`)
    .that(
      preempt || !states.includes("MASTER"),
      `${path}.states`,
      states,
      "must be BACKUP for all where nodes do not preempt: one that begins as MASTER takes the address from who has it; set preempt to true",
    );
  for (const [i, priority] of priorities.entries()) {
    const other = priorities.indexOf(priority);
    checks
      .that(
        isWhole(priority, 1, 254),
        `${path}.priorities[${i}]`,
        priority,
        "must be a whole number from 1 to 254: 0 says that a node leaves, and 255 that the address is a node's own",
      )
      .that(
        other === i,
        `${path}.priorities[${i}]`,
        priority,
        `must be its own, but node ${other + 1} has it, and of two with the same neither is sure to give way; choose another`,
      );
  }
  for (const name of instance.scripts)
    checks.that(
      Object.hasOwn(scripts, name),
      `${path}.scripts`,
      name,
      `must be a script; there are ${Object.keys(scripts).join(", ") || "none"}`,
    );
  const followed = {
    "the check of HAProxy": check,
    ...Object.fromEntries(instance.scripts.flatMap((name) => (scripts[name] ? [[name, scripts[name]]] : []))),
  };
  for (const [name, { weight }] of Object.entries(followed as Record<string, VrrpScriptTiming>))
    checks.that(
      preempt || weight === 0,
      `${path}.preempt`,
      preempt,
      `must be true, since ${name} has the weight ${weight}: another priority moves nothing where no node preempts; or set the weight to 0`,
    );
}

/** What the protocol's version allows. */
function checkProtocol(checks: Checks, path: string, instance: NormalInstance, { global }: NormalKeepalived): void {
  const { version, advertSeconds, password, unicast } = instance;
  checks.that([2, 3].includes(version), `${path}.version`, version, "must be 2 or 3");
  if (version === 2)
    checks.that(
      isWhole(advertSeconds, 1, 255),
      `${path}.advertSeconds`,
      advertSeconds,
      "must be a whole number of seconds from 1 to 255 in version 2; use version 3 for shorter ones",
    );
  else
    checks.that(
      isWhole(Math.round(advertSeconds * 1e6) / 1e4, 1, 4095),
      `${path}.advertSeconds`,
      advertSeconds,
      "must be 0.01 to 40.95 seconds in steps of 0.01",
    );
  checks
    .that(
      password === undefined || version === 2,
      `${path}.password`,
      "(not shown)",
      "must be left out in version 3, which has none; keep strangers off the network, or use version 2",
    )
    .that(
      !global.strict || (version === 3 && !unicast),
      "keepalived.global.strict",
      global.strict,
      `must be false: unicast and the passwords of version 2 are not in the protocol as it is described, and ${path} uses one of them; set version 3 and unicast false`,
    );
  if (typeof password === "string") checkPassword(checks, `${path}.password`, password);
}

/** Also told of passwords that another resource makes, as soon as they are known. */
export function checkPassword(checks: Checks, path: string, password: string): void {
  checks
    .that(
      password.length >= 1 && password.length <= 8,
      path,
      "(not shown)",
      "must be 1 to 8 characters: keepalived would cut it off after the eighth",
    )
    .that(
      /^[\w@%+=:,./-]*$/.test(password),
      path,
      "(not shown)",
      "must be letters, digits and @%+=:,./_-: keepalived gives others a meaning",
    );
}
