// Bundles the sample shop into one file, with its database's engine beside it: node apps/shop/build.mjs <folder>
import { build } from "esbuild";
import { copyFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { join, resolve } from "node:path";

const folder = process.argv[2];
if (folder === undefined) {
  console.error("usage: node apps/shop/build.mjs <folder to write shop.js to>");
  process.exit(1);
}

await build({
  entryPoints: [fileURLToPath(new URL("src/main.ts", import.meta.url))],
  outfile: join(resolve(folder), "shop.js"),
  bundle: true,
  platform: "node",
  // The version that the image carries.
  target: "node20",
  // Less to read at every start; the names stay for stack traces.
  minify: true,
  keepNames: true,
  // Packages that are modules ask for their own address, which a script has under another name.
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: { "import.meta.url": "importMetaUrl" },
  logLevel: "warning",
});

const database = "node-sqlite3-wasm.wasm";
const installed = createRequire(import.meta.url).resolve("node-sqlite3-wasm");
await copyFile(join(installed, "..", database), join(resolve(folder), database));
