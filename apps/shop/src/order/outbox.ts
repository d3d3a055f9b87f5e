import type { OrderPlaced } from "../queue/order-events";
import { openStore, type Store } from "../store/database";

/** How a broker answered an event: it has it, it refuses it, or it knows no queue for it. */
export type Answer = "acknowledged" | "rejected" | "returned";

export interface OutboxCounts extends Readonly<Record<Answer, number>> {
  /** Events that no broker has confirmed yet. */
  readonly waiting: number;
}

export interface WaitingEvent {
  readonly position: number;
  readonly id: string;
  readonly body: string;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS waiting (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS answers (answer TEXT PRIMARY KEY, count INTEGER NOT NULL);
`;

/**
 * Events that are to be published, kept with the orders: an order that was answered has its event here until a broker has confirmed it.
 */
export class Outbox {
  private readonly store: Store;

  constructor(file: string) {
    this.store = openStore(file, SCHEMA);
  }

  /** Returns when the event is kept. */
  add(event: OrderPlaced): void {
    this.store.transaction(() => this.store.run("INSERT INTO waiting (id, body) VALUES (?, ?)", event.id, JSON.stringify(event)));
  }

  /** Events behind a position, in the order in which they came. */
  waitingAfter(position: number, count: number): readonly WaitingEvent[] {
    const rows = this.store.all("SELECT position, id, body FROM waiting WHERE position > ? ORDER BY position LIMIT ?", position, count);
    return rows as unknown as readonly WaitingEvent[];
  }

  /** Records the brokers' answers; an event that was acknowledged waits no longer. */
  record(answers: ReadonlyMap<number, Answer>): void {
    this.store.transaction(() => {
      for (const [position, answer] of answers) {
        if (answer === "acknowledged") this.store.run("DELETE FROM waiting WHERE position = ?", position);
        this.store.run("INSERT INTO answers VALUES (?, 1) ON CONFLICT (answer) DO UPDATE SET count = count + 1", answer);
      }
    });
  }

  counts(): OutboxCounts {
    const answers = Object.fromEntries(
      this.store.all("SELECT answer, count FROM answers").map(({ answer, count }) => [String(answer), Number(count)]),
    ) as Partial<Record<Answer, number>>;
    const waiting = Number(this.store.all("SELECT count(*) AS count FROM waiting")[0]?.count);
    return { waiting, acknowledged: answers.acknowledged ?? 0, rejected: answers.rejected ?? 0, returned: answers.returned ?? 0 };
  }

  close(): void {
    this.store.close();
  }
}
