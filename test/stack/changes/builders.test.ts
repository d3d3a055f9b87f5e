import { afterAll } from "vitest";
import type { RedisLink } from "../../../apps/shop/src/cache/redis-link";
import { linkTo } from "../support/redis";
import { CI_PORT, buildersTable } from "./builders-table";
import { describeChanges } from "./changes-tests";
import { httpClient } from "./clients";
import { redisClient } from "./heavy-clients";
import { APP, HEAVY_PROGRAM, NETWORKS, PORTS } from "./heavy-networks";
import { at } from "./table";

const { addresses } = NETWORKS.builders;
let link: RedisLink | undefined;

afterAll(async () => {
  await link?.close();
});

describeChanges({
  name: "test-changes-builders",
  program: HEAVY_PROGRAM,
  network: NETWORKS.builders,
  ports: PORTS,
  table: buildersTable,
  images: { cache: "redis", ci: "buildbot", "ci-git": "git-server" },
  clients: async () => {
    const sentinels = at(addresses["cache-sentinel"], 26379, 3);
    link = await linkTo({ sentinels, endpoints: [], user: APP.name, password: APP.password });
    return [redisClient(link)];
  },
  waiting: (port) => [httpClient("ci", [`${addresses.ci}:${port + CI_PORT}`], "/api/v2/builders")],
});
