import { dirname, join } from "node:path";
import { digestOf } from "./digest";

/** Programs of Dockyard's own in Go that run in its images, with the folder of their module, from the project's root. */
export const OWN_PROGRAMS = {
  backup: "images/backup/program",
  "binlog-sync": "images/binlog-sync/program",
  "filebeat-keeper": "images/filebeat/keeper",
  "kafka-admin": "images/kafka/admin",
  "mysql-keeper": "images/mysql/keeper",
} as const satisfies Record<string, string>;

export type OwnProgram = keyof typeof OWN_PROGRAMS;

/** How an image of the catalogue is made. */
export interface ImageDefinition {
  /** Version of the software inside, the readable part of the tag. */
  readonly version: string;

  /** Folders and files, relative to the project's root, that decide what the image holds; the first is the Dockerfile's folder. */
  readonly sources: readonly [string, ...string[]];

  /** Files that are made, not kept in the tree, and copied beside the Dockerfile. */
  readonly artifacts: readonly ("buildbot_www.whl" | "consul" | "elasticsearch" | "filebeat" | "kafka" | "shop.js" | OwnProgram)[];
}

/** Release of Debian that every image starts from. */
export const DEBIAN_RELEASE = "trixie";

/** First part of the references of all images that Dockyard builds. */
export const CATALOGUE_PREFIX = "dockyard/";

/** Every image that Dockyard builds. */
export const IMAGES = {
  backup: { version: "0.1.0", sources: ["images/backup"], artifacts: ["backup"] },
  "binlog-sync": { version: "0.1.0", sources: ["images/binlog-sync"], artifacts: ["binlog-sync"] },
  buildbot: { version: "4.2.1", sources: ["images/buildbot", "toolchain/buildbot-www"], artifacts: ["buildbot_www.whl"] },
  consul: { version: "1.22.0", sources: ["images/consul", "toolchain/consul"], artifacts: ["consul"] },
  elasticsearch: { version: "7.17.28", sources: ["images/elasticsearch", "toolchain/elasticsearch"], artifacts: ["elasticsearch"] },
  filebeat: { version: "7.17.28", sources: ["images/filebeat", "toolchain/filebeat"], artifacts: ["filebeat", "filebeat-keeper"] },
  "git-server": { version: "2.47.3", sources: ["images/git-server"], artifacts: [] },
  "haproxy-keepalived": { version: "3.0.11", sources: ["images/haproxy-keepalived"], artifacts: [] },
  kafka: { version: "4.1.0", sources: ["images/kafka", "toolchain/kafka"], artifacts: ["kafka", "kafka-admin"] },
  mysql: { version: "9.7.4", sources: ["images/mysql"], artifacts: ["mysql-keeper"] },
  nginx: { version: "1.26.3", sources: ["images/nginx"], artifacts: [] },
  rabbitmq: { version: "4.0.5", sources: ["images/rabbitmq"], artifacts: [] },
  redis: { version: "8.0.2", sources: ["images/redis"], artifacts: [] },
  // The bundle holds packages, and the lock file says which.
  shop: { version: "0.1.0", sources: ["images/shop", "apps/shop", "package-lock.json"], artifacts: ["shop.js"] },
  squid: { version: "6.13", sources: ["images/squid"], artifacts: [] },
  "ssh-node": { version: "10.0p1", sources: ["images/ssh-node"], artifacts: [] },
} as const satisfies Record<string, ImageDefinition>;

export type ImageName = keyof typeof IMAGES;

// From the file's name: loaded as a module by the scripts, it has no folder of its own.
const PROJECT_ROOT = join(dirname(__filename), "..", "..");

/**
 * The reference of a catalogue image: `dockyard/consul:1.22.0-3f2a9c1b0d5e`.
 *
 * The tag's second part is a digest of all that the image is made from, so a changed Dockerfile is a changed image to preview, and an
 * unchanged one is never rebuilt or replaced.
 */
export function imageReference(name: ImageName): string {
  const { version, sources }: ImageDefinition = IMAGES[name];
  return `${CATALOGUE_PREFIX}${name}:${version}-${digestOf(PROJECT_ROOT, sources)}`;
}
