import { openStore } from "../store/database";

/** Something that a consumer group has read of a topic. */
export interface CountedMessage {
  readonly partition: number;
  readonly offset: bigint;

  /** What it counts for. */
  readonly key: string;
}

/** Where consumer groups count what they read, each message once. */
export interface Counts {
  /** Counts all of these messages or none of them; what a group has counted before is not counted again. */
  count(group: string, topic: string, messages: readonly CountedMessage[]): void;
  /** Goes back where a partition ends before what was counted of it: the topic has begun anew. @param ends The next offset of each partition. */
  goBack(group: string, topic: string, ends: readonly bigint[]): void;
  totals(group: string): Readonly<Record<string, number>>;
  close(): void;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS counts (grp TEXT, name TEXT, value INTEGER NOT NULL, PRIMARY KEY (grp, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS positions (grp TEXT, topic TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (grp, topic, partition)) WITHOUT ROWID;
`;

/** Counts in a database file: what is counted and how far a partition was read are one transaction, so neither is there without the other. */
export function openCounts(file: string): Counts {
  const store = openStore(file, SCHEMA);
  const positions = (group: string, topic: string) =>
    new Map(
      store
        .all("SELECT partition, next FROM positions WHERE grp = ? AND topic = ?", group, topic)
        .map((row) => [Number(row.partition), Number(row.next)]),
    );
  return {
    count: (group, topic, messages) =>
      store.transaction(() => {
        const [next, found] = [positions(group, topic), new Map<string, number>()];
        for (const { partition, offset, key } of messages) {
          // Kafka delivers again what was read and not committed.
          if (Number(offset) < (next.get(partition) ?? 0)) continue;
          next.set(partition, Number(offset) + 1);
          found.set(key, (found.get(key) ?? 0) + 1);
        }
        for (const [name, value] of found)
          store.run(
            "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT (grp, name) DO UPDATE SET value = value + excluded.value",
            group,
            name,
            value,
          );
        for (const [partition, position] of next)
          store.run(
            "INSERT INTO positions VALUES (?, ?, ?, ?) ON CONFLICT (grp, topic, partition) DO UPDATE SET next = excluded.next",
            group,
            topic,
            partition,
            position,
          );
      }),
    goBack: (group, topic, ends) =>
      ends.forEach((end, partition) =>
        store.run("DELETE FROM positions WHERE grp = ? AND topic = ? AND partition = ? AND next > ?", group, topic, partition, Number(end)),
      ),
    totals: (group) =>
      Object.fromEntries(
        store
          .all("SELECT name, value FROM counts WHERE grp = ? ORDER BY name", group)
          .map(({ name, value }) => [String(name), Number(value)]),
      ),
    close: () => store.close(),
  };
}
