import { filledVolume } from "../components/core/command-text";
import { StackHost, Target, dockyardLabel, exportedStack, stackHosts } from "./stack";

/** A resource of a stack's state, as far as commands look at it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly parent?: string;
  /** URN and id of the provider that made it, `urn::…::host-a::id`. */
  readonly provider?: string;
  readonly dependencies?: readonly string[];
  /** URNs of the resources whose outputs each input uses. */
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** Whether it stays on its engine when it leaves the program, as data volumes do. */
  readonly retainOnDelete?: boolean;
  /** When it was made, as in ISO 8601. */
  readonly created?: string;
}

/** What a run does just now, or did when it was cut, as its state has it. */
export interface PendingOperation {
  /** `creating`, `deleting`, … */
  readonly type: string;
  readonly resource: StateResource;
}

export const CONTAINER = "docker:index/container:Container";
export const NETWORK = "docker:index/network:Network";
export const VOLUME = "docker:index/volume:Volume";
export const COMMAND = "command:local:Command";

/**
 * The resources of a stack, in the order of their state.
 *
 * @param secrets Whether what is secret is told in clear, see {@link exportedStack}. @default false
 * @returns undefined where the backend has no stack of that name.
 */
export async function stateResources(target: Target, { secrets = false } = {}): Promise<readonly StateResource[] | undefined> {
  const exported = await exportedStack(target, { secrets });
  if (exported === undefined) return undefined;
  const { deployment } = JSON.parse(exported) as { deployment?: { resources?: StateResource[] } };
  return deployment?.resources ?? [];
}

/** Last part of a URN: the name that the program gives. */
export function nameOf(urn: string): string {
  return urn.split("::").pop() ?? "";
}

/** The host that a resource is on. */
export function hostOf({ provider = "" }: StateResource, hosts: readonly StackHost[]): StackHost | undefined {
  const [, name = "local"] = /::host-([^:]+)::/.exec(provider) ?? [];
  return hosts.find((host) => host.name === name);
}

/** The hosts of a stack, and its own resources: what the program has beside our components is Pulumi's alone. */
export function ownResources(target: Target, resources: readonly StateResource[]) {
  const own = ({ type, inputs }: StateResource) =>
    ![CONTAINER, NETWORK, VOLUME].includes(type) || dockyardLabel(inputs, "stack") === target.label;
  return { hosts: stackHosts(resources), resources: resources.filter(own) };
}

/** By which Pulumi marks a secret in a state. */
const SECRET = "4dabf18193072939515e22adb298388d";

/** The text of an input; a secret in clear where the state was read with its secrets, else undefined. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || !(SECRET in value)) return undefined;
  const { plaintext } = value as { plaintext?: string };
  return plaintext === undefined ? undefined : textOf(JSON.parse(plaintext));
}

/** The volume that a command fills with a configuration, by its name on the engine; undefined of one that does something else. */
export function filledBy({ type, inputs }: StateResource): string | undefined {
  return type === COMMAND ? filledVolume(textOf(inputs?.create) ?? "") : undefined;
}

/** Whether a resource is a volume that keeps data: what is in it was written by no command, and comes back by none. */
export function isDataVolume({ type, id }: StateResource, resources: readonly StateResource[]): boolean {
  return type === VOLUME && id !== undefined && !resources.some((each) => filledBy(each) === id);
}

/** The component that a resource is part of, through its parents; undefined where it is no component's. */
export function componentOf({ parent }: StateResource, resources: readonly StateResource[]): StateResource | undefined {
  const found = resources.find(({ urn }) => urn === parent);
  return found?.type === ROLLING_SET ? componentOf(found, resources) : found;
}

export const ROLLING_SET = "dockyard:index:RollingSet";
