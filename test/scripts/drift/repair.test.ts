import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Difference } from "../../../scripts/drift/difference";
import { putBack } from "../../../scripts/drift/repair";

const folder = mkdtempSync(join(tmpdir(), "dockyard-repair-"));
const notes = join(folder, "notes");
beforeEach(() => writeFileSync(notes, ""));
afterAll(() => rmSync(folder, { recursive: true }));

/** What was done, in order. */
const done = () => readFileSync(notes, "utf8").trim().split("\n");

/** An edited configuration of a node, whose gate asks `whole`. */
function edited(node: string, cluster: string, whole = "true"): Difference {
  return {
    ...{ kind: "configuration", host: "local", name: `${node}-config`, differs: "key was edited", urn: `urn::${node}-config` },
    repair: {
      commands: [["sh", "-c", `echo put ${node} >> ${notes}`]],
      gate: { cluster, whole: `echo gate ${node} >> ${notes}; ${whole}` },
    },
  };
}

describe("edited configurations", () => {
  it("of several nodes of a cluster are put back one at a time, each behind the gate of the one before", async () => {
    await putBack([edited("goods-1", "goods"), edited("goods-2", "goods"), edited("order-1", "order")]);
    // Whether the cluster is whole is asked before anything is touched.
    expect(done().slice(0, 2).sort()).toEqual(["gate goods-1", "gate goods-2"]);
    expect(done().slice(2)).toEqual(["put goods-1", "gate goods-1", "put goods-2", "gate goods-2", "put order-1"]);
  });

  it("of the others stay as they are where a node does not become whole", async () => {
    // It is whole until it is put back.
    const lost = `! grep -q 'put goods-1' ${notes} || { echo no leader >&2; exit 1; }`;
    await expect(putBack([edited("goods-1", "goods", lost), edited("goods-2", "goods")])).rejects.toThrow(
      "The configuration goods-1-config is put back, and its node does not become whole; the others of its cluster stay as they are: no leader",
    );
    expect(done()).not.toContain("put goods-2");
  });

  it("are put back without a wait where the cluster is not whole by what was edited", async () => {
    const ailing = `grep -q 'put goods-2' ${notes}`;
    await putBack([edited("goods-1", "goods", ailing), edited("goods-2", "goods")]);
    expect(done().slice(2)).toEqual(["put goods-1", "put goods-2"]);
  });
});
