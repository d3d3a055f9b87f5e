import pino from "pino";

export type Log = pino.Logger;

/** One JSON line per event on standard output, each naming its service and instance. */
export function createLog(service?: string, instance?: string): Log {
  return pino({
    base: { service, instance },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
