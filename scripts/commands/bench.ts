import { execa } from "execa";
import { PROJECT_ROOT } from "../setup/paths";
import { setup } from "../setup/setup";
import { stateOfItsOwn } from "../setup/environment";

/** Measures every figure that the README quotes; `npm run bench -- preview` measures one. */
export default async function bench(args: readonly string[]): Promise<number> {
  await setup(["engine", "pulumi", "images"]);
  return stateOfItsOwn(async (env) => {
    const { exitCode } = await execa("tsx", ["bench/bench.ts", ...args], {
      cwd: PROJECT_ROOT,
      preferLocal: true,
      stdio: "inherit",
      env,
      reject: false,
    });
    return exitCode ?? 1;
  });
}
