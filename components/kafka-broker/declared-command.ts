import { findSurvivor, type KafkaNodeRef } from "./kafka-gate";
import type { NormalKafkaAcl } from "./access-args";
import { type NormalKafkaTopic, usualMinInSync, usualReplication } from "./topic-args";

/** What a cluster has beside its messages, as it was declared. */
export interface KafkaDeclared {
  /** Numbers of the brokers. */
  readonly brokers: readonly number[];
  readonly topics: readonly NormalKafkaTopic[];

  /** By user. */
  readonly passwords: Readonly<Record<string, string>>;
  readonly acls: readonly NormalKafkaAcl[];
}

/** The same as kafka-admin takes it. It holds passwords. */
export function renderDeclared({ brokers, topics, passwords, acls }: KafkaDeclared): string {
  const replication = usualReplication(brokers.length);
  return JSON.stringify({
    brokers,
    replication,
    minInSync: usualMinInSync(replication),
    topics: topics.map(({ name, partitions, replication: replicas, minInSync, settings }) => ({
      name,
      partitions,
      replication: replicas,
      settings: {
        ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)])),
        "min.insync.replicas": String(minInSync),
      },
    })),
    users: Object.entries(passwords).map(([name, password]) => ({ name, password })),
    acls,
  });
}

/** Makes a running cluster as it is declared, by standard input. */
export function renderApplyDeclared(nodes: readonly KafkaNodeRef[]): string {
  return [
    "set -u",
    findSurvivor(nodes),
    "declared=$(cat)",
    "deadline=$(($(date +%s) + 60))",
    "until find_survivor; do",
    '  if [ "$(date +%s)" -ge "$deadline" ]; then echo "no node answers" >&2; exit 1; fi',
    "  sleep 0.5",
    "done",
    // Shell's own printf: the passwords are on no command line.
    `printf %s "$declared" | survivor apply >&2`,
  ].join("\n");
}
