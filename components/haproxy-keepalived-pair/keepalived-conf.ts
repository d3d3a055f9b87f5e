import { CHECK_SCRIPT, HAPROXY_USER_NAME, KEEPALIVED_CONFIG, STATES_SCRIPT } from "./pair-command";
import type { NormalAddress, NormalInstance, NormalKeepalived, NormalScript } from "./keepalived-settings";
import { HAPROXY_SCRIPT } from "./keepalived-settings";
import { Block, block, command, renderBlocks } from "./keepalived-block";
import { virtualServerBlock } from "./lvs-conf";

/** Whose file it is. */
export interface KeepalivedNode {
  /** 0-based place among the nodes. */
  readonly index: number;
  /** Addresses of all nodes, in order. */
  readonly addresses: readonly string[];
}

/** Folder of the files that commands call by name, in the configuration's folder. */
export const KEEPALIVED_FILES = "files";

/** One node's configuration. @param passwords Of the instances that have one. */
export function renderKeepalivedConf(
  keepalived: NormalKeepalived,
  node: KeepalivedNode,
  passwords: Readonly<Record<string, string>>,
): string {
  const call = (argv: readonly string[]) => command(callable(argv));
  return renderBlocks([
    globalDefs(keepalived, node),
    script(HAPROXY_SCRIPT, { ...keepalived.check, command: [CHECK_SCRIPT] }),
    ...Object.entries(keepalived.scripts).map(([name, given]) => script(name, { ...given, command: callable(given.command) })),
    ...Object.entries(keepalived.instances).map(([name, instance]) => vrrpInstance(name, instance, keepalived, node, passwords[name])),
    ...Object.values(keepalived.virtualServers).map((server) => virtualServerBlock(server, call)),
  ]);
}

/** A program by its path, also where it is one of the component's files. */
function callable([program = "", ...words]: readonly string[]): readonly string[] {
  return [program.startsWith("/") ? program : `${KEEPALIVED_CONFIG}/current/${KEEPALIVED_FILES}/${program}`, ...words];
}

function globalDefs({ global }: NormalKeepalived, { index }: KeepalivedNode): Block {
  const { garp } = global;
  return block("global_defs", [
    `router_id ${global.routerIds[index]}`,
    ...(global.strict ? ["vrrp_strict"] : []),
    `script_user ${HAPROXY_USER_NAME} ${HAPROXY_USER_NAME}`,
    "enable_script_security",
    "# A container that only checks has no interface.",
    "@check dynamic_interfaces",
    "# The supervisor finds out which of them the engine allows.",
    `@realtime vrrp_rt_priority ${global.realTimePriority}`,
    "@nice vrrp_priority -20",
    "vrrp_notify_fifo /run/vrrp.fifo root root",
    `vrrp_notify_fifo_script ${STATES_SCRIPT} root root`,
    ...unlessZero("vrrp_garp_interval", garp.intervalSeconds),
    ...unlessZero("vrrp_gna_interval", garp.gnaIntervalSeconds),
    `vrrp_garp_master_delay ${garp.masterDelaySeconds}`,
    `vrrp_garp_master_repeat ${garp.masterRepeat}`,
    ...unlessZero("vrrp_garp_master_refresh", garp.masterRefreshSeconds),
  ]);
}

/** keepalived's own defaults are 0, and it takes none where they are written out. */
function unlessZero(keyword: string, value: number): string[] {
  return value === 0 ? [] : [`${keyword} ${value}`];
}

function script(name: string, { command: argv, intervalSeconds, timeoutSeconds, weight, fall, rise, initFail }: NormalScript): Block {
  return block(`vrrp_script ${name}`, [
    `script ${command(argv)}`,
    `interval ${intervalSeconds}`,
    `timeout ${timeoutSeconds}`,
    `weight ${weight}`,
    `fall ${fall}`,
    `rise ${rise}`,
    ...(initFail ? ["init_fail"] : []),
  ]);
}

function vrrpInstance(
  name: string,
  instance: NormalInstance,
  { global }: NormalKeepalived,
  { index, addresses }: KeepalivedNode,
  password: string | undefined,
): Block {
  const { notify } = instance;
  const hooks = { master: notify.master, backup: notify.backup, fault: notify.fault, stop: notify.stop };
  return block(`vrrp_instance ${name}`, [
    `state ${instance.states[index]}`,
    ...(instance.preempt ? [] : ["nopreempt"]),
    `interface ${instance.interface}`,
    `virtual_router_id ${instance.virtualRouterId}`,
    `version ${instance.version}`,
    `priority ${instance.priorities[index]}`,
    `advert_int ${instance.advertSeconds}`,
    // Strict, it would drop what is sent to the address.
    ...(global.strict ? ["accept"] : []),
    ...(instance.unicast ? unicast(instance, index, addresses) : []),
    ...(password === undefined ? [] : [block("authentication", ["auth_type PASS", `auth_pass ${password}`])]),
    block("virtual_ipaddress", instance.addresses.map(virtualAddress)),
    block("track_script", [HAPROXY_SCRIPT, ...instance.scripts]),
    ...Object.entries(hooks).flatMap(([state, argv]) => (argv === undefined ? [] : [`notify_${state} ${command(callable(argv))}`])),
    ...(notify.always === undefined ? [] : [`notify ${command(callable(notify.always))}`]),
  ]);
}

function unicast({ unicastPeers }: NormalInstance, index: number, addresses: readonly string[]): (string | Block)[] {
  const peers = [...addresses.filter((_, other) => other !== index), ...unicastPeers];
  return [`unicast_src_ip ${addresses[index]}`, block("unicast_peer", peers)];
}

function virtualAddress({ address, prefix, device, label }: NormalAddress): string {
  return `${address}/${prefix} dev ${device}${label === undefined ? "" : ` label ${label}`}`;
}
