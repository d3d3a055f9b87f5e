import { SetupError } from "./setup/shell";

/** What `npm run <name>` does; loaded only when asked for. */
const COMMANDS: Record<string, () => Promise<{ default: (args: readonly string[]) => Promise<number> }>> = {
  up: () => import("./commands/up"),
  preview: () => import("./commands/preview"),
  rollback: () => import("./commands/rollback"),
  down: () => import("./commands/down"),
  drift: () => import("./commands/drift"),
  status: () => import("./commands/status"),
  topology: () => import("./commands/topology"),
  picture: () => import("./commands/picture"),
  setup: () => import("./commands/setup"),
  env: () => import("./commands/env"),
  lint: () => import("./commands/lint"),
  test: () => import("./commands/test"),
  bench: () => import("./commands/bench"),
  promote: () => import("./commands/promote"),
  rotate: () => import("./commands/rotate"),
  rejoin: () => import("./commands/rejoin"),
  seed: () => import("./commands/seed"),
  purge: () => import("./commands/purge"),
  backup: () => import("./commands/backup"),
  restore: () => import("./commands/restore"),
};

/** Options that decide what a command is about. npm keeps those for itself that stand before a `--`, and the command would be about dev. */
const ABOUT = ["stack", "cwd"];

function refuseTaken(name: string): void {
  const taken = ABOUT.filter((option) => process.env.npm_lifecycle_event === name && process.env[`npm_config_${option}`] !== undefined);
  if (taken.length === 0) return;
  const options = taken.map((option) => `--${option}`).join(" and ");
  throw new SetupError(
    `npm took ${options} for its own; write \`--\` before it, as in \`npm run ${name} -- --${taken[0]} …\`. Nothing was done.`,
  );
}

async function main([name = "", ...args]: readonly string[]): Promise<number> {
  refuseTaken(name);
  const load = COMMANDS[name];
  if (load === undefined) {
    console.error(`There is no command "${name}"; there are ${Object.keys(COMMANDS).join(", ")}.`);
    return 2;
  }
  return (await load()).default(args);
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    // What the user can mend is one message; anything else is a fault of ours, with its trace.
    console.error(error instanceof SetupError ? `\n${error.message}` : error);
    process.exit(1);
  },
);
