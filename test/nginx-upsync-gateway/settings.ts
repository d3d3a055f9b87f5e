import { Checks } from "../../components/core/errors";
import {
  type GatewaySettings,
  type NormalGatewaySettings,
  normalizeGatewaySettings,
} from "../../components/nginx-upsync-gateway/gateway-settings";

/** The settings with their defaults; throws what is wrong with them. */
export function settingsOf(name: string, args: GatewaySettings): NormalGatewaySettings {
  const checks = new Checks(name);
  const settings = normalizeGatewaySettings(checks, args);
  checks.done();
  return settings;
}
