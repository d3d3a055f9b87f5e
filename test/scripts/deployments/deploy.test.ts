import { beforeEach, describe, expect, it, vi } from "vitest";
import { deploy } from "../../../scripts/deployments/deploy";
import { beginDeployment } from "../../../scripts/deployments/record";
import { Findings, recover, retainData } from "../../../scripts/recovery/recover";
import { Target, pulumi } from "../../../scripts/stack";
import { deployed } from "./deployed";

vi.mock("../../../scripts/recovery/recover");
vi.mock("../../../scripts/deployments/record");
vi.mock("../../../scripts/stack");

const target: Target = { stack: "dev", cwd: "/shop", checkout: "/shop", project: "shop", label: "shop-dev" };
const end = vi.fn(() => Promise.resolve());

beforeEach(() => {
  vi.clearAllMocks();
  vi.mocked(pulumi).mockResolvedValue(0);
  vi.mocked(beginDeployment).mockResolvedValue({ deployment: deployed(2), end });
});

function found(hold: Findings["hold"]): void {
  const nothing = { hosts: [], stopped: [], gone: [], lostData: [], undone: [], pending: [], halfMade: [], rotated: [], keptData: [] };
  vi.mocked(recover).mockResolvedValue({ hold, ...nothing });
}

describe("a deployment", () => {
  it("retains all data before a rollback, and is noted with its end", async () => {
    found("free");
    expect(await deploy(target, [], deployed(1))).toBe(0);
    expect(retainData).toHaveBeenCalledOnce();
    expect(end).toHaveBeenCalledWith("succeeded");
  });

  it.each([
    ["an up", undefined],
    ["a rollback", deployed(1)],
  ])("is refused while another run holds the stack, as %s", async (_, origin) => {
    found("held");
    await expect(deploy(target, [], origin)).rejects.toThrow(
      "Another run holds the stack dev; wait for it to end, then run the same command again.",
    );
    expect(pulumi).not.toHaveBeenCalled();
    expect(beginDeployment).not.toHaveBeenCalled();
  });

  it.each(["--preview-only", "--help", "-h"])("that only looks, by %s, is none, also while another run holds the stack", async (option) => {
    found("held");
    expect(await deploy(target, [option])).toBe(0);
    expect(pulumi).toHaveBeenCalledWith(target, ["up", "--stack", "dev", "--yes", option]);
    expect(beginDeployment).not.toHaveBeenCalled();
  });
});
