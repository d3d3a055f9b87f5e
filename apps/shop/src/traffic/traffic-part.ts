import { join } from "node:path";
import type { HttpRoutes } from "../http/server";
import type { Log } from "../log";
import type { ServicePart } from "../part";
import type { StreamSettings } from "../settings";
import { GroupReader } from "./group-reader";
import { type Counts, openCounts } from "./counts";

/** What each consumer group counts requests by. */
const GROUPS = { "traffic-services": "service", "traffic-statuses": "status" } as const;

/** The traffic service: two consumer groups read the gateway's access log from Kafka, and count it each by something else. */
export function startTraffic(instance: string, stream: StreamSettings, log: Log): ServicePart {
  const counts = openCounts(join(stream.dataFolder, "traffic.db"));
  const readers = Object.entries(GROUPS).map(([group, field]) => new GroupReader(group, field, counts, stream, log));
  for (const reader of readers) reader.start();
  return {
    routes: trafficRoutes(instance, counts),
    methods: {},
    ready: Promise.resolve(),
    close: async () => {
      await Promise.all(readers.map((reader) => reader.close()));
      counts.close();
    },
  };
}

/** `GET /traffic`. */
function trafficRoutes(instance: string, counts: Counts): HttpRoutes {
  return (app) => {
    app.get("/traffic", async () => ({
      instance,
      byService: counts.totals("traffic-services"),
      byStatus: counts.totals("traffic-statuses"),
    }));
  };
}
