import { setup } from "../setup/setup";

/** Sets up what is missing, and nothing else. */
export default async function setUp(): Promise<number> {
  await setup(["engine", "pulumi", "images"]);
  return 0;
}
