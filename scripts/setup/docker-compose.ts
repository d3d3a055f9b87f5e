import { existsSync } from "node:fs";
import { join } from "node:path";
import { goBuild } from "./go-build";
import { CACHE } from "./paths";
import type { Report } from "./shell";
import { DOCKER_COMPOSE_VERSION } from "./versions";

/** Has docker compose's program, which a bench compares with: from the cache, else built from its Go module. */
export async function ensureDockerCompose(report: Report): Promise<string> {
  const program = join(CACHE, `docker-compose-${DOCKER_COMPOSE_VERSION}`, "docker-compose");
  if (!existsSync(program)) await goBuild("toolchain/docker-compose", "github.com/docker/compose/v2/cmd", program, report);
  return program;
}
