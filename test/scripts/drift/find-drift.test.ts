import { beforeEach, describe, expect, it, vi } from "vitest";
import { findDrift } from "../../../scripts/drift/drift";
import { Target, exportedStack } from "../../../scripts/stack";
import { VOLUME, isDataVolume } from "../../../scripts/state";
import { recordResources } from "../../mocks";
import { labels, stateOfGoods, urn } from "./state";

vi.mock("../../../scripts/stack", async () => ({ ...(await vi.importActual<object>("../../../scripts/stack")), exportedStack: vi.fn() }));

recordResources();

const target: Target = { stack: "dev", cwd: "/shop", checkout: "/shop", project: "shop", label: "shop-dev" };
const stateOf = (resources: readonly object[]) => vi.mocked(exportedStack).mockResolvedValue(JSON.stringify({ deployment: { resources } }));

beforeEach(() => vi.clearAllMocks());

describe("a look for what differs", () => {
  it("is refused for a stack that was never brought up", async () => {
    vi.mocked(exportedStack).mockResolvedValue(undefined);
    await expect(findDrift(target)).rejects.toThrow("The stack dev has not been brought up yet; `npm run up` does it.");
  });

  it("is no answer where an engine cannot be reached, which is named", async () => {
    const provider = { urn: urn("host-far"), type: "pulumi:providers:docker", inputs: { host: "tcp://127.0.0.1:1" } };
    stateOf([provider, ...stateOfGoods()]);
    await expect(findDrift(target)).rejects.toThrow(/The engine of host far \(tcp:\/\/127\.0\.0\.1:1\) does not answer: [^]*Bring it back/);
  });
});

describe("a data volume", () => {
  it("is one that no command fills, whatever it is called and whoever may delete it", () => {
    const volume = (name: string) => ({
      urn: urn(name),
      type: VOLUME,
      id: `shop-dev-${name}`,
      inputs: { labels: labels("goods", "goods-1") },
    });
    const [data, snapshots] = [volume("goods-1-data"), volume("search-snapshots")];
    const resources = [...stateOfGoods(), data, snapshots];
    expect(resources.filter((each) => isDataVolume(each, resources))).toEqual([data, snapshots]);
  });
});
