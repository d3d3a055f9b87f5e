import { describe, expect, it } from "vitest";
import { normalizeSshKeyMeshArgs } from "../../components/ssh-key-mesh/args";
import { describeSshNodes } from "../../components/ssh-key-mesh/node-args";
import { renderSshPrivateKey, sshPublicKey } from "../../components/ssh-key-mesh/openssh-key";
import { SshKeyMesh } from "../../components/ssh-key-mesh/ssh-key-mesh";
import { SshNodes } from "../../components/ssh-key-mesh/ssh-nodes";
import { emptyNetwork, recordResources, seedOf, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ ops: "10.89.0.151", few: "10.89.0.181" });
const host = network.placement.hosts[0];
const node = { name: "git", host, address: "10.89.0.171", image: "git:1", user: "1000:1000", login: "git" };
const client = { name: "builder", host, address: "10.89.0.172", image: "builder:1", user: "1000:1000" };

describe("a key mesh's arguments", () => {
  it("are servers on port 2222", () => {
    expect(normalizeSshKeyMeshArgs("mesh", { nodes: [node] })).toEqual({
      nodes: [{ ...node, port: 2222, logsInTo: ["git"] }],
      clients: [],
    });
  });

  it("let everyone log in everywhere, or where they say", () => {
    const [ops, other] = [
      { ...node, name: "ops", port: 1, logsInTo: [] },
      { ...client, name: "other", logsInTo: ["git"] },
    ];
    const { nodes, clients } = normalizeSshKeyMeshArgs("mesh", { nodes: [node, ops], clients: [client, other] });
    expect([...nodes, ...clients].map(({ logsInTo }) => logsInTo)).toEqual([["git", "ops"], ["ops"], ["git", "ops"], ["git"]]);
    expect(() => normalizeSshKeyMeshArgs("mesh", { nodes: [node], clients: [{ ...client, logsInTo: ["builder", "git"] }] })).toThrow(
      'mesh.clients[0].logsInTo: must name nodes of the mesh: git, got ["builder"]',
    );
    // It would have neither a host to know nor a server that knows it.
    expect(() => normalizeSshKeyMeshArgs("mesh", { nodes: [node], clients: [{ ...client, logsInTo: [] }] })).toThrow(
      "mesh.clients[0].logsInTo: must name a node or more, or be left out for all: git, got []",
    );
  });

  it("are one node at least", () => {
    expect(() => normalizeSshKeyMeshArgs("mesh", { nodes: [], clients: [client] })).toThrow(
      "mesh.nodes: must be one node or more; leave the component out to have none, got []",
    );
  });

  it("are refused all at once, each with what to do", () => {
    expect(() =>
      normalizeSshKeyMeshArgs("Mesh", {
        nodes: [
          node,
          { ...node, address: "git.example", port: 0, user: "0:1000", login: "root", forcedCommand: "a\nb" },
          { ...node, name: "Git_2", port: 2222.5, user: "git", login: "Git" },
          { ...node, name: "git-3", port: 70_000, forcedCommand: "a\\" },
          { ...node, name: "localhost", user: "1000:0" },
        ],
        clients: [{ ...client, name: "git" }, client, client],
      }),
    ).toThrow(
      new RegExp(
        [
          /Mesh\.name: must be lower-case letters.*, got "Mesh"/,
          /Mesh\.nodes\[1\]\.name: must be its own, but nodes\[0\] has it; rename one of them, got "git"/,
          /Mesh\.nodes\[1\]\.address: must be an IPv4 address.*, got "git\.example"/,
          /Mesh\.nodes\[1\]\.user: must be uid:gid in numbers, neither of them root's 0.*, got "0:1000"/,
          /Mesh\.nodes\[1\]\.port: must be a port from 1 to 65535, got 0/,
          /Mesh\.nodes\[1\]\.login: must be the name of the image's user.* not root, got "root"/,
          /Mesh\.nodes\[1\]\.forcedCommand: must be one line.*, got "a\\nb"/,
          /Mesh\.nodes\[2\]\.name: must be lower-case letters.*, got "Git_2"/,
          /Mesh\.nodes\[2\]\.user: .*, got "git"/,
          /Mesh\.nodes\[2\]\.port: .*, got 2222\.5/,
          /Mesh\.nodes\[2\]\.login: .*, got "Git"/,
          /Mesh\.nodes\[3\]\.port: .*, got 70000/,
          /Mesh\.nodes\[3\]\.forcedCommand: .* does not end with a backslash.*/,
          /Mesh\.nodes\[4\]\.name: .* and not localhost, .*, got "localhost"/,
          /Mesh\.nodes\[4\]\.user: .*, got "1000:0"/,
          /Mesh\.nodes\[4\]\.address: must be its own, but git listens there; move one of them.*, got "10\.89\.0\.171:2222"/,
          /Mesh\.clients\[0\]\.name: must be its own, but nodes\[0\] has it.*/,
          /Mesh\.clients\[2\]\.name: must be its own, but clients\[1\] has it.*/,
        ]
          .map(({ source }) => source)
          .join("\\n"),
      ),
    );
  });
});

describe("SSH nodes' arguments", () => {
  it("are three nodes of Dockyard's own image, with the network's addresses", () => {
    expect(describeSshNodes("ops", { network })).toMatchObject([
      {
        name: "ops-1",
        address: "10.89.0.151",
        port: 2222,
        user: "2222:2222",
        login: "ops",
        image: expect.stringMatching(/^dockyard\/ssh-node:/),
      },
      { name: "ops-2", address: "10.89.0.152" },
      { name: "ops-3", address: "10.89.0.153" },
    ]);
  });

  it("are refused all at once, each with what to do", () => {
    expect(() => describeSshNodes("Ops", { network, nodes: 0 })).toThrow(
      /Ops\.name: .*\nOps\.nodes: must be a whole number from 1 to 100; .*, got 0/,
    );
    expect(() => new SshNodes("ops", { network, members: [], memoryMiB: 8 })).toThrow(
      /ops\.members: must be one member of a mesh or more; .*\nops\.memoryMiB: must be 32 or more: .*, got 8/,
    );
  });
});

describe("a key mesh", () => {
  it("gives every container its own volume, keys and server", async () => {
    const ops = SshNodes.describe("few", { network, nodes: 2 });
    const mesh = new SshKeyMesh("mesh", { nodes: [node, ...ops], clients: [client] });
    new SshNodes("few", { network, members: ops.map(({ name }) => mesh.member(name)) });

    expect(mesh.member("git")).toMatchObject({
      mount: { volume: "dockyard-unit-git-ssh", path: "/etc/ssh/mesh", readOnly: true },
      tmpfs: { "/run/ssh-mesh": "rw,noexec,nosuid,nodev,size=64k,mode=0700,uid=1000,gid=1000" },
    });
    expect(mesh.client("builder").mount).toEqual({ volume: "dockyard-unit-builder-ssh", path: "/etc/ssh/mesh", readOnly: true });
    expect(() => mesh.member("builder")).toThrow(
      'mesh.nodes: must have it before it is asked for; there are git, few-1, few-2, got "builder"',
    );
    expect(() => mesh.client("git")).toThrow('mesh.clients: must have it before it is asked for; there are builder, got "git"');

    await settled(registered);
    const inputs = (name: string) => registered.find((resource) => resource.name === name)?.inputs ?? {};
    expect(inputs("few-2")).toMatchObject({
      command: ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/mesh/current/sshd_config"],
      user: "2222:2222",
      volumes: [
        { volumeName: "dockyard-unit-few-2-ssh", containerPath: "/etc/ssh/mesh", readOnly: true },
        { volumeName: "dockyard-unit-few-2-data", containerPath: "/home/ops" },
      ],
      tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=64m", "/run/ssh-mesh": expect.stringContaining("uid=2222,gid=2222") },
    });
  });

  it("hands out every public key, each private key to its owner alone, and all of it by standard input", () => {
    const scripts = Object.fromEntries(
      ["git", "few-1", "few-2", "builder"].map((owner) => {
        const { inputs } = registered.find(({ name, type }) => name === `${owner}-ssh` && type === "command:local:Command") ?? {
          inputs: {},
        };
        const { stdin, create } = inputs as { stdin: string | { value: string }; create: string };
        // A secret is wrapped on its way to the engine.
        expect(stdin).toBeTypeOf("object");
        expect(create).not.toContain("PRIVATE KEY");
        return [owner, (stdin as { value: string }).value];
      }),
    );
    const publicKey = (name: string) => sshPublicKey(seedOf(name));
    for (const [owner, script] of Object.entries(scripts)) {
      const own = (owner === "builder" ? ["login"] : ["login", "host"]).map((kind) => seedOf(`${owner}-${kind}-key`));
      expect(script.match(/BEGIN OPENSSH PRIVATE KEY/g)).toHaveLength(own.length);
      for (const seed of own) expect(script).toContain(renderSshPrivateKey(seed, owner));
      for (const server of ["git", "few-1", "few-2"]) expect(script).toContain(publicKey(`${server}-host-key`));
      for (const login of owner === "builder" ? [] : Object.keys(scripts)) expect(script).toContain(publicKey(`${login}-login-key`));
    }
    expect(scripts.builder).not.toContain("sshd_config");
  });

  it("hands nothing of a node to who may not log in there", async () => {
    const [first, second] = [
      { ...node, name: "first" },
      { ...node, name: "second", address: "10.89.0.174", logsInTo: [] },
    ];
    new SshKeyMesh("split", { nodes: [first, second], clients: [{ ...client, name: "narrow", logsInTo: ["second"] }] });
    await settled(registered);
    const script = (owner: string) => {
      const found = registered.find(({ name, type }) => name === `${owner}-ssh` && type === "command:local:Command");
      return (found?.inputs as { stdin: { value: string } }).stdin.value;
    };
    const publicKey = (name: string) => sshPublicKey(seedOf(name));
    expect(script("narrow")).toContain(publicKey("second-host-key"));
    expect(script("narrow")).not.toContain(publicKey("first-host-key"));
    expect(script("first")).not.toContain(publicKey("narrow-login-key"));
    expect(script("first")).not.toContain(publicKey("second-login-key"));
    expect(script("second")).toContain(publicKey("narrow-login-key"));
    expect(script("second")).toContain(publicKey("first-login-key"));
  });
});
