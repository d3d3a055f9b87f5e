import { existsSync } from "node:fs";
import { join } from "node:path";
import { goBuild } from "./go-build";
import { CACHE } from "./paths";
import type { Report } from "./shell";
import { CONSUL_TEMPLATE_VERSION } from "./versions";

/** Has consul-template's program, which a bench compares with: from the cache, else built from its Go module. */
export async function ensureConsulTemplate(report: Report): Promise<string> {
  const program = join(CACHE, `consul-template-${CONSUL_TEMPLATE_VERSION}`, "consul-template");
  if (!existsSync(program)) await goBuild("toolchain/consul-template", "github.com/hashicorp/consul-template", program, report);
  return program;
}
