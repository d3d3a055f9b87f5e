import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import manifest from "../../../package.json";
import { get } from "../support/load";
import { TestStack, freePorts } from "../support/test-stack";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");

let folder: string;
let stack: TestStack;

/** The files of README's section on composing a stack, by their names in their first lines. */
async function readmeFiles(): Promise<Record<string, string>> {
  const section = (await readFile(join(PROJECT_ROOT, "README.md"), "utf8")).split("## Compose your own stack")[1]?.split("\n## ")[0] ?? "";
  const blocks = [...section.matchAll(/```\w+\n(?:#|\/\/) ([\w.]+).*\n([^]*?)```/g)];
  return Object.fromEntries(blocks.map(([, name = "", content = ""]) => [name, content]));
}

/** The same program with an image that is there, and on ports and a subnet that are free. */
async function withWhatIsThere(program: string): Promise<string> {
  const port = await freePorts(5);
  const changes: readonly (readonly [string | RegExp, string])[] = [
    ['image: "registry.example/web:1.4.2"', 'image: imageReference("shop")'],
    ['command: ["/web"]', 'command: ["node", "/app/shop.js"]'],
    ['user: "1000:1000"', 'user: "10001:10001"'],
    ["ports: { http: 8000 }", "ports: { http: 8000, rpc: 9000 }"],
    ['command: ["/web", "health"]', 'command: ["/app/probe"]'],
    ["{ AppService,", "{ imageReference, AppService,"],
    ["18080", String(port)],
    ["18081", String(port + 1)],
    ["18500", String(port + 2)],
    [/10\.90\.0/g, "10.191.0"],
    [/\bweb\b/g, "goods"],
  ];
  return changes.reduce((text, [from, to]) => {
    expect(text).toMatch(from);
    return text.replace(from, to);
  }, program);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dockyard-compose-"));
  const { "index.ts": program = "", "program.cjs": entry = "" } = await readmeFiles();
  await writeFile(join(folder, "index.ts"), await withWhatIsThere(program));
  await writeFile(join(folder, "program.cjs"), entry);
  await writeFile(join(folder, "package.json"), "{}");
  const packages = [PROJECT_ROOT, `@pulumi/pulumi@${manifest.dependencies["@pulumi/pulumi"]}`];
  await execa("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages], { cwd: folder, stdin: "ignore" });
  stack = await TestStack.create("test-compose", {}, join(folder, "program.cjs"));
});

afterAll(async () => {
  await stack.remove();
  await rm(folder, { recursive: true, force: true });
});

describe("a program of one's own, as README has it", () => {
  it("brings its stack up, serves behind its gateway, and has nothing more to change", async () => {
    await stack.up();
    const { url } = await stack.outputs<{ url: string }>();
    expect((await get(`${url}/goods/1`)).status).toBe(200);
    expect(await stack.preview()).toEqual([]);
  });
});
