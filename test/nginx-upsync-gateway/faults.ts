import { checkShape, shape } from "../../components/core/argument-shape";
import type { ConfigError } from "../../components/core/errors";
import { type GatewaySettings, SETTINGS } from "../../components/nginx-upsync-gateway/gateway-settings";
import { settingsOf } from "./settings";

export const GOOD: GatewaySettings = {
  consul: { servers: [{ host: "10.20.0.11", port: 8500 }] },
  services: { goods: { path: "/goods/" } },
};

/** The faults' lines of a gateway whose arguments differ from good ones in this. */
export function faultsOf(change: object): string[] {
  try {
    checkShape("edge", { ...GOOD, ...change }, shape(SETTINGS));
    settingsOf("edge", { ...GOOD, ...change });
  } catch (error) {
    return (error as ConfigError).message.split("\n");
  }
  return [];
}
