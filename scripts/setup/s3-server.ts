import { existsSync } from "node:fs";
import { join } from "node:path";
import { goBuild } from "./go-build";
import { CACHE } from "./paths";
import type { Report } from "./shell";
import { S3_SERVER_VERSION } from "./versions";

/** Has a server that speaks S3, which a test keeps backups in: from the cache, else built from its Go module. */
export async function ensureS3Server(report: Report): Promise<string> {
  const program = join(CACHE, `s3-server-${S3_SERVER_VERSION}`, "versitygw");
  if (!existsSync(program)) await goBuild("toolchain/s3-server", "github.com/versity/versitygw/cmd/versitygw", program, report);
  return program;
}
