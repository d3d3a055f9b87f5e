import { seed } from "./goods/seed";
import { createLog, type Log } from "./log";
import { Service } from "./service";
import { readSettings, SettingsError, type Settings } from "./settings";

/** Leaves a second of the ten that an instance has to leave for what comes after the last connection. */
const STOP_DEADLINE_MS = 9_000;

async function main(): Promise<void> {
  const settings = readSettingsOrExit();
  const log = createLog(settings.service, settings.instance);
  const [command, count] = process.argv.slice(2);
  if (command === "seed") return seed(settings, Number(count), log);
  const service = new Service(settings, log);

  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, "leaving");
    void service.stop(STOP_DEADLINE_MS).then(() => {
      log.info("left");
      process.exit(0);
    });
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);

  await service.start().catch((error: unknown) => exitWith(log, error, "could not start"));
}

function readSettingsOrExit(): Settings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    createLog(process.env.SERVICE, process.env.INSTANCE).fatal({ faults: error.faults }, error.message);
    process.exit(1);
  }
}

function exitWith(log: Log, error: unknown, message: string): never {
  log.fatal({ err: error }, message);
  process.exit(1);
}

void main();
