/** An SSH server on this machine for a test, with keys of its own. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface SshServer {
  readonly port: number;
  readonly user: string;
  /** The public key by which the server proves what it is. */
  readonly hostKey: string;
  /** A private key that the server lets in. */
  readonly privateKey: string;
  /** The same key, locked by a password. */
  readonly lockedPrivateKey: string;
  readonly lock: string;
  stop(): void;
}

const program = "/usr/sbin/sshd";

/** Starts a server that listens on 127.0.0.1 only. */
export async function startSshServer(): Promise<SshServer> {
  if (!existsSync(program)) {
    throw new Error(`${program} not found: install the package openssh-server`);
  }
  const directory = mkdtempSync(join(tmpdir(), "dockyard-sshd-"));
  const path = (name: string): string => join(directory, name);
  const read = (name: string): string => readFileSync(path(name), "utf8");
  const lock = "password of the key";
  const makeKey = (name: string, password = ""): void => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", password, "-f", path(name)]);
  };
  makeKey("host");
  makeKey("user");
  makeKey("locked", lock);
  writeFileSync(path("authorized_keys"), read("user.pub") + read("locked.pub"));
  const port = await freePort();
  writeFileSync(
    path("config"),
    [
      "ListenAddress 127.0.0.1",
      `Port ${port}`,
      `HostKey ${path("host")}`,
      `AuthorizedKeysFile ${path("authorized_keys")}`,
      "PidFile none",
      "StrictModes no",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "AcceptEnv ACCEPTED PULUMI_COMMAND_*",
      "Subsystem sftp internal-sftp",
    ].join("\n"),
  );
  if (process.getuid?.() === 0) {
    mkdirSync("/run/sshd", { recursive: true }); // where the server locks up its unprivileged part
  }
  const server = spawn(program, ["-D", "-e", "-f", path("config")], { stdio: "ignore" });
  await untilListening(port);
  return {
    port,
    user: userInfo().username,
    hostKey: read("host.pub"),
    privateKey: read("user"),
    lockedPrivateKey: read("locked"),
    lock,
    stop: () => {
      server.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const listening = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => {
        resolve(false);
      });
    });
    if (listening) {
      return;
    }
    await sleep(50);
  }
  throw new Error("sshd does not listen");
}
