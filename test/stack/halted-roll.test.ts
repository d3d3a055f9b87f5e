import { afterAll, describe, expect, it } from "vitest";
import { containersOf, docker } from "./support/engine";
import { get, underLoad } from "./support/load";
import { sharedStack } from "./support/shared";

const { stack, gateway, settings } = sharedStack();
/** An option that the software refuses, so the instance that gets it can never become healthy. */
const BROKEN = { instances: 3, environment: { NODE_OPTIONS: "--never-heard-of" } };

async function ids(...nodes: string[]): Promise<(string | undefined)[]> {
  const containers = await containersOf(stack.label);
  return nodes.map((node) => containers[node]?.Id);
}

afterAll(async () => {
  await docker("start", ...["discovery-3", "goods-2", "goods-3"].map((node) => stack.container(node)));
  await stack.reset();
  await stack.up();
});

describe("a roll that cannot go on", () => {
  it("stops at the first instance with the software's own words, and the others serve on", async () => {
    const before = await ids("goods-2", "goods-3");
    let said = "";
    const { failures } = await underLoad([`${gateway}/goods/1`], 50, async () => {
      said = await stack.up({ goods: BROKEN }).then(() => "it went through", String);
    });
    expect(said).toContain(`${stack.container("goods-1")} does not become whole`);
    expect(said).toContain("--never-heard-of is not allowed in NODE_OPTIONS");
    expect(failures).toEqual([]);
    expect(await ids("goods-2", "goods-3")).toEqual(before);
    await stack.reset();
    await stack.up();
    expect(await ids("goods-2", "goods-3")).toEqual(before);
    expect(await stack.preview()).toEqual([]);
    expect((await get(`${gateway}/goods/1`)).status).toBe(200);
  });

  it("does not begin while the others cannot spare the first instance", async () => {
    await docker("stop", stack.container("goods-2"), stack.container("goods-3"));
    const before = await ids("goods-1");
    const said = await stack.refusedUp({ goods: { instances: 3, environment: { CHANGED: "1" } } });
    expect(said).toContain(`${stack.container("goods-1")} cannot be spared now: none of the others is healthy`);
    expect(await ids("goods-1")).toEqual(before);
    expect((await get(`${gateway}/goods/1`)).status).toBe(200);
    await docker("start", stack.container("goods-2"), stack.container("goods-3"));
    await stack.reset();
  });

  it("puts the old configuration back where the software does not take up the new one", async () => {
    const container = stack.container("gateway-1");
    const current = () => docker("exec", container, "readlink", "/etc/gateway/current");
    const before = await current();
    // What nginx is told by to reload.
    await docker("exec", container, "mv", "/tmp/nginx.pid", "/tmp/away.pid");
    const said = await stack.up({ gateway: { ...settings.gateway, workers: 1 } }).then(() => "it went through", String);
    expect(said).toContain(`${container}: the configuration was not taken up, and the old one is back in its place`);
    expect(await current()).toBe(before);
    expect((await get(`${gateway}/goods/1`)).status).toBe(200);
    await docker("exec", container, "mv", "-f", "/tmp/away.pid", "/tmp/nginx.pid");
    await stack.up();
    expect(await current()).not.toBe(before);
    await stack.reset();
    await stack.up();
    expect(await current()).toBe(before);
  });

  it("does not begin while the majority needs the first server", async () => {
    await docker("stop", stack.container("discovery-3"));
    const before = await ids("discovery-1", "discovery-2");
    const said = await stack.refusedUp({ consul: { ...settings.consul, environment: { CHANGED: "1" } } });
    expect(said).toContain(`${stack.container("discovery-1")} cannot be spared now: 1 of the other servers are healthy, and 2 are needed`);
    expect(await ids("discovery-1", "discovery-2")).toEqual(before);
  });
});
