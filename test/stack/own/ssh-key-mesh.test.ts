import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imageReference } from "../../../components/core/images";
import { containersOf, docker } from "../support/engine";
import { until } from "../support/load";
import { loginsDuring } from "../support/logins";
import { processesDuring } from "../support/processes";
import { TestStack } from "../support/test-stack";

const NAME = "test-ssh-mesh";
const ADDRESSES = { ops: "10.209.0.51", git: "10.209.0.71", runner: "10.209.0.72" };
const OPS = ["ops-1", "ops-2", "ops-3"];
const WHOLE = { nodes: 3, git: true, runner: true };
const FILES = "/etc/ssh/mesh/current";
/** A client without the mesh's configuration, and with the pinned host keys only. */
const BARE = ["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", `UserKnownHostsFile=${FILES}/known_hosts`];

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.create(
    NAME,
    { network: { subnet: "10.209.0.0/24", addresses: ADDRESSES }, mesh: WHOLE },
    "test/stack/programs/ssh-key-mesh/program.cjs",
  );
  await stack.up();
});

afterAll(async () => {
  await stack.remove();
});

interface Said {
  readonly exitCode?: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in a node's container, as its user. */
async function on(node: string, command: readonly string[], input = ""): Promise<Said> {
  return execa("docker", ["exec", "--interactive", stack.container(node), ...command], { input, reject: false });
}

async function ssh(from: string, ...args: string[]): Promise<Said> {
  return on(from, ["ssh", ...args]);
}

/** A login that is tried once more where it was cut before a word was said, as by a server that has just begun to start anew. */
async function logIn(from: string, to: string): Promise<string> {
  const said = await ssh(from, to, "hostname");
  const cut = said.exitCode === 255 && said.stderr.startsWith("kex_exchange_identification: ");
  return output(cut ? ssh(from, to, "hostname") : Promise.resolve(said));
}

/** What a command says that has to succeed without a word on its error output. */
async function output(said: Promise<Said>): Promise<string> {
  const { exitCode, stdout, stderr } = await said;
  expect({ exitCode, stderr }, `exit ${exitCode}: ${stderr}`).toEqual({ exitCode: 0, stderr: "" });
  return stdout;
}

function opsAddress(node: string): string {
  return `10.209.0.${50 + Number(node.split("-")[1])}`;
}

/** The 32 secret bytes of a private key's file: they stand first in its last field of 64 bytes. */
function seedIn(privateKey: string): Buffer {
  const bytes = Buffer.from(privateKey.replace(/-----.*-----/g, ""), "base64");
  const field = bytes.lastIndexOf(Buffer.from("00000040", "hex"));
  return bytes.subarray(field + 4, field + 36);
}

/** Every private key of the mesh, by its owner and its file. */
async function privateKeys(): Promise<Record<string, string>> {
  const owned = [...[...OPS, "git"].flatMap((node) => [`${node} id_ed25519`, `${node} host_ed25519`]), "runner id_ed25519"];
  const keys = await Promise.all(
    owned.map(async (of) => {
      const [node = "", file = ""] = of.split(" ");
      return [of, await output(on(node, ["cat", `${FILES}/${file}`]))] as const;
    }),
  );
  return Object.fromEntries(keys);
}

/** How a private key would show: as the file's lines that hold the secret, and as the bytes it is made from. */
function tracesOf(privateKey: string): string[] {
  const seed = seedIn(privateKey);
  return [...privateKey.split("\n").slice(3, 5), seed.toString("base64"), seed.toString("hex")];
}

/** Which containers run since when; fails where a node has none. */
async function ids(nodes: readonly string[]): Promise<string[]> {
  const containers = await containersOf(stack.label);
  return nodes.map((node) => {
    const found = containers[node];
    if (found === undefined) throw new Error(`${node} has no container`);
    return `${found.Id} ${found.State.StartedAt}`;
  });
}

describe("an SSH key mesh", () => {
  it("lets every node log in to every other and to itself, by name and by address, with no question asked", async () => {
    for (const from of [...OPS, "git", "runner"]) {
      for (const to of OPS) {
        expect(await output(ssh(from, to, "hostname"))).toBe(to);
        expect(await output(ssh(from, opsAddress(to), "hostname"))).toBe(to);
      }
    }
  });

  it("goes on from node to node: ssh ops-1 ssh ops-2 hostname", async () => {
    expect(await output(ssh("runner", "ops-1", "ssh", "ops-2", "hostname"))).toBe("ops-2");
    expect(await output(ssh("ops-2", "ops-3", "ssh", "ops-1", "ssh", "ops-2", "hostname"))).toBe("ops-2");
  });

  it("runs a node's forced command instead of what is asked for", async () => {
    for (const from of [...OPS, "runner"])
      expect(await output(ssh(from, "git", "git-upload-pack 'a b'"))).toBe("git was asked: git-upload-pack 'a b'");
  });

  it("gives a terminal, and copies files to a home that outlives its container", async () => {
    expect((await ssh("ops-1", "-tt", "ops-2", "tty")).stdout.trim()).toMatch(/^\/dev\/pts\/\d+$/);
    await output(on("ops-1", ["sh", "-c", "echo kept > /tmp/note && scp -q /tmp/note ops-2:note"]));
    await docker("rm", "--force", stack.container("ops-2"));
    await stack.refresh();
    await stack.up();
    expect(await output(ssh("ops-1", "ops-2", "cat", "note"))).toBe("kept");
  });

  it("gives every file to its node's user alone, and the lists of keys and hosts to all", async () => {
    for (const node of [...OPS, "git"]) {
      expect(await output(on(node, ["sh", "-c", `cd ${FILES} && stat --format '%n %a %U' *`]))).toBe(
        [
          "authorized_keys 600 ops",
          "host_ed25519 600 ops",
          "id_ed25519 600 ops",
          "known_hosts 444 ops",
          "ssh_config 444 ops",
          "sshd_config 444 ops",
        ].join("\n"),
      );
    }
    expect(await output(on("runner", ["sh", "-c", `cd ${FILES} && stat --format '%n %a' *`]))).toBe(
      "id_ed25519 600\nknown_hosts 444\nssh_config 444",
    );
  });

  it("has each private key on its own node and nowhere else, and each public key everywhere", async () => {
    const keys = await privateKeys();
    for (const node of [...OPS, "git", "runner"]) {
      const everything = await output(on(node, ["sh", "-c", "cat /etc/ssh/mesh/*/*"]));
      for (const [of, key] of Object.entries(keys)) {
        const [owner = "", file] = of.split(" ");
        const lines = key.split("\n").slice(3, 5);
        expect
          .soft(
            lines.map((line) => everything.includes(line)),
            `${of} on ${node}`,
          )
          .toEqual(lines.map(() => owner === node));
        const publicKey = (await output(on(owner, ["ssh-keygen", "-y", "-f", `${FILES}/${file}`]))).split(" ").slice(0, 2).join(" ");
        if (node !== "runner" || file === "host_ed25519") expect.soft(everything, `${of} on ${node}`).toContain(publicKey);
      }
    }
  });

  it("has nothing to change", async () => {
    expect(await stack.preview()).toEqual([]);
  });
});

describe("an SSH key mesh refuses", () => {
  it("passwords, root and forwarding", async () => {
    const password = await ssh(
      "ops-1",
      ...["-o", "BatchMode=no", "-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password,keyboard-interactive"],
      "ops-2",
      "hostname",
    );
    // What stands between the brackets is what the server would take.
    expect(password).toMatchObject({ exitCode: 255, stdout: "", stderr: expect.stringContaining("Permission denied (publickey).") });
    expect(await ssh("ops-1", "-l", "root", "ops-3", "hostname")).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining("Permission denied (publickey)."),
    });
    expect((await ssh("ops-2", "-W", "127.0.0.1:2222", "ops-3")).stderr).toContain("administratively prohibited");
    expect((await ssh("ops-2", "-o", "ExitOnForwardFailure=yes", "-R", "9999:127.0.0.1:1", "ops-3", "true")).stderr).toContain(
      "remote port forwarding failed",
    );
  });

  it("a key that it does not know, while it takes its own from the same place in the same way", async () => {
    const login = (key: string) => ssh("ops-3", ...BARE, "-i", key, "-p", "2222", `ops@${opsAddress("ops-1")}`, "hostname");
    await output(on("ops-3", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/tmp/unknown"]));
    expect(await login("/tmp/unknown")).toMatchObject({ exitCode: 255, stderr: expect.stringContaining("Permission denied (publickey).") });
    expect(await output(login(`${FILES}/id_ed25519`))).toBe("ops-1");
  });

  it("a key that was carried off to another node", async () => {
    const login = ["ssh", ...BARE, "-p", "2222", `ops@${opsAddress("ops-2")}`, "hostname"];
    const key = await output(on("runner", ["cat", `${FILES}/id_ed25519`]));
    await output(on("ops-3", ["sh", "-c", "umask 077 && cat > /tmp/stolen"], `${key}\n`));
    expect(await on("ops-3", [...login.slice(0, 1), "-i", "/tmp/stolen", ...login.slice(1)])).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining("Permission denied (publickey)."),
    });
    expect(await output(on("runner", [...login.slice(0, 1), "-i", `${FILES}/id_ed25519`, ...login.slice(1)]))).toBe("ops-2");
  });

  it("a server with another host key at a node's address, which would even have asked for a password", async () => {
    const impostor = `${stack.label}-impostor`;
    const server = "ssh-keygen -q -t ed25519 -N '' -f /tmp/key && exec /usr/sbin/sshd -D -f /dev/null -p 2222 -h /tmp/key -o PidFile=none";
    await docker("stop", stack.container("ops-3"));
    try {
      const network = `${stack.label}-services`;
      const label = `dockyard.stack=${stack.label}`;
      const options = ["--name", impostor, "--label", label, "--network", network, "--ip", opsAddress("ops-3")];
      await docker("run", "--detach", ...options, imageReference("ssh-node"), "sh", "-c", server);
      await until("the impostor is refused", async () => {
        const { exitCode, stderr } = await ssh("ops-1", "ops-3", "hostname");
        const refused = stderr.includes("REMOTE HOST IDENTIFICATION HAS CHANGED") && stderr.includes("Host key verification failed.");
        return (exitCode === 255 && refused) || Promise.reject(new Error(stderr));
      });
      // One who believes every server does reach it.
      const credulous = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
      expect((await ssh("ops-1", ...credulous, "ops-3", "hostname")).stderr).toContain("Permission denied (publickey,password");
    } finally {
      await docker("rm", "--force", impostor);
      await docker("start", stack.container("ops-3"));
    }
    await until("ops-3 is back", async () => (await ssh("ops-1", "ops-3", "hostname")).stdout === "ops-3");
  });
});

describe("an SSH key mesh that changes", () => {
  it("takes a new node in and another out in one up, tells all the others, also a stopped one, and replaces no container", async () => {
    const key = await output(on("runner", ["cat", `${FILES}/id_ed25519`]));
    const login = ["ssh", ...BARE, "-p", "2222", `ops@${opsAddress("ops-1")}`, "hostname"];
    // The removed node's own way in, as it is tried again below.
    expect(await output(on("runner", [...login.slice(0, 1), "-i", `${FILES}/id_ed25519`, ...login.slice(1)]))).toBe("ops-1");
    const before = await ids([...OPS, "git"]);
    await docker("stop", stack.container("ops-3"));

    const planned = await stack.preview({ mesh: { ...WHOLE, nodes: 4, runner: false } });
    expect(
      planned
        .filter(({ op }) => op === "update")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["git-ssh", "mesh-opened", "ops-1-ssh", "ops-2-ssh", "ops-3-ssh"]);
    await stack.up();
    await docker("start", stack.container("ops-3"));

    expect(await ids(["ops-1", "ops-2", "git"])).toEqual([before[0], before[1], before[3]]);
    await until("ops-3 is back", async () => (await ssh("ops-1", "ops-3", "hostname")).stdout === "ops-3");
    for (const node of OPS) {
      expect(await output(ssh(node, "ops-4", "hostname"))).toBe("ops-4");
      expect(await output(ssh("ops-4", node, "hostname"))).toBe(node);
      expect(await output(on(node, ["cat", `${FILES}/authorized_keys`]))).not.toContain("runner");
    }
    expect(await output(ssh("ops-4", "git", "status"))).toBe("git was asked: status");

    // With its old key and from its old address.
    const knownHosts = await output(on("ops-1", ["cat", `${FILES}/known_hosts`]));
    const again = ["run", "--rm", "--interactive", "--label", `dockyard.stack=${stack.label}`, "--network", `${stack.label}-services`];
    const script = `umask 077; head -c ${knownHosts.length} > /tmp/known; cat > /tmp/key; exec ssh -o UserKnownHostsFile=/tmp/known -i /tmp/key ${login.slice(1).join(" ")}`;
    const image = imageReference("ssh-node");
    const removed = await execa("docker", [...again, "--ip", ADDRESSES.runner, image, "sh", "-c", script], {
      input: `${knownHosts}${key}\n`,
      reject: false,
    });
    expect(removed).toMatchObject({ exitCode: 255, stdout: "", stderr: expect.stringContaining("Permission denied (publickey).") });
    expect(await stack.preview()).toEqual([]);
  });

  it("takes a node out whose container goes with it", async () => {
    const before = await ids(OPS);
    await stack.up({ mesh: WHOLE });
    expect(await ids(OPS)).toEqual(before);
    expect((await ssh("ops-1", "ops-4", "hostname")).exitCode).toBe(255);
    expect(await docker("volume", "ls", "--quiet", "--filter", `name=${stack.container("ops-4")}`)).toBe(stack.container("ops-4-data"));
    expect(await output(ssh("runner", "ops-1", "hostname"))).toBe("ops-1");
  });

  it("moves its servers to another port, and no login fails from where it takes part or to where it leads", async () => {
    const before = await ids([...OPS, "git", "runner"]);
    const clients = Object.fromEntries(
      ["ops-1", "git", "runner"].flatMap((from) =>
        OPS.map((to) => [`${from} to ${to}`, { ask: () => logIn(from, to), pauseMs: 50 }] as const),
      ),
    );
    const seen = await loginsDuring(clients, () => stack.up({ mesh: { ...WHOLE, port: 2223 } }));
    for (const [client, { requests, failures }] of Object.entries(seen)) {
      expect.soft(failures, `${client}: ${failures.join("; ")}`).toEqual([]);
      expect.soft(requests, client).toBeGreaterThan(5);
    }
    expect(await ids([...OPS, "git", "runner"])).toEqual(before);
  });

  it("moves them together with another image in one up, and one of them lets in at any time", async () => {
    const image = "dockyard-test/ssh-node:other";
    await docker("tag", imageReference("ssh-node"), image);
    try {
      const anywhere = async (from: string) => {
        const refusals: Said[] = [];
        for (const to of OPS) {
          const said = await ssh(from, to, "hostname");
          if (said.exitCode === 0 && said.stdout === to) return;
          refusals.push(said);
        }
        throw new Error(JSON.stringify(refusals.map(({ stderr }) => stderr)));
      };
      const clients = Object.fromEntries(["git", "runner"].map((from) => [from, { ask: () => anywhere(from), pauseMs: 50 }]));
      const before = await ids(OPS);
      const seen = await loginsDuring(clients, () => stack.up({ mesh: { ...WHOLE, port: 2224, image } }));
      for (const [client, { requests, failures }] of Object.entries(seen)) {
        expect.soft(failures, `${client}: ${failures.join("; ")}`).toEqual([]);
        expect.soft(requests, client).toBeGreaterThan(5);
      }
      expect((await ids(OPS)).filter((id) => before.includes(id))).toEqual([]);
      expect(await stack.preview()).toEqual([]);
      await stack.up({ mesh: WHOLE });
    } finally {
      await docker("rmi", image);
    }
  });

  it("shows no private key in the state, in docker inspect, in a process's command line or in its environment", async () => {
    const seen = await processesDuring(() => stack.up({ mesh: { ...WHOLE, nodes: 2 } }));
    const more = await processesDuring(() => stack.up({ mesh: WHOLE }));
    const keys = Object.values(await privateKeys());
    const containers = (await docker("ps", "--all", "--quiet", "--filter", `label=dockyard.stack=${stack.label}`)).split("\n");
    const places = {
      state: [await stack.pulumi("stack", "export", "--stack", NAME), await stack.storedState()],
      inspect: [await docker("inspect", ...containers)],
      processes: [...seen, ...more],
    };
    for (const [place, texts] of Object.entries(places))
      for (const trace of keys.flatMap(tracesOf))
        expect
          .soft(
            texts.filter((text) => text.includes(trace)),
            place,
          )
          .toEqual([]);

    // Where they are meant to be, and what else the processes showed, these ways of looking do find.
    const shown = await stack.pulumi("stack", "export", "--show-secrets", "--stack", NAME);
    for (const key of keys) expect(shown).toContain(seedIn(key).toString("base64"));
    expect(places.processes.filter((text) => text.includes(`-v ${stack.container("ops-1-ssh")}:/etc/ssh/mesh`))).not.toEqual([]);
  });
});
