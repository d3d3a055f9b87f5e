import { DEFAULT_BACKUP, backupService } from "../backup-service";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { parseTarget, takeFlag, takeOption } from "../stack";

const USAGE = "npm run backup -- [COMPONENT] [--list | --verify ID]";

/** Takes a set at once; `--list` shows those that there are, and `--verify ID` reads one to the end. Exits 1 where no set was taken, or one is damaged. */
export default async function backup(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const [verified, list] = [takeOption(rest, ["--verify"]), takeFlag(rest, ["--list"])];
  const [component = DEFAULT_BACKUP, ...more] = rest;
  if (component.startsWith("-") || more.length > 0 || (list && verified !== undefined)) throw new SetupError(`It is ${USAGE}.`);
  await setup(["engine", "pulumi"]);
  return backupService(target, component, verified !== undefined ? ["verify", verified] : [list ? "list" : "take"]);
}
