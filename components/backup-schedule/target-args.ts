import type * as pulumi from "@pulumi/pulumi";
import { anything, byType, maybe, shape, text } from "../core/argument-shape";
import { Checks } from "../core/errors";
import { checkGivenSecret } from "../core/secret";

/** Where sets are kept. */
export type BackupTarget = VolumeTarget | FolderTarget | BucketTarget;

/** A data volume of the component's own, which outlives the stack. */
export interface VolumeTarget {
  readonly type: "volume";
}

/** A folder of the host that the service runs on, such as one of another disk. */
export interface FolderTarget {
  readonly type: "folder";

  /** Absolute path of a folder that is there, which the service's user may write. */
  readonly path: string;
}

/** A bucket of a server that speaks S3. */
export interface BucketTarget {
  readonly type: "bucket";

  /** URL of the server, without a path: `https://s3.eu-central-1.amazonaws.com`. */
  readonly endpoint: string;

  /** Name of a bucket that is there. */
  readonly bucket: string;

  /** Beginning of all objects' names, as in `backups/shop`. @default none */
  readonly prefix?: string;

  /** Region of the bucket. @default "us-east-1" */
  readonly region?: string;

  /** Key by which the server knows who asks; it has to be allowed to list, read, write and delete. */
  readonly accessKey: string;

  /** The secret that belongs to it. */
  readonly secretKey: pulumi.Output<string>;
}

/** Names and types of a {@link BackupTarget}. A secret in clear is told by its own check. */
export const TARGET = byType({
  volume: shape<VolumeTarget>({ type: text }),
  folder: shape<FolderTarget>({ type: text, path: text }),
  bucket: shape<BucketTarget>({
    type: text,
    endpoint: text,
    bucket: text,
    prefix: maybe(text),
    region: maybe(text),
    accessKey: text,
    secretKey: anything,
  }),
});

export type NormalTarget = VolumeTarget | FolderTarget | Required<BucketTarget>;

export function normalizeTarget(target: BackupTarget): NormalTarget {
  if (target.type !== "bucket") return target;
  const { prefix = "", region = "us-east-1", ...given } = target;
  return { ...given, prefix, region };
}

/** Amazon S3, "Bucket naming rules": what other servers take as well. */
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^([A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*)?$/;

export function checkTarget(checks: Checks, target: NormalTarget): void {
  if (target.type === "folder")
    checks.that(
      /^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/.test(target.path),
      "target.path",
      target.path,
      "must be the absolute path of a folder, such as /srv/backups",
    );
  if (target.type !== "bucket") return;
  const { endpoint, bucket, prefix, accessKey, secretKey } = target;
  checks
    .that(
      /^https?:\/\/[A-Za-z0-9.-]+(:\d{1,5})?$/.test(endpoint),
      "target.endpoint",
      endpoint,
      "must be a URL without a path, such as https://s3.example.org",
    )
    .that(BUCKET_NAME.test(bucket), "target.bucket", bucket, "must be 3 to 63 lower-case letters, digits, '.' and '-'")
    .that(PREFIX.test(prefix), "target.prefix", prefix, "must be names with '/' between, such as backups/shop")
    .that(accessKey !== "", "target.accessKey", accessKey, "must be the key by which the server knows who asks");
  checkGivenSecret(checks, "target.secretKey", secretKey);
}
