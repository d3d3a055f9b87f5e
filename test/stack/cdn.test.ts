import { describe, expect, it } from "vitest";
import { docker } from "./support/engine";
import { get, until } from "./support/load";
import { sharedStack } from "./support/shared";

const { stack, cdn } = sharedStack();

/** What the CDN says of where an answer came from. */
async function asked(path: string): Promise<{ status: number; hit: boolean }> {
  const { status, headers } = await get(`${cdn}${path}`);
  return { status, hit: /;hit\b/.test(String(headers["cache-status"])) };
}

describe("the stack's CDN", () => {
  it("has articles for a while, and orders never", async () => {
    expect((await get(`${cdn}/goods/1`)).body).toContain('"id":1');
    expect(await asked("/goods/1")).toEqual({ status: 200, hit: true });
    await asked("/orders/1");
    expect(await asked("/orders/1")).toEqual({ status: 200, hit: false });
  });

  it("serves articles that it has while the gateway is stopped, and no others", async () => {
    await asked("/goods/1");
    const gateway = stack.container("gateway-1");
    await docker("stop", gateway);
    try {
      for (let turn = 0; turn < 20; turn++) expect(await asked("/goods/1")).toEqual({ status: 200, hit: true });
      expect((await asked("/goods/2")).status).toBeGreaterThanOrEqual(500);
    } finally {
      await docker("start", gateway);
    }
    await until("the gateway is back behind it", async () => (await asked("/goods/2")).status === 200);
  });
});
