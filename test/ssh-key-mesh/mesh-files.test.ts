import { describe, expect, it } from "vitest";
import { openCommand, settleCommand, sshProbe, sshdCommand, sshdReload } from "../../components/ssh-key-mesh/mesh-command";
import {
  loginKeyFile,
  renderAuthorizedKeys,
  renderKnownHosts,
  renderSshConfig,
  renderSshdConfig,
} from "../../components/ssh-key-mesh/mesh-files";
import { nodes, ops1, ops2 } from "./nodes";

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
    await expect(renderSshConfig(nodes, loginKeyFile(0), "ops-1")).toMatchFileSnapshot("golden/ssh_config");
  });

  it("tell the server to take keys only and to forward nothing", async () => {
    await expect(renderSshdConfig(ops1, ops1.hostKey)).toMatchFileSnapshot("golden/sshd_config");
  });

  it("are the same in whatever order the nodes are given", () => {
    const reversed = [...nodes].reverse();
    expect(renderAuthorizedKeys(reversed)).toBe(renderAuthorizedKeys(nodes));
    expect(renderKnownHosts(reversed)).toBe(renderKnownHosts(nodes));
    expect(renderSshConfig(reversed, loginKeyFile(2), "git")).toBe(renderSshConfig(nodes, loginKeyFile(2), "git"));
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

  it("have the servers that run listen where they are to be as well, and there alone when all have been told", async () => {
    const containers = ["1", "2"].map((node) => ({
      docker: ["docker"],
      container: `shop-dev-ops-${node}`,
      listens: `10.89.0.15${node}:2223`,
    }));
    await expect(`${openCommand(containers)}\n`).toMatchFileSnapshot("golden/open.sh");
    await expect(`${settleCommand(containers)}\n`).toMatchFileSnapshot("golden/settle.sh");
  });
});
