/** What the plugins accept must be what the SDKs declare. */
import { describe, expect, test } from "vitest";
import { readPlugin } from "./support/schema.js";
import { readSdk } from "./support/sdk.js";

/** What the SDKs have and the plugins here leave out; toolchain/README.md says why. */
const absent = new Set([
  "docker:index/image:Image",
  "random:index/randomUuid4:RandomUuid4",
  "random:index/randomUuid7:RandomUuid7",
]);

describe.each(["command", "docker", "random"])("the %s plugin", (name) => {
  const sdk = readSdk(name);
  const plugin = readPlugin(name);
  const served = (record: object): string[] => Object.keys(record).filter((token) => !absent.has(token));

  test("has the SDK's resources and functions", () => {
    expect(Object.keys(plugin.resources).sort()).toEqual(served(sdk.resources).sort());
    expect(Object.keys(plugin.functions).sort()).toEqual(served(sdk.functions).sort());
  });

  test.each(served(sdk.resources))("accepts and gives what the SDK declares of %s", (token) => {
    const { inputs, outputs, secrets, state } = sdk.resources[token] ?? {};
    expect(plugin.resources[token]?.inputs).toEqual(inputs);
    if (token !== "provider") {
      expect(plugin.resources[token]?.outputs).toEqual(outputs);
      expect(plugin.resources[token]?.secrets).toEqual(secrets);
    }
    if (state !== undefined) {
      expect(plugin.resources[token]?.state).toEqual(state);
    }
  });

  test.each(served(sdk.functions))("accepts and gives what the SDK declares of %s", (token) => {
    expect(plugin.functions[token]).toEqual(sdk.functions[token]);
  });
});
