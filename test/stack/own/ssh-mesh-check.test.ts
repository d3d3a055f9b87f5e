import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { nodeCheck } from "../../../components/ssh-key-mesh/mesh-command";
import {
  MESH_FILES,
  renderAuthorizedKeys,
  renderKnownHosts,
  renderSshConfig,
  renderSshdConfig,
} from "../../../components/ssh-key-mesh/mesh-files";
import { renderSshPrivateKey } from "../../../components/ssh-key-mesh/openssh-key";
import { seedOf } from "../../mocks";
import { nodes, ops1 } from "../../ssh-key-mesh/nodes";

describe("a mesh's check, by OpenSSH itself", () => {
  const folder = mkdtempSync(join(tmpdir(), "dockyard-mesh-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  // Where a server that is root locks up its unprivileged part.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });

  const files: Record<string, string> = {
    [MESH_FILES.loginKey]: renderSshPrivateKey(seedOf("ops-1-login-key"), "ops-1"),
    [MESH_FILES.hostKey]: renderSshPrivateKey(seedOf("ops-1-host-key"), "ops-1"),
    [MESH_FILES.authorizedKeys]: renderAuthorizedKeys(nodes, "echo 'a \"b\" c'"),
    [MESH_FILES.knownHosts]: renderKnownHosts(nodes),
    [MESH_FILES.clientConfig]: renderSshConfig(nodes, MESH_FILES.loginKey, "ops-1"),
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
