import { Shape, maybe, oneOf, shape } from "../core/argument-shape";
import { listOf } from "../core/argument-shape";
import { Checks } from "../core/errors";

/** What a node does in its cluster, as Elasticsearch calls it. */
export const ES_ROLES = ["master", "data", "ingest"] as const;
export type EsRole = (typeof ES_ROLES)[number];

export interface EsNode {
  /** @default master, data and ingest */
  readonly roles?: readonly EsRole[];
}

/** Names and types of an {@link EsNode}. */
export const ES_NODE = shape<EsNode>({ roles: maybe(listOf(oneOf(ES_ROLES))) } satisfies Shape<EsNode>);

export type NormalEsNode = Required<EsNode>;

const MOST_NODES = 99;

/** A count of like nodes, or each node by itself. */
export function normalizeNodes(nodes: number | readonly EsNode[]): readonly NormalEsNode[] {
  if (typeof nodes !== "number") return nodes.map(({ roles = ES_ROLES }) => ({ roles }));
  const count = Number.isInteger(nodes) ? Math.min(Math.max(nodes, 1), MOST_NODES) : 1;
  return Array.from({ length: count }, () => ({ roles: ES_ROLES }));
}

export function checkNodes(checks: Checks, given: number | readonly EsNode[], nodes: readonly NormalEsNode[]): void {
  const count = typeof given === "number" ? given : given.length;
  const masters = nodes.filter(({ roles }) => roles.includes("master")).length;
  checks
    .that(
      Number.isInteger(count) && count >= 1 && count <= MOST_NODES,
      "nodes",
      count,
      `must be a whole number from 1 to ${MOST_NODES}, or a list of that many`,
    )
    .that(
      masters % 2 === 1,
      "nodes",
      `${masters} with the role master`,
      "must have 1, 3, 5 … that may be masters; an even number cannot hold a majority after a split. Give some of them roles without it",
    )
    .that(
      nodes.some(({ roles }) => roles.includes("data")),
      "nodes",
      "none with the role data",
      "must have one that keeps data",
    )
    .that(
      nodes[0]?.roles.includes("master") === true,
      "nodes[0].roles",
      nodes[0]?.roles,
      "must have the role master: the first node forms the cluster; put such a node first",
    );
  nodes.forEach(({ roles }, index) =>
    checks.that(new Set(roles).size === roles.length, `nodes[${index}].roles`, roles, "must be there once each; remove the others"),
  );
}
