import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { holdingStack } from "../../../scripts/recovery/stack-hold";

const target = (stack: string) => ({ stack, cwd: "/", checkout: "/", project: "held", label: `held-${stack}-${process.pid}` });

describe("a stack that a command changes", () => {
  it("is held against every other command, and let go at its end, however that is", async () => {
    const [one, other] = [target("one"), target("other")];
    await holdingStack(one, async () => {
      await expect(holdingStack(one, () => Promise.resolve())).rejects.toThrow(
        "Another run holds the stack one; wait for it to end, then run the same command again.",
      );
      expect(await holdingStack(other, () => Promise.resolve("done"))).toBe("done");
    });
    await expect(holdingStack(one, () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(await holdingStack(one, () => Promise.resolve("again"))).toBe("again");
  });

  it("is held by nobody once the process is killed that held it", async () => {
    const killed = target("killed");
    const script = `require("net").createServer().listen({ path: "\\0dockyard-hold-${killed.label}" }, () => console.log("held"))`;
    const holder = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    await expect(holdingStack(killed, () => Promise.resolve())).rejects.toThrow("Another run holds the stack killed");
    holder.kill("SIGKILL");
    await once(holder, "exit");
    expect(await holdingStack(killed, () => Promise.resolve("free"))).toBe("free");
  });
});
