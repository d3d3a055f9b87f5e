import { beforeEach, describe, expect, it, vi } from "vitest";
import { showChanges } from "../../../scripts/deployments/preview";
import { findDrift } from "../../../scripts/drift/drift";
import { holdOf } from "../../../scripts/recovery/local-state";
import { look } from "../../../scripts/recovery/recover";
import { Target, pulumi } from "../../../scripts/stack";
import { findings } from "./findings";

vi.mock("../../../scripts/drift/drift");
vi.mock("../../../scripts/recovery/local-state");
vi.mock("../../../scripts/recovery/recover");
vi.mock("../../../scripts/stack", async () => ({
  ...(await vi.importActual<object>("../../../scripts/stack")),
  ensureStack: vi.fn(),
  pulumi: vi.fn(),
}));

const target: Target = { stack: "dev", cwd: "/shop", checkout: "/shop", project: "shop", label: "shop-dev" };
const said = vi.spyOn(console, "log");

beforeEach(() => {
  vi.clearAllMocks();
  said.mockImplementation(() => undefined);
  vi.mocked(pulumi).mockResolvedValue(0);
  vi.mocked(holdOf).mockResolvedValue("free");
  vi.mocked(findDrift).mockResolvedValue({ differences: [], unanswered: [], deleted: [], hosts: [], isEmpty: false });
});

/** What is said before Pulumi's own preview. */
async function shown(more: Parameters<typeof findings>[0]): Promise<string[]> {
  vi.mocked(look).mockResolvedValue(findings(more));
  expect(await showChanges(target, [])).toBe(0);
  return said.mock.calls.map(([line]) => String(line));
}

describe("a preview", () => {
  it("has nothing to say of a stack that is as its last run left it", async () => {
    expect(await shown({})).toEqual([]);
  });

  it("tells what an up removes of an interrupted run, and what it does again", async () => {
    const left = { docker: ["docker"], kind: "container", id: "1", name: "shop-dev-goods-2" } as const;
    const undone = ["discovery-founding", "goods-1-registration"].map((name) => `urn:pulumi:dev::shop::command:local:Command::${name}`);
    expect(
      await shown({ leftovers: [{ ...left, created: 0, owned: true, state: "running" }], undone, pending: ["goods-1-registration"] }),
    ).toEqual([
      "The last run was interrupted; `npm run up` takes it up again. goods-1-registration",
      "The container shop-dev-goods-2, which an interrupted run had made but not recorded: `npm run up` removes it.",
      "`npm run up` does again what was undone or never came to its end: discovery-founding.",
    ]);
  });
});
