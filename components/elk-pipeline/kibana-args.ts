import { Shape, maybe, number, shape, text } from "../core/argument-shape";
import { Checks } from "../core/errors";

/** Kibana, the page on which the indices are looked at. */
export interface KibanaArgs {
  /** Image with Kibana 7.17 and `curl`. @default "docker.elastic.co/kibana/kibana:7.17.28" */
  readonly image?: string;

  /** `uid:gid` that it runs as. @default "1000:1000" */
  readonly user?: string;

  /** Port on the host's loopback. @default 5601 */
  readonly publishedPort?: number;

  /** Path behind which a proxy has it: `/kibana`. @default "" */
  readonly basePath?: string;

  /** Memory limit in MiB. @default 1024 */
  readonly memoryMiB?: number;

  /** CPUs that it may use. @default 1 */
  readonly cpus?: number;
}

/** Names and types of {@link KibanaArgs}. */
export const KIBANA = shape<KibanaArgs>({
  image: maybe(text),
  user: maybe(text),
  publishedPort: maybe(number),
  basePath: maybe(text),
  memoryMiB: maybe(number),
  cpus: maybe(number),
} satisfies Shape<KibanaArgs>);

export type NormalKibanaArgs = Required<KibanaArgs>;

export const KIBANA_IMAGE = "docker.elastic.co/kibana/kibana:7.17.28";

export function normalizeKibana({
  image = KIBANA_IMAGE,
  user = "1000:1000",
  publishedPort = 5601,
  basePath = "",
  memoryMiB = 1024,
  cpus = 1,
}: KibanaArgs): NormalKibanaArgs {
  return { image, user, publishedPort, basePath, memoryMiB, cpus };
}

export function checkKibana(checks: Checks, { basePath, memoryMiB, cpus }: NormalKibanaArgs): void {
  checks
    .that(
      basePath === "" || /^(\/[\w-]+)+$/.test(basePath),
      "kibana.basePath",
      basePath,
      "must be a path without a slash at its end: /kibana",
    )
    .that(Number.isInteger(memoryMiB) && memoryMiB >= 768, "kibana.memoryMiB", memoryMiB, "must be 768 or more")
    .that(cpus > 0, "kibana.cpus", cpus, "must be more than 0");
}
