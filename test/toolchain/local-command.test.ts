/** The command plugin's local resources, run by the real engine. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Engine } from "./support/engine.js";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let engine: Engine;
const file = (name: string): string => join(engine.directory, name);
const read = (name: string): string => readFileSync(file(name), "utf8");

beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.dispose());

describe("local.Command", () => {
  interface Version {
    readonly greeting: string;
    readonly triggers: unknown[];
    readonly extra?: Partial<local.CommandArgs>;
  }
  /** What a program could see of the outputs: nothing while they are unknown. */
  let seen: string[] = [];
  const program = ({ greeting, triggers, extra }: Version) => () => {
    seen = [];
    const command = new local.Command("life", {
      create: 'echo "create $GREETING $(cat)" | tee -a life.log; echo aside >&2',
      update: 'echo "update $GREETING after $PULUMI_COMMAND_STDOUT/$PULUMI_COMMAND_STDERR" | tee -a life.log',
      delete: 'echo "delete $GREETING after $PULUMI_COMMAND_STDOUT" >> life.log',
      environment: { GREETING: greeting },
      stdin: "input",
      triggers,
      assetPaths: ["*.log", "!secret.*"],
      archivePaths: ["**.txt"],
      ...extra,
    });
    const { stdout, stderr, assets, archive } = command;
    for (const [name, output] of Object.entries({ stdout, stderr, assets, archive })) {
      (output as pulumi.Output<unknown>).apply(() => seen.push(name));
    }
    new local.Command("dependent", { create: "true", environment: { INPUT: stdout }, stdin: stderr, triggers: [stdout] });
    return { stdout, stderr, assets, archive };
  };
  const first: Version = { greeting: "hello", triggers: [1, new pulumi.asset.StringAsset("a")] };
  const second: Version = { ...first, greeting: "hi", extra: { dir: "." } };
  const third: Version = { ...second, triggers: [2, new pulumi.asset.StringAsset("a")] };

  test("is only foreseen by a preview", async () => {
    writeFileSync(file("secret.log"), "");
    writeFileSync(file("note.txt"), "");
    expect((await engine.preview(program(first))).steps).toMatchObject({ life: "create" });
    expect(seen).toEqual([]);
    expect(existsSync(file("life.log"))).toBe(false);
  });

  test("runs its create command", async () => {
    const run = await engine.up(program(first));
    expect(run.steps).toMatchObject({ life: "create" });
    expect(run.outputs).toMatchObject({
      stdout: { value: "create hello input" },
      stderr: { value: "aside" },
      assets: { value: { "life.log": { path: file("life.log") } } },
      archive: { value: { assets: { "note.txt": { path: file("note.txt") } } } },
    });
    expect(Object.keys((run.outputs.assets as { value: object }).value)).toEqual(["life.log"]);
    expect(run.log.toSorted()).toEqual(["aside", "create hello input"]);
    expect(seen.toSorted()).toEqual(["archive", "assets", "stderr", "stdout"]);
  });

  test("does nothing when nothing changed", async () => {
    expect((await engine.up(program(first))).steps).toEqual({});
    expect((await engine.refresh(program(first))).steps).toEqual({});
    expect(read("life.log")).toBe("create hello input\n");
  });

  test("updates when its inputs change", async () => {
    const { steps } = await engine.preview(program(second));
    expect(steps.life).toBe("update");
    expect(steps.dependent).toContain("replace");
    expect(seen).toEqual([]);
    expect((await engine.up(program(second))).outputs).toMatchObject({
      stdout: { value: "update hi after create hello input/aside" },
      stderr: { value: "" },
    });
  });

  test("is replaced when its triggers change", async () => {
    const run = await engine.up(program(third));
    expect(run.steps.life).toMatch(/create-replacement.*delete-replaced/);
    expect(read("life.log").split("\n").slice(2)).toEqual([
      "create hi input",
      "delete hi after update hi after create hello input/aside",
      "",
    ]);
  });

  test("runs its delete command", async () => {
    expect((await engine.destroy()).steps).toMatchObject({ life: "delete" });
    expect(read("life.log")).toMatch(/\ndelete hi after create hi input\n$/);
  });
});

describe("the inputs of local.Command", () => {
  test("choose the log, the interpreter and the previous output, and keep secrets", async () => {
    const program = (state: string) => () => {
      const create = "echo $0 out; echo $0 err >&2";
      for (const logging of ["stdout", "stderr", "stdoutAndStderr", "none"] as const) {
        new local.Command(logging, { create, logging, interpreter: ["/bin/sh", "-c"] });
      }
      new local.Command("bash", { create: "echo $BASH", interpreter: ["/bin/bash", "-c"] });
      const without = new local.Command("without", {
        create: "echo printed",
        update: 'echo "previous:$PULUMI_COMMAND_STDOUT"',
        addPreviousOutputInEnv: false,
        environment: { STATE: state, KEY: pulumi.secret("swordfish") },
        stdin: pulumi.secret("open sesame"),
      });
      return { without: without.stdout };
    };
    const { log } = await engine.up(program("1"));
    expect(log.filter((line) => line === "/bin/sh out")).toHaveLength(2);
    expect(log.filter((line) => line === "/bin/sh err")).toHaveLength(2);
    expect(log).toContain("/bin/bash");
    expect(engine.state()).not.toMatch(/swordfish|open sesame/);
    expect((await engine.up(program("2"))).outputs).toMatchObject({ without: { value: "previous:" } });
  });

  test("make a failure tell its exit status and what was printed", async () => {
    const program = () => {
      new local.Command("failing", { create: "echo no such luck >&2; exit 3" });
    };
    await expect(engine.up(program)).rejects.toThrow(/exit status 3:\n\s*no such luck/);
  });

  test("start no process that outlives a cancelled run", async () => {
    const cancel = new AbortController();
    const up = engine.up(() => {
      new local.Command("slow", { create: "sleep 300 & echo $! > pid; sleep 300" });
    }, cancel.signal);
    await vi.waitUntil(() => existsSync(file("pid")) && read("pid") !== "", { timeout: 20_000 });
    const commandLine = `/proc/${read("pid").trim()}/cmdline`;
    const alive = (): boolean => existsSync(commandLine) && readFileSync(commandLine, "utf8") !== "";
    expect(alive()).toBe(true);
    cancel.abort();
    await expect(up).rejects.toThrow(/cancel/);
    await sleep(100);
    expect(alive()).toBe(false);
  });
});

describe("local.run", () => {
  test("runs at once, in a preview too", async () => {
    const results: unknown[] = [];
    await engine.preview(async () => {
      const result = await local.run({
        command: "cat > made.bin; echo $NAME; echo aside >&2",
        environment: { NAME: "value" },
        stdin: "content",
        dir: engine.directory,
        assetPaths: ["made.*"],
        archivePaths: ["made.*"],
        logging: "none",
      });
      results.push(result.stdout, result.stderr, Object.keys(result.assets ?? {}), result.archive !== undefined);
    });
    expect(results).toEqual(["value", "aside", ["made.bin"], true]);
    expect(read("made.bin")).toBe("content");
  });

  test("selects files by rules of which the last that matches counts", async () => {
    const directory = file("tree");
    for (const name of ["assets/logos/logo.svg", "src/index.js", "src/deep/er.js", "src/secret.js", "other.js"]) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), name);
    }
    let found: string[] = [];
    await engine.preview(async () => {
      const assetPaths = ["assets/**", "src/**.js", "!**secret.*", "*/deep"];
      const { assets } = await local.run({ command: "true", dir: directory, assetPaths });
      found = Object.keys(assets ?? {}).sort();
    });
    expect(found).toEqual(["assets/logos/logo.svg", "src/deep/er.js", "src/index.js"]);
  });
});
