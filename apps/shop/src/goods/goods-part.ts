import type { ServicePart } from "../part";
import { goodsRoutes } from "./goods-http";
import { goodsMethods } from "./goods-rpc";

/** The goods service: a catalogue, read over HTTP and RPC. */
export function startGoods(instance: string): ServicePart {
  return { routes: goodsRoutes(instance), methods: goodsMethods(instance), ready: Promise.resolve(), close: async () => undefined };
}
