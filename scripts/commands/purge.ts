import { execa } from "execa";
import { execArguments, nodesOf } from "../nodes";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { parseTarget } from "../stack";

const USAGE = "npm run purge -- [COMPONENT] [--refresh] /PATH..., such as `npm run purge -- /goods/1`";
const DEFAULT_COMPONENT = "cdn";

/**
 * Takes paths out of the caches of all accelerators of a `SquidCdn`, under each of its domains; `--refresh` has them fetched anew instead, and
 * what is cached stays where the origin does not answer.
 *
 * Exits 1 where an accelerator did not do it, or could not be asked: it may still have what was to go.
 */
export default async function purge(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const flags = rest.filter((arg) => arg.startsWith("--"));
  const paths = rest.filter((arg) => arg.startsWith("/"));
  const [component = DEFAULT_COMPONENT, ...more] = rest.filter((arg) => !flags.includes(arg) && !paths.includes(arg));
  if (paths.length === 0 || more.length > 0 || flags.some((flag) => flag !== "--refresh") || paths.some((path) => /[\s#]/.test(path)))
    throw new SetupError(`It is ${USAGE}.`);
  await setup(["engine", "pulumi"]);
  const { nodes, silent } = await nodesOf(target, component);
  for (const { host, reason } of silent) console.error(`Host ${host.name} cannot be asked: ${reason}`);
  let failed = silent.length > 0 || nodes.length === 0;
  for (const node of nodes) {
    for (const path of paths) {
      const [program, ...options] = execArguments(node, ["sh", "/etc/squid/node/current/purge", ...flags, path]);
      const { exitCode, stdout, stderr } = await execa(program, options, { stdin: "ignore", reject: false });
      console.log(`${stdout}\n${stderr}`.trim().replace(/^/gm, `${node.name}: `));
      failed ||= exitCode !== 0;
    }
  }
  return failed ? 1 : 0;
}
