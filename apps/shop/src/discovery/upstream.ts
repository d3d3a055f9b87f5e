import { isRecord } from "../rpc/message";

/** One instance as the key `<prefix>/<upstream>/<ip>:<port>` describes it. */
export interface UpstreamMember {
  readonly host: string;
  readonly port: number;
  /** Share of the calls relative to the other members. */
  readonly weight: number;
  /** Failures within `failTimeoutSeconds` after which the member is left alone for as long; 0 never leaves it alone. */
  readonly maxFails: number;
  readonly failTimeoutSeconds: number;
  /** Taken out by hand: gets no calls. */
  readonly down: boolean;
  /** Gets calls only when no other member takes them. */
  readonly backup: boolean;
}

/** Name of the upstream that carries a service's RPC port; its HTTP port goes by the service's own name. */
export function rpcUpstream(service: string): string {
  return `${service}-rpc`;
}

/** What an instance writes under its own key, in the form that the gateway reads as well. */
export function memberValue(weight: number): string {
  return JSON.stringify({ weight, max_fails: 2, fail_timeout: 10, down: 0, backup: 0 });
}

/**
 * Reads one key of an upstream and its value; fields that are left out count as the gateway counts them.
 *
 * @returns undefined when the key names no address or the value is not what an instance would write.
 */
export function parseMember(key: string, value: string): UpstreamMember | undefined {
  const address = /\/(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/.exec(key);
  const fields = parseFields(value);
  if (address === null || fields === undefined) return undefined;

  const number = (name: string, fallback: number): number => {
    const given = Number(fields[name] ?? fallback);
    return Number.isFinite(given) && given >= 0 ? given : fallback;
  };
  return {
    host: address[1]!,
    port: Number(address[2]),
    weight: Math.max(1, number("weight", 1)),
    maxFails: number("max_fails", 2),
    failTimeoutSeconds: number("fail_timeout", 10),
    down: number("down", 0) !== 0,
    backup: number("backup", 0) !== 0,
  };
}

function parseFields(value: string): Record<string, unknown> | undefined {
  if (value === "") return {};
  try {
    const fields: unknown = JSON.parse(value);
    return isRecord(fields) ? fields : undefined;
  } catch {
    return undefined;
  }
}
