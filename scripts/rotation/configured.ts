import { ConfigError } from "../../components/core/errors";
import { ROTATIONS_KEY, Rotation, readRotations, renderRotation } from "../../components/core/rotation";
import { SetupError } from "../setup/shell";
import { Target, pulumiOutput } from "../stack";

/**
 * The rotations in a stack's configuration.
 *
 * @param options Options for Pulumi that name another configuration file.
 * @throws {SetupError} where they cannot be read.
 */
export async function configuredRotations(target: Target, options: readonly string[] = []): Promise<ReadonlyMap<string, Rotation>> {
  const said = await pulumiOutput(target, ["config", "--json", "--stack", target.stack, "--non-interactive", ...options]);
  const { value } = (JSON.parse(said) as Record<string, { value?: string } | undefined>)[ROTATIONS_KEY] ?? {};
  try {
    return readRotations(value);
  } catch (error) {
    throw error instanceof ConfigError ? new SetupError(error.message) : error;
  }
}

/** What of the options for Pulumi names another configuration file. */
export function fileOption(options: readonly string[]): readonly string[] {
  const at = options.findIndex((option) => /^--config-file(=|$)/.test(option));
  return at === -1 ? [] : options.slice(at, options[at]?.includes("=") === true ? at + 1 : at + 2);
}

/** Writes rotations into a stack's configuration, all at once; others that are there stay. */
export async function configureRotations(
  target: Target,
  rotations: ReadonlyMap<string, Rotation>,
  options: readonly string[] = [],
): Promise<void> {
  if (rotations.size === 0) return;
  const settings = [...rotations].flatMap(([name, rotation]) => [
    "--plaintext",
    `${ROTATIONS_KEY}[${JSON.stringify(name)}]=${renderRotation(rotation)}`,
  ]);
  await pulumiOutput(target, ["config", "set-all", "--path", ...settings, "--stack", target.stack, "--non-interactive", ...options]);
}

/** A configuration file's text without the rotations: they belong to what the stack is, and are not taken back. */
export function withoutRotations(configuration: string): string {
  const key = `["']?${ROTATIONS_KEY}["']?:[ \\t]*`;
  // As Pulumi writes them: in lines of their own, or in braces where the file is JSON.
  const lines = new RegExp(`^([ \\t]*)${key}\\n(?:\\1[ \\t]+.*\\n?)*`, "m");
  const braces = new RegExp(`,?\\s*${key}\\{[^}]*\\}`);
  const nothingElse = /^config:[ \t]*(?:\n(?=\S)|\n?(?![^]))/m;
  return configuration.replace(lines, "").replace(braces, "").replace(nothingElse, "");
}
