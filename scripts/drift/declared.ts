import { gatedPids, registeredKeys, renderKeysQuestion, stagedFolder } from "../../components/core/command-text";
import { StackHost, dockyardLabel } from "../stack";
import { COMMAND, CONTAINER, StateResource, VOLUME, hostOf, nameOf, textOf } from "../state";
import { RepairGate } from "./difference";

/** Settings of a container that the engine lets somebody change of it; labels and environment are as it was made for good. */
export interface Settings {
  readonly name: string;
  /** In bytes, as the next two. */
  readonly memory: number;
  readonly memoryAndSwap: number;
  readonly memoryReservation: number;
  /** In billionths of one. */
  readonly cpus: number;
  readonly cpuShares: number;
  readonly cpuset: string;
  readonly restart: string;
  /** Processes and threads; undefined where nobody sets a limit. */
  readonly pids: number | undefined;
  /** Static address by the network's name. */
  readonly networks: Readonly<Record<string, string>>;
}

/** A container as the state has it. */
export interface DeclaredContainer {
  readonly urn: string;
  readonly id: string;
  readonly node: string;
  readonly host: StackHost;
  readonly image: string;
  readonly settings: Settings;
}

/** A configuration that changes in place, as the state has it. */
export interface DeclaredConfiguration {
  readonly urn: string;
  readonly name: string;
  readonly host: StackHost;
  /** Name of its volume on the engine. */
  readonly volume: string;
  /** The script that writes its files. */
  readonly script: string;
  readonly mountPath: string;
  readonly version: string;
  /** The command that installs it, with the script as its input. */
  readonly install: string;
  /** What its node's roll waits for; undefined of a configuration that is not rolled. */
  readonly gate: RepairGate | undefined;
}

/** The keys that one instance has in Consul. */
export interface DeclaredKeys {
  readonly urn: string;
  readonly keys: ReadonlyMap<string, string>;
  /** The command that writes them. */
  readonly register: string;
  /** The script that prints what there is. */
  readonly question: string;
  /** Whether the program says that the values are secret. */
  readonly isSecret: boolean;
}

export interface Declared {
  readonly containers: readonly DeclaredContainer[];
  readonly configurations: readonly DeclaredConfiguration[];
  readonly registrations: readonly DeclaredKeys[];
}

/**
 * What of a stack's state can be changed on the hosts by hand, beside what can be stopped or removed.
 *
 * Of Consul that is what the stack itself writes, of `ConsulUpstream`s and of services that are registered by the stack: an instance that
 * registers itself owns its key, and changes it with its own life.
 *
 * @param resources The stack's own, with their secrets in clear.
 */
export function declaredIn(resources: readonly StateResource[], hosts: readonly StackHost[]): Declared {
  const commands = resources.filter(({ type, inputs }) => type === COMMAND && textOf(inputs?.create) !== undefined);
  return {
    containers: resources.flatMap((resource) => containerOf(resource, commands, hosts)),
    configurations: commands.flatMap((command) => configurationOf(command, commands, resources, hosts)),
    registrations: commands.flatMap(({ urn, inputs }) => {
      const register = textOf(inputs?.create) ?? "";
      const keys = registeredKeys(register);
      return keys.size === 0
        ? []
        : [{ urn, keys, register, question: renderKeysQuestion(register), isSecret: typeof inputs?.create !== "string" }];
    }),
  };
}

const MIB = 1024 * 1024;

function containerOf(resource: StateResource, commands: readonly StateResource[], hosts: readonly StackHost[]): DeclaredContainer[] {
  const { type, urn, id, inputs = {} } = resource;
  const host = hostOf(resource, hosts);
  const node = dockyardLabel(inputs, "node");
  if (type !== CONTAINER || id === undefined || host === undefined || node === undefined) return [];
  const gate = commands.find((command) => nameOf(command.urn) === `${nameOf(urn)}-gate`);
  const networks = (inputs.networksAdvanced ?? []) as { name: string; ipv4Address?: string }[];
  const number = (value: unknown) => Number(value ?? 0);
  return [
    {
      ...{ urn, id, node, host, image: String(inputs.image) },
      settings: {
        name: String(inputs.name),
        memory: number(inputs.memory) * MIB,
        memoryAndSwap: number(inputs.memorySwap) * MIB,
        memoryReservation: number(inputs.memoryReservation) * MIB,
        cpus: Math.round(number(inputs.cpus) * 1e9),
        cpuShares: number(inputs.cpuShares),
        cpuset: textOf(inputs.cpuSet) ?? "",
        restart: textOf(inputs.restart) ?? "no",
        pids: gate && gatedPids(textOf(gate.inputs?.create) ?? ""),
        networks: Object.fromEntries(networks.map(({ name, ipv4Address = "" }) => [name, ipv4Address])),
      },
    },
  ];
}

/** A configuration is a command beside a volume of the same name, whose input is the script that writes the files. */
function configurationOf(
  command: StateResource,
  commands: readonly StateResource[],
  resources: readonly StateResource[],
  hosts: readonly StackHost[],
): DeclaredConfiguration[] {
  const { urn, inputs, dependencies = [] } = command;
  const name = nameOf(urn);
  const [script, install] = [textOf(inputs?.stdin) ?? "", textOf(inputs?.create) ?? ""];
  const volume = resources.find((each) => each.type === VOLUME && nameOf(each.urn) === name && dependencies.includes(each.urn));
  const folder = stagedFolder(script);
  const host = volume && hostOf(volume, hosts);
  if (folder === undefined || host === undefined) return [];
  return [{ urn, name, host, volume: String(volume?.inputs?.name), script, install, ...folder, gate: gateOf(command, commands) }];
}

/** The gate of a configuration's node: a rolling set makes both, and calls them by the node. */
function gateOf({ urn, parent = "" }: StateResource, commands: readonly StateResource[]): RepairGate | undefined {
  const gate = commands.find(
    (each) => each.parent === parent && each.urn.endsWith("-gate") && nameOf(urn).startsWith(nameOf(each.urn).replace(/gate$/, "")),
  );
  return gate && { cluster: parent, whole: textOf(gate.inputs?.create) ?? "" };
}
