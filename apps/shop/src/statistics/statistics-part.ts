import { join } from "node:path";
import type { HttpRoutes } from "../http/server";
import type { Log } from "../log";
import type { ServicePart } from "../part";
import type { EventSettings } from "../settings";
import { EventConsumer } from "./event-consumer";
import { openTally, type Tally } from "./tally";

/** The statistics service: counts the orders that the order service tells of. */
export function startStatistics(instance: string, { broker, dataFolder }: EventSettings, log: Log): ServicePart {
  const tally = openTally(join(dataFolder, "statistics.db"));
  const consumer = new EventConsumer(tally, broker, log);
  consumer.start();
  return { routes: statisticsRoutes(instance, tally), methods: {}, ready: Promise.resolve(), close: () => consumer.close() };
}

/** `GET /statistics`. */
function statisticsRoutes(instance: string, tally: Tally): HttpRoutes {
  return (app) => {
    app.get("/statistics", async () => ({ instance, ...tally.totals() }));
  };
}
