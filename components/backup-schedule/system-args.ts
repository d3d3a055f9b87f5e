import type { Output } from "@pulumi/pulumi";
import { anything, instanceOf, listOf, maybe, shape, text, texts } from "../core/argument-shape";
import type { Endpoint } from "../core/endpoint";
import { Checks } from "../core/errors";
import { checkGivenSecret } from "../core/secret";
import type { PreparedMount } from "../core/service-container";

/** A set of MySQL servers; `mysqlBackupUser` makes the user. */
export interface BackupMysql {
  /** All servers that may come to take writes. */
  readonly endpoints: readonly Endpoint[];
  readonly user: string;
  readonly password: Output<string>;
}

/** A cluster of Consul. */
export interface BackupConsul {
  /** HTTP API of the servers. */
  readonly endpoints: readonly Endpoint[];

  /**
   * Beginnings of keys that belong to what runs, and are neither brought back nor taken away by a restore.
   * @default ["upstreams/"], which the instances write themselves
   */
  readonly exclude?: readonly string[];
}

/** Servers of Redis of which one is the primary; `redisBackupUser` makes the user. */
export interface BackupRedis {
  readonly endpoints: readonly Endpoint[];
  readonly user: string;
  readonly password: Output<string>;

  /** Patterns of keys that are made anew from other systems: they are in no set, and a restore takes them away. @default none */
  readonly derived?: readonly string[];
}

/** A cluster of RabbitMQ; the user has to be an administrator. */
export interface BackupRabbitmq {
  /** Management API of the brokers. */
  readonly endpoints: readonly Endpoint[];
  readonly user: string;
  readonly password: Output<string>;
}

/** A cluster of Elasticsearch. */
export interface BackupElasticsearch {
  readonly endpoints: readonly Endpoint[];

  /** The folder of snapshots that all nodes mount, as `EsCluster` tells it; it is on the host of the backup. */
  readonly snapshots: PreparedMount;

  /** Patterns of indices that are in no set and are left alone by a restore, such as those of a `BinlogSync`. @default none */
  readonly exclude?: readonly string[];
}

/** The systems that are in a set. */
export interface BackupSystems {
  /** @default none */
  readonly mysql?: BackupMysql;

  /** @default none */
  readonly consul?: BackupConsul;

  /** @default none */
  readonly redis?: BackupRedis;

  /** @default none */
  readonly rabbitmq?: BackupRabbitmq;

  /** @default none */
  readonly elasticsearch?: BackupElasticsearch;
}

const ENDPOINTS = listOf(instanceOf("Endpoint", "host", "port"));

/** Names and types of {@link BackupSystems}. A password in clear is told by its own check. */
export const SYSTEMS = {
  mysql: maybe(shape<BackupMysql>({ endpoints: ENDPOINTS, user: text, password: anything })),
  consul: maybe(shape<BackupConsul>({ endpoints: ENDPOINTS, exclude: maybe(texts) })),
  redis: maybe(shape<BackupRedis>({ endpoints: ENDPOINTS, user: text, password: anything, derived: maybe(texts) })),
  rabbitmq: maybe(shape<BackupRabbitmq>({ endpoints: ENDPOINTS, user: text, password: anything })),
  elasticsearch: maybe(
    shape<BackupElasticsearch>({
      endpoints: ENDPOINTS,
      snapshots: instanceOf("PreparedMount, such as the snapshots of an EsCluster", "mount", "ready"),
      exclude: maybe(texts),
    }),
  ),
};

export interface NormalBackupSystems {
  readonly mysql: BackupMysql | undefined;
  readonly consul: Required<BackupConsul> | undefined;
  readonly redis: Required<BackupRedis> | undefined;
  readonly rabbitmq: BackupRabbitmq | undefined;
  readonly elasticsearch: Required<BackupElasticsearch> | undefined;
}

export function normalizeSystems({ mysql, consul, redis, rabbitmq, elasticsearch }: BackupSystems): NormalBackupSystems {
  return {
    mysql,
    consul: consul && { exclude: ["upstreams/"], ...consul },
    redis: redis && { derived: [], ...redis },
    rabbitmq,
    elasticsearch: elasticsearch && { exclude: [], ...elasticsearch },
  };
}

export function checkSystems(checks: Checks, systems: NormalBackupSystems): void {
  const given = Object.entries(systems).filter(([, system]) => system !== undefined);
  checks.that(
    given.length > 0,
    "mysql",
    undefined,
    "must be given, or consul, redis, rabbitmq or elasticsearch: there is nothing to back up",
  );
  for (const [name, { endpoints }] of given as [string, { endpoints: readonly Endpoint[] }][])
    checks.that(endpoints.length > 0, `${name}.endpoints`, [], "must name a node, such as the endpoints of the component");
  const { mysql, redis, rabbitmq } = systems;
  for (const [name, login] of Object.entries({ mysql, redis, rabbitmq })) {
    if (login === undefined) continue;
    checks.that(login.user !== "", `${name}.user`, login.user, "must be a user of the system");
    checkGivenSecret(checks, `${name}.password`, login.password);
  }
}
