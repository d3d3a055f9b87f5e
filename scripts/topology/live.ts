import { Node, isWell } from "../status/look";
import { Component } from "./architecture";

/** What is drawn of a node that was looked at; nothing of it changes with time alone. */
export interface LiveNode {
  readonly host: string;
  /** Role and health in words, `leader, healthy`. */
  readonly state: string;
  readonly isWell: boolean;
}

/** Nodes that were looked at, by their names. */
export type Live = ReadonlyMap<string, LiveNode>;

/** One that has just started is drawn as it will be within seconds. */
export function liveOf(nodes: readonly Node[]): Live {
  return new Map(
    nodes.map((node) => {
      const health = node.health === "starting" ? "healthy" : node.health;
      return [node.node, { host: node.host, state: [node.told?.role, health].filter(Boolean).join(", "), isWell: isWell(node) }];
    }),
  );
}

/** Whether all of a component's nodes do what they are there for. */
export function isWhole({ nodes }: Component, live: Live): boolean {
  return nodes.every(({ name }) => live.get(name)?.isWell !== false);
}

/** How many hosts the nodes are on. */
export function hostCount(live: Live): number {
  return new Set([...live.values()].map(({ host }) => host)).size;
}
