import { execa } from "execa";
import { PROJECT_ROOT } from "../setup/paths";

const CHECKS: readonly [string, ...string[]][] = [
  ["tsc", "--project", "."],
  ["eslint", "."],
  ["depcruise", "--config", ".dependency-cruiser.cjs", "index.ts", "stack", "components", "apps", "scripts"],
  ["prettier", "--check", "."],
];

/** Checks types, style, the layers and the format; runs them all, so that one run tells everything. */
export default async function lint(): Promise<number> {
  let failed = 0;
  for (const [tool, ...args] of CHECKS) {
    const { exitCode } = await execa(tool, args, { cwd: PROJECT_ROOT, preferLocal: true, stdio: "inherit", reject: false });
    if (exitCode !== 0) failed++;
  }
  return failed === 0 ? 0 : 1;
}
