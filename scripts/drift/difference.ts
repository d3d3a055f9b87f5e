/** What a difference is about; in the order in which they are told. */
export const KINDS = ["volume", "network", "container", "settings", "configuration", "key"] as const;

/** One thing on a host that is not as the stack's last `up` left it. */
export interface Difference {
  readonly kind: (typeof KINDS)[number];

  /** Host that it is on; undefined of what no single host has. */
  readonly host: string | undefined;

  /** Name on the engine, of a configuration the node's, or the key. */
  readonly name: string;

  /** How it differs, in words behind the name. */
  readonly differs: string;

  /** Whether data is gone with it, which nothing puts back. @default false */
  readonly isLoss?: boolean;

  /** Resource that says how it should be. */
  readonly urn: string;

  /** What puts it back without anything being made anew; undefined where that takes Pulumi. @default undefined */
  readonly repair?: Repair;
}

/** Whether only another container has the settings that one should have. */
export function isMadeAnew({ kind, repair }: Difference): boolean {
  return kind === "settings" && repair === undefined;
}

/** How something is put back as it was. */
export interface Repair {
  /** Argument arrays, run one after another. */
  readonly commands: readonly (readonly [string, ...string[]])[];

  /** Input of each, which may be secret. @default none */
  readonly input?: string;

  /** What stands between the nodes of a cluster while each of them is put back. @default nothing */
  readonly gate?: RepairGate;
}

/** A node's own gate in the roll of its cluster. */
export interface RepairGate {
  /** What all nodes of the cluster have in common, and no other. */
  readonly cluster: string;

  /** Script that waits for the node to be whole, and fails with what it saw. */
  readonly whole: string;
}

/** The differences in order: by kind, host and name. */
export function inOrder(differences: readonly Difference[]): Difference[] {
  const key = ({ kind, host = "", name, differs }: Difference) => `${KINDS.indexOf(kind)} ${host} ${name} ${differs}`;
  return [...differences].sort((a, b) => key(a).localeCompare(key(b), "en", { numeric: true }));
}

/** The differences for a reader, a line each; the host is told where there is more than one. */
export function renderDifferences(differences: readonly Difference[], hosts: number): string {
  const lines = inOrder(differences).map(({ kind, host, name, differs }) => [
    kind.padEnd(Math.max(...KINDS.map(({ length }) => length))),
    `${name}${hosts > 1 && host !== undefined ? ` on ${host}` : ""}: ${differs}`,
  ]);
  return lines.map((line) => line.join("  ")).join("\n");
}
