import { execa } from "execa";
import { execArguments, nodesOf } from "../nodes";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { parseTarget } from "../stack";

const DEFAULT_GOODS = 100_000;
const MOST_GOODS = 10_000_000;

/** Fills the shop: `npm run seed -- 5000` has at least that many goods in the database, and leaves those that are there as they are. */
export default async function seed(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const [count = String(DEFAULT_GOODS), ...more] = rest;
  if (!/^\d+$/.test(count) || Number(count) < 1 || Number(count) > MOST_GOODS || more.length > 0)
    throw new SetupError(`seed takes how many goods there are to be, from 1 to ${MOST_GOODS}; got ${rest.join(" ")}.`);
  await setup(["engine", "pulumi"]);
  const { nodes } = await nodesOf(target, "goods");
  const node = nodes.find(({ state }) => state === "running");
  if (node === undefined) throw new SetupError("No instance of goods runs; `npm run up` starts them.");
  const [program, ...options] = execArguments(node, ["node", "/app/shop.js", "seed", count]);
  const { exitCode } = await execa(program, options, { stdio: ["ignore", "inherit", "inherit"], reject: false });
  return exitCode ?? 1;
}
