import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Difference, Repair } from "../../../scripts/drift/difference";
import { findDrift } from "../../../scripts/drift/drift";
import { deploy } from "../../../scripts/deployments/deploy";
import { beginDeployment } from "../../../scripts/deployments/record";
import { Findings, recover, retainData, startStopped } from "../../../scripts/recovery/recover";
import { Target, pulumi, pulumiOutput } from "../../../scripts/stack";
import { deployed } from "./deployed";
import { findings } from "./findings";

vi.mock("../../../scripts/drift/drift");
vi.mock("../../../scripts/recovery/recover");
vi.mock("../../../scripts/deployments/record");
vi.mock("../../../scripts/stack", async () => ({
  ...(await vi.importActual<object>("../../../scripts/stack")),
  ensureStack: vi.fn(),
  pulumi: vi.fn(),
  pulumiOutput: vi.fn(),
}));

const target: Target = { stack: "dev", cwd: "/shop", checkout: "/shop", project: "shop", label: "shop-dev" };
const end = vi.fn(() => Promise.resolve());

beforeEach(() => {
  vi.clearAllMocks();
  vi.mocked(pulumi).mockResolvedValue(0);
  vi.mocked(findDrift).mockResolvedValue({ differences: [], unanswered: [], deleted: [], hosts: [], isEmpty: false });
  vi.mocked(beginDeployment).mockResolvedValue({ deployment: deployed(2), end });
});

function found(hold: Findings["hold"], more: Partial<Findings> = {}): void {
  vi.mocked(recover).mockResolvedValue(findings({ hold, ...more }));
}

/** A difference that is put back by writing its name into a file. */
function changed(kind: Difference["kind"], name: string): Difference {
  const repair: Repair = { commands: [["sh", "-c", `echo ${name} >> ${notes}`]] };
  return { kind, host: "local", name, differs: "is another one", urn: `urn::${name}`, repair };
}

const folder = mkdtempSync(join(tmpdir(), "dockyard-deploy-"));
const notes = join(folder, "notes");
beforeEach(() => writeFileSync(notes, ""));
afterAll(() => rmSync(folder, { recursive: true }));

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

describe("data that is gone", () => {
  const gone = { lostData: ["shop-dev-goods-1-data", "shop-dev-goods-2-data"], gone: ["urn::goods-1-data", "urn::goods-2-data"] };

  it("is refused by name, with what to do, before anything is touched", async () => {
    found("free", gone);
    await expect(deploy(target, [])).rejects.toThrow(
      /shop-dev-goods-1-data is gone: DATA LOSS[^]*shop-dev-goods-2-data is gone: DATA LOSS[^]*--accept-loss shop-dev-goods-1-data --accept-loss shop-dev-goods-2-data/,
    );
    await expect(deploy(target, ["--accept-loss", "shop-dev-goods-1-data"])).rejects.toThrow(/^The data volume shop-dev-goods-2-data/);
    expect(pulumi).not.toHaveBeenCalled();
    expect(beginDeployment).not.toHaveBeenCalled();
  });

  it("is made anew where each is accepted, and Pulumi is not told of that", async () => {
    found("free", gone);
    vi.mocked(pulumiOutput).mockResolvedValue('{"steps":[]}');
    expect(await deploy(target, ["--accept-loss", "shop-dev-goods-1-data", "--accept-loss=shop-dev-goods-2-data", "--diff"])).toBe(0);
    expect(pulumi).toHaveBeenLastCalledWith(target, ["up", "--stack", "dev", "--yes", "--refresh", "--diff"]);
  });
});

describe("data whose folder was deleted under a node that runs", () => {
  it("is refused before anything is put back or changed", async () => {
    found("free");
    const deleted = {
      ...changed("volume", "shop-dev-goods-1-data"),
      repair: undefined,
      differs: "was deleted while goods-1 runs: DATA LOSS",
    };
    const differences = [deleted, changed("settings", "goods")];
    vi.mocked(pulumiOutput).mockResolvedValue('{"steps":[]}');
    vi.mocked(findDrift).mockResolvedValue({ differences, deleted: [deleted], unanswered: [], hosts: [], isEmpty: false });
    await expect(deploy(target, [])).rejects.toThrow(/^The data volume shop-dev-goods-1-data was deleted while goods-1 runs: DATA LOSS/);
    expect(readFileSync(notes, "utf8")).toBe("");
    expect(pulumi).not.toHaveBeenCalled();
  });
});

describe("what was changed by hand", () => {
  it("is put back before Pulumi runs, settings and configurations first, and each once", async () => {
    found("free");
    const edited = changed("configuration", "gateway");
    vi.mocked(findDrift).mockResolvedValue({
      differences: [changed("key", "key"), edited, { ...edited, differs: "another file is missing" }, changed("settings", "goods")],
      unanswered: [],
      deleted: [],
      hosts: [],
      isEmpty: false,
    });
    vi.mocked(pulumiOutput).mockResolvedValue('{"steps":[{"op":"same","urn":"urn::goods"}]}');
    expect(await deploy(target, [])).toBe(0);
    expect(readFileSync(notes, "utf8")).toBe("goods\ngateway\nkey\n");
    expect(pulumi).toHaveBeenCalledExactlyOnceWith(target, ["up", "--stack", "dev", "--yes"]);
  });

  it("is left to the program where that changes it by now, and to Pulumi where nothing else puts it back", async () => {
    found("free");
    const fixed: Difference = { ...changed("settings", "goods"), repair: undefined };
    vi.mocked(findDrift).mockResolvedValue({
      differences: [changed("configuration", "gateway"), fixed],
      unanswered: [],
      deleted: [],
      hosts: [],
      isEmpty: false,
    });
    vi.mocked(pulumiOutput).mockResolvedValue('{"steps":[{"op":"update","urn":"urn::gateway"}]}');
    expect(await deploy(target, [])).toBe(0);
    expect(readFileSync(notes, "utf8")).toBe("");
    expect(pulumi).toHaveBeenCalledExactlyOnceWith(target, ["up", "--stack", "dev", "--yes", "--replace", "urn::goods"]);
  });

  it("is asked again once what was stopped runs, and told where it still cannot be asked", async () => {
    const started = { docker: ["docker"], kind: "container", id: "1", name: "discovery-1" } as unknown as Findings["stopped"][number];
    found("free", { stopped: [started] });
    const silent = {
      differences: [],
      unanswered: ["The keys cannot be compared: nobody answers."],
      deleted: [],
      hosts: [],
      isEmpty: false,
    };
    vi.mocked(findDrift)
      .mockResolvedValueOnce(silent)
      .mockResolvedValue({ ...silent, differences: [changed("key", "key")], unanswered: [] });
    vi.mocked(pulumiOutput).mockResolvedValue('{"steps":[]}');
    const said = vi.spyOn(console, "error").mockReturnValue();
    expect(await deploy(target, [])).toBe(0);
    expect(readFileSync(notes, "utf8")).toBe("key\n");
    expect(said).not.toHaveBeenCalled();
    // Where nothing was stopped nobody is about to answer.
    found("free");
    vi.mocked(findDrift).mockResolvedValue(silent);
    expect(await deploy(target, [])).toBe(0);
    expect(said.mock.calls.join()).toContain("nobody answers. What was changed of them by hand stays as it is.");
  });

  it("is left alone of a node that was leaving when its run was cut", async () => {
    found("free", { undone: ["urn::discovery-5-membership"] });
    const differences = [changed("settings", "discovery-5"), changed("settings", "discovery-4")];
    vi.mocked(findDrift).mockResolvedValue({ differences, deleted: [], unanswered: [], hosts: [], isEmpty: false });
    vi.mocked(pulumiOutput).mockResolvedValue('{"steps":[]}');
    expect(await deploy(target, [])).toBe(0);
    expect(readFileSync(notes, "utf8")).toBe("discovery-4\n");
  });

  it("is looked for by no command that only looks", async () => {
    found("free", { stopped: [{} as Findings["stopped"][number]] });
    await deploy(target, ["--preview-only"]);
    expect(findDrift).not.toHaveBeenCalled();
    expect(startStopped).not.toHaveBeenCalled();
  });

  it("stops an up that cannot put it back, naming what and why", async () => {
    found("free");
    const refused = {
      ...changed("configuration", "gateway"),
      repair: { commands: [["sh", "-c", "echo it is no file; exit 1"]] },
    } as Difference;
    vi.mocked(findDrift).mockResolvedValue({ differences: [refused], unanswered: [], deleted: [], hosts: [], isEmpty: false });
    vi.mocked(pulumiOutput).mockResolvedValue('{"steps":[]}');
    await expect(deploy(target, [])).rejects.toThrow("The configuration gateway cannot be put back: it is no file");
    expect(end).toHaveBeenCalledWith("failed");
  });
});
