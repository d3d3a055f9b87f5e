/** The command plugin's remote resources, against a real SSH server. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { remote, type types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Engine } from "./support/engine.js";
import { type SshServer, startSshServer } from "./support/sshd.js";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let engine: Engine;
let server: SshServer;
let connection: types.input.remote.ConnectionArgs;
const file = (name: string): string => join(engine.directory, name);
const read = (name: string): string => readFileSync(file(name), "utf8");

beforeAll(async () => {
  server = await startSshServer();
  engine = await Engine.create();
  connection = { host: "127.0.0.1", port: server.port, user: server.user, privateKey: server.privateKey };
});
afterAll(async () => {
  try {
    await engine.dispose();
  } finally {
    server.stop();
  }
});

describe("remote.Command", () => {
  let seen: string[] = [];
  const program = (accepted: string, triggers: unknown[]) => () => {
    seen = [];
    const log = file("life.log");
    const command = new remote.Command("life", {
      connection: { ...connection, hostKey: server.hostKey },
      create: `echo "create $ACCEPTED $(cat)" | tee -a ${log}; echo aside >&2`,
      update: `echo "update $ACCEPTED after $PULUMI_COMMAND_STDOUT/$PULUMI_COMMAND_STDERR" | tee -a ${log}`,
      delete: `echo "delete $ACCEPTED after $PULUMI_COMMAND_STDOUT" >> ${log}`,
      environment: { ACCEPTED: accepted },
      stdin: "input",
      triggers,
    });
    new remote.Command("quiet", { connection, create: "echo quiet out; echo quiet err >&2", logging: "stderr" });
    command.stdout.apply((value) => seen.push(value));
    return { stdout: command.stdout };
  };

  test("runs its commands on the server at each step of its life", async () => {
    expect((await engine.preview(program("hello", [1]))).steps).toMatchObject({ life: "create" });
    expect([existsSync(file("life.log")), seen]).toEqual([false, []]);
    const created = await engine.up(program("hello", [1]));
    expect(created.log.toSorted()).toEqual(["aside", "create hello input", "quiet err"]);
    expect((await engine.refresh(program("hello", [1]))).steps).toEqual({});
    expect((await engine.up(program("hi", [1]))).steps).toEqual({ life: "update" });
    expect((await engine.up(program("hi", [2]))).steps.life).toContain("create-replacement");
    await engine.destroy();
    expect(read("life.log").trimEnd().split("\n")).toEqual([
      "create hello input",
      "update hi after create hello input/aside",
      "create hi input",
      "delete hi after update hi after create hello input/aside",
      "delete hi after create hi input",
    ]);
  });

  test("keeps its connection secret", async () => {
    await engine.up(program("hello", [1]));
    expect(engine.state()).toContain("create hello");
    expect(engine.state()).not.toContain(server.privateKey.split("\n")[1]);
  });
});

describe("the connection", () => {
  const refused = { dialErrorLimit: 0, perDialTimeout: 5 };
  const run = (name: string, given: types.input.remote.ConnectionArgs) =>
    new remote.Command(name, { connection: given, create: "echo $SSH_CONNECTION" });

  test("can use a locked key and a bastion host", async () => {
    const { outputs } = await engine.up(() => {
      const proxy = { ...connection, hostKey: server.hostKey };
      const { host, port, user } = connection;
      const locked = { privateKey: server.lockedPrivateKey, privateKeyPassword: server.lock };
      return {
        locked: run("locked", { host, port, user, ...locked }).stdout,
        proxied: run("proxied", { ...connection, proxy }).stdout,
      };
    });
    for (const name of ["locked", "proxied"]) {
      expect((outputs[name] as { value: string }).value).toContain(`127.0.0.1 ${server.port}`);
    }
  });

  test.each([
    ["a server with another host key", () => ({ hostKey: server.hostKey.replace(/ \S+/, ` ${otherKey}`) }), /host key/],
    ["a wrong key", () => ({ privateKey: server.lockedPrivateKey }), /privateKey: .*passphrase/],
    ["a closed port", () => ({ port: 1 }), /connection refused/],
  ])("refuses %s", async (_, change, reason) => {
    await expect(
      engine.up(() => {
        run("refused", { ...connection, ...refused, ...change() });
      }),
    ).rejects.toThrow(reason);
  });

  test("makes a failure tell its exit status and what was printed", async () => {
    await expect(
      engine.up(() => {
        new remote.Command("failing", { connection, create: "echo no such luck >&2; exit 3" });
      }),
    ).rejects.toThrow(/exited with status 3:\n\s*no such luck/);
  });
});

/** The public half of a key that no server here has. */
const otherKey = "AAAAC3NzaC1lZDI1NTE5AAAAINey0jvk6JvL3k56afwNoqyttT2wWhEJyiBNvChl5/pK";

describe("remote.CopyToRemote and remote.CopyFile", () => {
  test("copy texts, files and directories", async () => {
    mkdirSync(file("source/inner"), { recursive: true });
    mkdirSync(file("existing"));
    writeFileSync(file("source/inner/deep.txt"), "deep");
    const program = (content: string) => () => {
      writeFileSync(file("one.txt"), content);
      const copy = (name: string, remotePath: string, source: pulumi.asset.Asset | pulumi.asset.Archive) =>
        new remote.CopyToRemote(name, { connection, source, remotePath: file(remotePath) });
      copy("text", "there/new/parents/text", new pulumi.asset.StringAsset(`text ${content}`));
      copy("file", "there/file", new pulumi.asset.FileAsset("one.txt"));
      copy("file-into-directory", "existing", new pulumi.asset.FileAsset("one.txt"));
      copy("directory", "there/directory", new pulumi.asset.FileArchive("source/inner"));
      copy("entries", "there/entries", new pulumi.asset.FileArchive("source/"));
       
      new remote.CopyFile("old", { connection, localPath: "one.txt", remotePath: file("old.txt") });
    };
    await engine.up(program("1"));
    expect(read("there/new/parents/text")).toBe("text 1");
    expect(read("there/file")).toBe("1");
    expect(read("existing/one.txt")).toBe("1");
    expect(read("there/directory/inner/deep.txt")).toBe("deep");
    expect(read("there/entries/inner/deep.txt")).toBe("deep");
    expect(read("old.txt")).toBe("1");

    const changed = await engine.up(program("2"));
    expect(changed.steps).toMatchObject({ text: "update", file: "update" });
    expect([read("there/new/parents/text"), read("there/file")]).toEqual(["text 2", "2"]);
    expect((await engine.refresh(program("2"))).steps).toEqual({});
  });

  test("refuse an archive that is not a file or directory", async () => {
    const source = new pulumi.asset.AssetArchive({ a: new pulumi.asset.StringAsset("a") });
    await expect(
      engine.up(() => {
        new remote.CopyToRemote("refused", { connection, source, remotePath: file("refused") });
      }),
    ).rejects.toThrow(/must be a FileAsset, a StringAsset or a FileArchive/);
  });
});
