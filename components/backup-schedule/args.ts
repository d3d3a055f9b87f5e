import { NETWORK, PLACEMENT, callback, checkShape, maybe, number, shape, text, texts } from "../core/argument-shape";
import type { ContainerTransform } from "../core/container-transform";
import { Checks } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import type { ServiceNetwork } from "../core/service-network";
import { isWhole } from "../core/whole";
import { isSchedule } from "./schedule";
import { BackupSystems, NormalBackupSystems, SYSTEMS, checkSystems, normalizeSystems } from "./system-args";
import { BackupTarget, NormalTarget, TARGET, checkTarget, normalizeTarget } from "./target-args";

export interface BackupScheduleArgs extends BackupSystems {
  /** Network that the service joins; its address comes from it. */
  network: ServiceNetwork;

  /** Host that it runs on, the first of several. @default the network's */
  placement?: Placement;

  /** When sets are taken, as a line of cron in UTC, or @hourly, @daily, @weekly, @monthly. @default "0 3 * * *", at three in the night */
  schedule?: string;

  /** Sets that are kept, 1 to 1000; as many again of those that a restore takes of what it replaces. @default 7 */
  keep?: number;

  /** Seconds after which MySQL's binary log is taken into the target: what the last ones wrote is lost with the servers. @default 60 */
  binlogSeconds?: number;

  /** Where sets are kept. @default a volume of the component's own */
  target?: BackupTarget;

  /** Image with `backup`, and `mysql`, `mysqldump` and `mysqlbinlog` where there is MySQL. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that it runs as; with Elasticsearch the one of its nodes, since they share the files of snapshots. @default "1000:1000" */
  user?: string;

  /** Memory limit in MiB. @default 256 */
  memoryMiB?: number;

  /** CPUs that it may use. @default 1 */
  cpus?: number;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on the container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<BackupScheduleArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  schedule: maybe(text),
  keep: maybe(number),
  binlogSeconds: maybe(number),
  target: maybe(TARGET),
  ...SYSTEMS,
  image: maybe(text),
  user: maybe(text),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

type Own = "target" | "transform" | keyof BackupSystems;
export type NormalBackupScheduleArgs = Required<Omit<BackupScheduleArgs, Own>> &
  Pick<BackupScheduleArgs, "transform"> &
  NormalBackupSystems & { readonly target: NormalTarget };

/** A piece of the binary log, its packed form, and a piece of an object that is on its way. */
const LEAST_MEMORY_MIB = 192;
const MOST_SETS = 1000;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeBackupScheduleArgs(name: string, args: BackupScheduleArgs): NormalBackupScheduleArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    schedule = "0 3 * * *",
    keep = 7,
    binlogSeconds = 60,
    image = imageReference("backup"),
    user = "1000:1000",
    memoryMiB = 256,
    cpus = 1,
    allowDataLoss = [],
    mysql,
    consul,
    redis,
    rabbitmq,
    elasticsearch,
    ...given
  } = args;
  const target = normalizeTarget(args.target ?? { type: "volume" });
  const systems = normalizeSystems({ mysql, consul, redis, rabbitmq, elasticsearch });
  const checks = new Checks(name)
    .that(
      NAME_PATTERN.test(name),
      "name",
      name,
      "must be lower-case letters, digits and inner hyphens, since its container is called by it",
    )
    .that(
      isSchedule(schedule),
      "schedule",
      schedule,
      'must be a line of cron with minute, hour, day, month and weekday in numbers, such as "0 3 * * *", of a day that comes, or @hourly, @daily, @weekly or @monthly',
    )
    .that(isWhole(keep, 1, MOST_SETS), "keep", keep, `must be a whole number from 1 to ${MOST_SETS}: the newest set is always kept`)
    .that(isWhole(binlogSeconds, 1, 86_400), "binlogSeconds", binlogSeconds, "must be whole seconds from 1 to a day")
    .that(
      isWhole(memoryMiB, LEAST_MEMORY_MIB, 2 ** 20),
      "memoryMiB",
      memoryMiB,
      `must be a whole number of MiB from ${LEAST_MEMORY_MIB}: pieces of what is kept are in memory while they are sent`,
    )
    .that(cpus > 0, "cpus", cpus, "must be more than 0");
  checkTarget(checks, target);
  checkSystems(checks, systems);
  checks.done();
  return { ...given, ...systems, placement, schedule, keep, binlogSeconds, target, image, user, memoryMiB, cpus, allowDataLoss };
}
