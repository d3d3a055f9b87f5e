// The first step of every command in package.json: has nothing but Node itself, installs the packages, then runs scripts/cli.ts.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [major] = process.versions.node.split(".");
if (Number(major) < 20) {
  console.error(`Dockyard needs Node.js 20 or later, and this is ${process.version}. Install a later one and run the command again.`);
  process.exit(1);
}

installPackages();
const command = spawn(process.execPath, ["--import", "tsx", join(root, "scripts", "cli.ts"), ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
// The command ends in its own time, and this process behind it: the prompt must not come back while Pulumi still works. A terminal sends its
// Ctrl-C to both; what is sent to this process alone is handed on.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => command.kill("SIGTERM"));
command.on("exit", (status, signal) => process.exit(signal ? 130 : (status ?? 1)));

/** Runs `npm ci` where the installed packages are not those of the lock file; the marker says of which lock file they are. */
function installPackages() {
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const marker = join(root, "node_modules", ".dockyard-lock");
  if (existsSync(marker) && readFileSync(marker, "utf8") === wanted) return;
  const started = Date.now();
  console.log("Installing the node packages…");
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (npm.status !== 0) process.exit(npm.status ?? 1);
  writeFileSync(marker, wanted);
  console.log(`Installed the node packages in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}
