import type * as pulumi from "@pulumi/pulumi";
import type { VirtualServer } from "./lvs-args";

/** What holds for the whole process. */
export interface KeepalivedGlobal {
  /** Name that a node has in its log, in the order of the nodes. @default the nodes' own */
  routerIds?: readonly string[];

  /** Whether what the protocol does not describe is refused: unicast, passwords. @default false */
  strict?: boolean;

  /** Real-time priority from 1 to 99, where the engine gives one; else keepalived runs at the highest ordinary one, and says so. @default 50 */
  realTimePriority?: number;

  garp?: GarpArgs;
}

/** How neighbours are told where an address is now: gratuitous ARP. */
export interface GarpArgs {
  /** Seconds between two messages on an interface. @default 0 */
  intervalSeconds?: number;

  /** The same for unsolicited neighbour advertisements, of IPv6. @default 0 */
  gnaIntervalSeconds?: number;

  /** Seconds after a node has taken over until it tells them again. @default 1 */
  masterDelaySeconds?: number;

  /** Messages each time. @default 5 */
  masterRepeat?: number;

  /** Seconds after which they are told anyway; 0 never. @default 10 */
  masterRefreshSeconds?: number;
}

/** How often a script is asked, and what its answers change. */
export interface VrrpScriptTiming {
  /** Seconds between two runs. @default 2 */
  intervalSeconds?: number;

  /** Seconds that a run may take; the check of HAProxy takes 3 for one that hangs, and 2 for a restart. @default 6 */
  timeoutSeconds?: number;

  /** What is added to the node's priority: while the script succeeds if positive, while it fails if negative, −254 to 254; at 0 a failure gives the address up. @default 0 */
  weight?: number;

  /** Failed runs in a row that count. @default 1 */
  fall?: number;

  /** Good runs in a row that count. @default 1 */
  rise?: number;

  /** Whether it counts as failed until its first good run. @default true for the check of HAProxy, false for others */
  initFail?: boolean;
}

/** A script that an instance's priority follows. */
export interface VrrpScript extends VrrpScriptTiming {
  /** Argument array: a program of the image by its path, or one of `files` by its name. */
  command: readonly string[];
}

/** An address that moves. */
export interface VirtualAddress {
  address: string;

  /** @default 32 */
  prefix?: number;

  /** @default the instance's */
  device?: string;

  /** Name of the address on the interface, `eth0:queue`. @default none */
  label?: string;
}

/** One election: its addresses move together. */
export interface VrrpInstance {
  /** In the network's subnet, and nobody else's. */
  addresses: readonly (string | VirtualAddress)[];

  /** 1 to 255, the same on all nodes. @default 51 for the first instance, one more for each after it */
  virtualRouterId?: number;

  /** @default "eth0" */
  interface?: string;

  /** Protocol version: 3 has intervals below a second, 2 has passwords. @default 3 */
  version?: 2 | 3;

  /** Seconds between two signs of life, three of which may be missed: 0.01 to 40.95 in version 3, whole ones from 1 in version 2. @default 0.05, in version 2: 1 */
  advertSeconds?: number;

  /** What each node begins as. @default "BACKUP" for all: the first to find no other takes the addresses */
  states?: readonly ("MASTER" | "BACKUP")[];

  /** 1 to 254 for each node; the highest takes over. @default 250, 240, 230 … */
  priorities?: readonly number[];

  /** Whether a node takes the addresses from one of lower priority; else they move only when they must. @default false */
  preempt?: boolean;

  /** Up to 8 characters, version 2 only. It is sent in clear text: it keeps strangers apart, not attackers. @default none */
  password?: pulumi.Input<string>;

  /** Whether nodes talk to each other's addresses; else to everyone, by multicast. @default true */
  unicast?: boolean;

  /** Addresses of routers beside the pair's own nodes. @default none */
  unicastPeers?: readonly string[];

  /** Scripts that it follows beside the check of HAProxy. @default none */
  scripts?: readonly string[];

  /** Commands on becoming something, as argument arrays; `always` gets the kind, the name, the state and the priority behind its own. @default none */
  notify?: {
    master?: readonly string[];
    backup?: readonly string[];
    fault?: readonly string[];
    stop?: readonly string[];
    always?: readonly string[];
  };
}

/** keepalived's configuration; instances, scripts and virtual servers by their names. */
export interface KeepalivedArgs {
  global?: KeepalivedGlobal;

  /** When HAProxy is checked. */
  check?: VrrpScriptTiming;

  /** @default none */
  scripts?: Readonly<Record<string, VrrpScript>>;

  /** Contents of programs that commands call by name; they run as HAProxy's user. @default none */
  files?: Readonly<Record<string, string>>;

  instances: Readonly<Record<string, VrrpInstance>>;

  /** Load balancing in the kernel, beside HAProxy; the hosts need the module `ip_vs`. @default none */
  virtualServers?: Readonly<Record<string, VirtualServer>>;
}
