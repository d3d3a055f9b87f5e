import { join } from "node:path";
import type { ConsulClient } from "../discovery/consul-client";
import { rpcUpstream } from "../discovery/upstream";
import { UpstreamWatch } from "../discovery/upstream-watch";
import type { Log } from "../log";
import type { ServicePart } from "../part";
import { RpcClient } from "../rpc/client";
import type { Settings } from "../settings";
import { EventPublisher } from "./event-publisher";
import { OrderDesk } from "./order-desk";
import { orderRoutes } from "./order-http";
import { orderMethods } from "./order-rpc";
import { Outbox } from "./outbox";

/** The order service: orders, filled with goods from whichever instances of goods Consul names. */
export function startOrder({ instance, upstreamPrefix, events }: Settings, consul: ConsulClient, log: Log): ServicePart {
  const upstream = rpcUpstream("goods");
  const client = new RpcClient(upstream);
  const watch = new UpstreamWatch(consul, `${upstreamPrefix}/${upstream}`, (members) => client.setPeers(members), log);
  watch.start();

  const publisher = events && new EventPublisher(new Outbox(join(events.dataFolder, "outbox.db")), events.broker, log);
  publisher?.start();

  const desk = new OrderDesk(instance, client, (event) => publisher?.publish(event));
  return {
    routes: orderRoutes(instance, desk, publisher),
    methods: orderMethods(desk),
    ready: watch.answered,
    close: async () => {
      await watch.stop();
      client.close();
      await publisher?.close();
    },
  };
}
