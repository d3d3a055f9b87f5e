import { DEFAULT_BACKUP, SET_ID, backupService } from "../backup-service";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { parseTarget, takeFlag, takeOption } from "../stack";

const USAGE =
  "npm run restore -- [COMPONENT] ID [--until TIME] [--only SYSTEM,SYSTEM] [--without-safety-set] [--yes], such as `npm run restore -- latest`; `npm run backup -- --list` shows the ids";

/**
 * Brings a set back. Without `--yes` it says what that would replace, and changes nothing.
 *
 * `--until` takes MySQL's rows on to a moment after the set, `--only` brings back some systems, and `--without-safety-set` takes no set of what
 * is replaced. Exits 3 where nothing was changed for want of `--yes`, and 1 where it failed.
 */
export default async function restore(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const [until, only] = [takeOption(rest, ["--until"]), takeOption(rest, ["--only"])];
  const flags = ["--yes", "--without-safety-set"].filter((flag) => takeFlag(rest, [flag]));
  const [id, component = DEFAULT_BACKUP, ...more] = [...rest].reverse();
  if (id === undefined || !SET_ID.test(id) || component.startsWith("-") || more.length > 0) throw new SetupError(`It is ${USAGE}.`);
  await setup(["engine", "pulumi"]);
  const options = [...(until === undefined ? [] : ["--until", until]), ...(only === undefined ? [] : ["--only", only]), ...flags];
  return backupService(target, component, ["restore", id, ...options]);
}
