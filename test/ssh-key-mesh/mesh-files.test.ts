import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { nodeCheck, sshProbe, sshdCommand, sshdReload } from "../../components/ssh-key-mesh/mesh-command";
import {
  MESH_FILES,
  renderAuthorizedKeys,
  renderKnownHosts,
  renderSshConfig,
  renderSshdConfig,
} from "../../components/ssh-key-mesh/mesh-files";
import { renderSshPrivateKey, sshPublicKey } from "../../components/ssh-key-mesh/openssh-key";
import { seedOf } from "../mocks";

const node = (name: string, address: string, port = 2222) => ({
  name,
  address,
  port,
  login: name.split("-")[0] ?? "",
  loginKey: sshPublicKey(seedOf(`${name}-login-key`)),
  hostKey: sshPublicKey(seedOf(`${name}-host-key`)),
});
const git = node("git", "10.89.0.171", 22);
const ops1 = node("ops-1", "10.89.0.151");
const ops2 = node("ops-2", "10.89.0.152");
const nodes = [ops2, git, ops1];

describe("a mesh's files", () => {
  it("let every node in with its own key, from its own address, to do nothing but run commands", async () => {
    await expect(renderAuthorizedKeys(nodes)).toMatchFileSnapshot("golden/authorized_keys");
  });

  it("bind every login to a node's forced command", () => {
    expect(renderAuthorizedKeys([ops1], 'git-shell -c "$SSH_ORIGINAL_COMMAND"')).toBe(
      `restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"",from="10.89.0.151" ${ops1.loginKey} ops-1\n`,
    );
  });

  it("pin every host key under name and address, with the port where it is not the usual one", async () => {
    await expect(renderKnownHosts(nodes)).toMatchFileSnapshot("golden/known_hosts");
  });

  it("tell the client where everyone is, whom to believe, and not to ask", async () => {
    await expect(renderSshConfig(nodes, "ops-1")).toMatchFileSnapshot("golden/ssh_config");
  });

  it("tell the server to take keys only and to forward nothing", async () => {
    await expect(renderSshdConfig(ops1, ops1.hostKey)).toMatchFileSnapshot("golden/sshd_config");
  });

  it("are the same in whatever order the nodes are given", () => {
    const reversed = [...nodes].reverse();
    expect(renderAuthorizedKeys(reversed)).toBe(renderAuthorizedKeys(nodes));
    expect(renderKnownHosts(reversed)).toBe(renderKnownHosts(nodes));
    expect(renderSshConfig(reversed, "git")).toBe(renderSshConfig(nodes, "git"));
  });

  it("call the PID file after what the server reads at its start, and after nothing else", () => {
    const pidFile = (of: typeof ops1, hostKey = of.hostKey) => /^PidFile (.*)$/m.exec(renderSshdConfig(of, hostKey))?.[1];
    expect(pidFile(ops1)).toMatch(/^\/run\/ssh-mesh\/[0-9a-f]{12}\.pid$/);
    expect(pidFile({ ...ops1, loginKey: ops2.loginKey })).toBe(pidFile(ops1));
    expect(pidFile(ops1, ops2.hostKey)).not.toBe(pidFile(ops1));
    expect(pidFile({ ...ops1, port: 2223 })).not.toBe(pidFile(ops1));
  });
});

describe("a mesh's commands", () => {
  it("run the server by its absolute path and ask it by a login", () => {
    expect(sshdCommand()).toEqual(["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/mesh/current/sshd_config"]);
    expect(sshProbe()).toEqual(["ssh", "-F", "/etc/ssh/mesh/current/ssh_config", "localhost", "true"]);
  });

  it("signal the server only until it has taken the configuration up", async () => {
    await expect(`${sshdReload()[2]}\n`).toMatchFileSnapshot("golden/reload.sh");
  });
});

describe.runIf(existsSync("/usr/sbin/sshd"))("a mesh's check, by OpenSSH itself", () => {
  const folder = mkdtempSync(join(tmpdir(), "dockyard-mesh-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  // Where a server that is root locks up its unprivileged part.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });

  const files: Record<string, string> = {
    [MESH_FILES.loginKey]: renderSshPrivateKey(seedOf("ops-1-login-key"), "ops-1"),
    [MESH_FILES.hostKey]: renderSshPrivateKey(seedOf("ops-1-host-key"), "ops-1"),
    [MESH_FILES.authorizedKeys]: renderAuthorizedKeys(nodes, "echo 'a \"b\" c'"),
    [MESH_FILES.knownHosts]: renderKnownHosts(nodes),
    [MESH_FILES.clientConfig]: renderSshConfig(nodes, "ops-1"),
    [MESH_FILES.serverConfig]: renderSshdConfig(ops1, ops1.hostKey),
  };

  function check(changed: Record<string, string>) {
    for (const [name, content] of Object.entries({ ...files, ...changed })) {
      rmSync(join(folder, name), { force: true });
      writeFileSync(join(folder, name), content, { mode: 0o600 });
    }
    const [program = "", ...args] = nodeCheck(folder);
    return spawnSync(program, args, { encoding: "utf8" });
  }

  it("passes what is rendered", () => {
    expect(check({})).toMatchObject({ status: 0 });
  });

  it.each([
    [MESH_FILES.loginKey, "no key\n", /key/],
    [MESH_FILES.hostKey, "no key\n", /no hostkeys available/],
    [MESH_FILES.authorizedKeys, "ssh-ed25519 AAAA\n", /is not a public key file/],
    [MESH_FILES.knownHosts, "ops-1 ssh-ed25519 AAAA\n", /is not a public key file/],
    [MESH_FILES.clientConfig, "Prot 22\n", /Bad configuration option: prot/],
    [MESH_FILES.serverConfig, "PasswordAuthentication never\n", /PasswordAuthentication|unsupported option/],
  ])("refuses a broken %s in its own words", (name, content, words) => {
    const { status, stdout, stderr } = check({ [name]: content });
    expect(status).not.toBe(0);
    expect(stdout + stderr).toMatch(words);
  });
});
