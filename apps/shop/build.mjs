// Bundles the sample shop into one file: node apps/shop/build.mjs <folder>
import { build } from "esbuild";
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
  logLevel: "warning",
});
