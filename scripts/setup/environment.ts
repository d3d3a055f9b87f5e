import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PRIVATE, PROJECT_ROOT } from "./paths";
import { PulumiInstallation, findPulumi, loggedInBackend, pulumiPath, userCredentials, withoutTypeScript } from "./pulumi";
import { SetupError } from "./shell";

/**
 * The environment in which Pulumi runs: its program and plugins, the backend and the passphrase.
 *
 * A backend that the user chose, by `PULUMI_BACKEND_URL`, in the project's Pulumi.yaml or by logging in, wins. Otherwise the state is in a
 * private folder of the checkout, encrypted with a passphrase that is made on first use and stays there.
 *
 * @param cwd Folder of the Pulumi project.
 */
export function pulumiEnvironment(cwd: string = PROJECT_ROOT): Record<string, string> {
  const installation = findPulumi();
  if (installation === undefined) throw new SetupError("Pulumi is not set up yet; `npm run up` or `npm run preview` does it.");
  return {
    ...pulumiPath(installation),
    ...backend(installation, cwd),
    ...(isPlainJavaScript(cwd) && withoutTypeScript(installation)),
    ...withLessCollecting(),
  };
}

/**
 * Pulumi, its plugins and docker's client end after seconds: they need not look for what they could give back of their memory each time that it
 * has doubled.
 */
function withLessCollecting(): Record<string, string> {
  return process.env.GOGC === undefined ? { GOGC: "400" } : {};
}

/** URL of the backend that Pulumi uses for the project in a folder. */
export function backendUrl(cwd: string): string {
  return process.env.PULUMI_BACKEND_URL ?? projectBackend(cwd) ?? pulumiEnvironment(cwd).PULUMI_BACKEND_URL ?? "";
}

/** What `backend.url` in the project's Pulumi.yaml says, on lines of its own or in braces. */
function projectBackend(cwd: string): string | undefined {
  return /^backend:\s*(?:\{\s*)?url:\s*["']?([^\s"'}]+)/m.exec(projectText(cwd))?.[1];
}

/** Whether the project says that Pulumi need not transpile its program. */
function isPlainJavaScript(cwd: string): boolean {
  return /^runtime:[^]*?\btypescript:\s*false\b/m.test(projectText(cwd));
}

function projectText(cwd: string): string {
  const file = join(cwd, "Pulumi.yaml");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** Runs `work` with the environment of a state that is made for it and removed after it: the user's stacks are left alone. */
export async function stateOfItsOwn<T>(work: (env: Record<string, string>, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "dockyard-state-"));
  try {
    return await work(
      { ...pulumiEnvironment(), PULUMI_BACKEND_URL: backendIn(folder), PULUMI_CONFIG_PASSPHRASE: randomBytes(16).toString("hex") },
      folder,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A backend of plain files in a folder, without the file of attributes beside each: that is not replaced in one step, and a run that is killed
 * while it writes one leaves a state that cannot be read.
 */
function backendIn(folder: string): string {
  return `file://${folder}?metadata=skip`;
}

function backend({ home }: PulumiInstallation, cwd: string): Record<string, string> {
  if (process.env.PULUMI_BACKEND_URL !== undefined) return {};
  const credentials: Record<string, string> = home === userCredentials ? {} : { PULUMI_CREDENTIALS_PATH: userCredentials };
  if (projectBackend(cwd) !== undefined) return credentials;
  const chosen = loggedInBackend();
  if (chosen !== undefined) return { PULUMI_BACKEND_URL: chosen, ...credentials };
  mkdirSync(PRIVATE, { recursive: true, mode: 0o700 });
  return { PULUMI_BACKEND_URL: backendIn(PRIVATE), ...passphrase(cwd) };
}

function passphrase(cwd: string): Record<string, string> {
  if (process.env.PULUMI_CONFIG_PASSPHRASE !== undefined || process.env.PULUMI_CONFIG_PASSPHRASE_FILE !== undefined) return {};
  const file = join(PRIVATE, "passphrase");
  if (!existsSync(file)) refuseForeignSalt(file, cwd);
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("base64url"), { mode: 0o600, flag: "wx" });
  return { PULUMI_CONFIG_PASSPHRASE_FILE: file };
}

/** A salt in a stack's configuration belongs to the passphrase that it was made with: with another one Pulumi could read nothing. */
function refuseForeignSalt(file: string, cwd: string): void {
  const salted = readdirSync(cwd).find(
    (name) => /^Pulumi\.[^.]+\.yaml$/.test(name) && /^encryptionsalt:/m.test(readFileSync(join(cwd, name), "utf8")),
  );
  if (salted === undefined) return;
  throw new SetupError(
    `${salted} has the salt of a passphrase that is not here: ${file} is missing. Put that file back or set PULUMI_CONFIG_PASSPHRASE to go on with its state; ` +
      `to begin a state of your own, take the line "encryptionsalt" out of ${salted}.`,
  );
}
