import type { ConsulClient } from "../discovery/consul-client";
import { rpcUpstream } from "../discovery/upstream";
import { UpstreamWatch } from "../discovery/upstream-watch";
import type { Log } from "../log";
import type { ServicePart } from "../part";
import { RpcClient } from "../rpc/client";
import type { Settings } from "../settings";
import { OrderDesk } from "./order-desk";
import { orderRoutes } from "./order-http";
import { orderMethods } from "./order-rpc";

/** The order service: orders, filled with goods from whichever instances of goods Consul names. */
export function startOrder({ instance, upstreamPrefix }: Settings, consul: ConsulClient, log: Log): ServicePart {
  const upstream = rpcUpstream("goods");
  const client = new RpcClient(upstream);
  const watch = new UpstreamWatch(consul, `${upstreamPrefix}/${upstream}`, (members) => client.setPeers(members), log);
  watch.start();

  const desk = new OrderDesk(instance, client);
  return {
    routes: orderRoutes(instance, desk),
    methods: orderMethods(desk),
    ready: watch.answered,
    close: async () => {
      await watch.stop();
      client.close();
    },
  };
}
