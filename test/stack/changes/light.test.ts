import { describeChanges } from "./changes-tests";
import { consulClient, httpClient, loginClient } from "./clients";
import { ENTRY, IMAGES, NETWORK, PORTS, lightTable } from "./light-table";
import { at } from "./table";

const NAME = "test-changes";
const { addresses } = NETWORK;

describeChanges({
  name: NAME,
  program: "test/stack/programs/changes/program.cjs",
  network: NETWORK,
  ports: PORTS,
  table: lightTable,
  images: IMAGES,
  clients: () =>
    Promise.resolve([
      consulClient(at(addresses.discovery, 8500, 3).map((server) => `http://${server}`)),
      // A busy machine may move the address by itself, from a node that has no time to leave in order: who asks there asks again.
      httpClient("goods through the entry", [`${ENTRY}:8080`, `${ENTRY}:8080`], "/goods/1"),
      httpClient("cdn", at(addresses.cdn, 3128, 2), "/goods/1", { host: "cdn.test" }),
      loginClient("ssh", `dockyard-${NAME}`, ["ops-1", "ops-2"]),
    ]),
});
