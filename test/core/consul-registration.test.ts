import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConsulClient } from "../../components/core/consul-client";
import { ConsulRegistrationArgs, renderDeregisterCommand } from "../../components/core/consul-registration";
import { Endpoint } from "../../components/core/endpoint";

const folder = mkdtempSync(join(tmpdir(), "dockyard-registration-"));
const calls = join(folder, "calls");
afterAll(() => rmSync(folder, { recursive: true }));

/** Deregisters an instance with a docker command that notes what it is asked, and answers as `cases` say. */
function deregister(cases: string, env: Record<string, string> = {}) {
  const docker = join(folder, "docker");
  writeFileSync(calls, "");
  writeFileSync(docker, `#!/bin/sh\necho "$*" >> ${calls}\ncase "$*" in\n${cases}\nps*) echo running;;\nesac\n`);
  chmodSync(docker, 0o755);
  const args: ConsulRegistrationArgs = {
    consul: new ConsulClient([{ docker: [docker], container: "discovery-1", endpoint: new Endpoint("10.89.0.21", 8500) }], []),
    prefix: "upstreams",
    instance: "goods-1",
    index: 0,
    registrations: [{ service: "goods", endpoint: new Endpoint("10.89.0.41", 8000), value: "1" }],
    followers: [{ docker: [docker], container: "gateway-1", adminPort: 8081, services: ["goods"], ready: [] }],
    timeoutSeconds: 1,
  };
  const { status, stderr } = spawnSync("sh", ["-c", renderDeregisterCommand(args)], { encoding: "utf8", env: { ...process.env, ...env } });
  const kv = readFileSync(calls, "utf8").match(/kv (put|delete)/g);
  return { status, stderr, kv };
}

const STILL_SENDS = `*drained*) echo '{"listed":2}'; exit 22;;`;

describe("taking a registration away", () => {
  it("takes its key away where the gateway has drained the instance", () => {
    expect(deregister("")).toMatchObject({ status: 0, kv: ["kv delete"] });
  });

  it("puts its key back where it fails, since the instance stays", () => {
    const { status, stderr, kv } = deregister(STILL_SENDS);
    expect(status).toBe(1);
    expect(stderr).toContain('gateway-1 still sends requests to goods-1 after 1 s: {"listed":2}');
    expect(kv).toEqual(["kv delete", "kv put"]);
  });

  it("puts back what is left to put back where Consul refuses, but not while the whole stack stops", () => {
    expect(deregister("*delete*) exit 1;;")).toMatchObject({ status: 1, kv: ["kv delete", "kv put"] });
    expect(deregister("*delete*) exit 1;;", { DOCKYARD_STOP: "1" })).toMatchObject({ status: 0, kv: ["kv delete"] });
  });
});
