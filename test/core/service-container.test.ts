import type { ContainerArgs } from "@pulumi/docker/container";
import { describe, expect, it } from "vitest";
import { createServiceContainer } from "../../components/core/service-container";
import { Host } from "../../components/core/host";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const host = new Host({
  name: "local",
  inventory: { networks: [], ports: [{ port: 8500, owner: "container old-consul", stack: "", component: "", node: "" }] },
});
const network = emptyNetwork({ thing: "10.89.0.9" }, "10.89.0.0/24", host);
const args = {
  host,
  network,
  component: "thing",
  address: "10.89.0.9",
  image: "thing:1",
  command: ["thing"],
  user: "7:8",
  memoryMiB: 64,
  health: { command: ["thing", "ping"] },
};

describe("a service container", () => {
  it("is hardened without being asked", async () => {
    createServiceContainer("thing-1", { ...args, ports: [{ internal: 80, external: 18_080 }] }, {});
    await settled(registered);
    const { inputs } = registered.find(({ name }) => name === "thing-1") ?? { inputs: {} };
    expect(inputs).toMatchObject({
      name: "dockyard-unit-thing-1",
      user: "7:8",
      readOnly: true,
      capabilities: { drops: ["ALL"], adds: [] },
      securityOpts: ["no-new-privileges:true"],
      memory: 64,
      memorySwap: 64,
      cpus: "1.0",
      ports: [{ internal: 80, external: 18_080, ip: "127.0.0.1", protocol: "tcp" }],
      restart: "always",
      destroyGraceSeconds: 30,
      healthcheck: { tests: ["CMD", "thing", "ping"] },
      logOpts: { "max-size": "10m", "max-file": "3" },
    });
  });

  it("has parameters of the kernel for itself where they are said", async () => {
    const sysctls = { "net.ipv4.ip_forward": { value: "0", reason: "nobody is to be reached through it" } };
    createServiceContainer("thing-20", { ...args, sysctls }, {});
    await settled(registered);
    const inputs = (name: string) => registered.find((each) => each.name === name)?.inputs;
    expect(inputs("thing-20")?.sysctls).toEqual({ "net.ipv4.ip_forward": "0" });
    expect(inputs("thing-1")).not.toHaveProperty("sysctls");
  });

  it("refuses a name that another container has, and no container of its own stack", async () => {
    const containers = [
      { name: "dockyard-unit-thing-21", stack: "" },
      { name: "dockyard-unit-thing-22", stack: "shop-dev" },
      { name: "dockyard-unit-thing-23", stack: "dockyard-unit" },
    ];
    const taken = new Host({ name: "local", inventory: { networks: [], ports: [], containers } });
    const there = { ...args, host: taken, network: emptyNetwork({ thing: "10.89.0.9" }, "10.89.0.0/24", taken) };
    const refused = (name: string) => () => createServiceContainer(name, there, {});
    expect(refused("thing-21")).toThrow(
      'thing-21.name: must be free on host local, but a container of that name is there that belongs to no stack of Dockyard; rename or remove it, got "dockyard-unit-thing-21"',
    );
    expect(refused("thing-22")).toThrow("belongs to the stack shop-dev");
    expect(refused("thing-23")).not.toThrow();
    await settled(registered);
  });

  it("refuses a port that is taken, naming by whom, and one outside the range, at once", () => {
    const ports = [
      { internal: 80, external: 8500 },
      { internal: 81, external: 70_000 },
    ];
    expect(() => createServiceContainer("thing-2", { ...args, ports }, {})).toThrow(
      /thing-2\.ports: must be free on host local, but container old-consul listens there; choose another port or stop it, got 8500\nthing-2\.ports: must be a port from 1 to 65535, got 70000/,
    );
  });

  it("refuses a port that another node of the program has", () => {
    createServiceContainer("thing-3", { ...args, ports: [{ internal: 80, external: 18_090 }] }, {});
    expect(() => createServiceContainer("thing-4", { ...args, ports: [{ internal: 80, external: 18_090 }] }, {})).toThrow(
      "but node thing-3 listens there",
    );
  });

  it("reads a folder of the host where it says why, and keeps as much of a log and shares as much memory as it is told", async () => {
    const hostMounts = [{ hostPath: "/var/lib/docker/containers", path: "/logs", reason: "they are there" }];
    createServiceContainer("thing-10", { ...args, hostMounts, logMiB: 512, shmMiB: 256 }, {});
    await settled(registered);
    const { inputs } = registered.find(({ name }) => name === "thing-10") ?? { inputs: {} };
    expect(inputs).toMatchObject({
      volumes: [{ hostPath: "/var/lib/docker/containers", containerPath: "/logs", readOnly: true }],
      logOpts: { "max-size": "64m", "max-file": "8", compress: "false", mode: "blocking" },
      shmSize: 256,
    });
    expect(() => createServiceContainer("thing-12", { ...args, shmMiB: 0.5 }, {})).toThrow(
      "thing-12.shmMiB: must be a whole number of MiB, 1 or more, got 0.5",
    );
    const refusal = (hostPath: string, reason = "why", logMiB = 30) => {
      const mounts = [{ hostPath, path: "/x", reason }];
      return () => createServiceContainer("thing-11", { ...args, hostMounts: mounts, logMiB }, {});
    };
    expect(refusal("/")).toThrow(/thing-11\.hostMounts: must be the absolute path of a folder, and not the host's root, got "\/"/);
    expect(refusal("var/lib")).toThrow(/thing-11\.hostMounts: must be the absolute path/);
    expect(refusal("/var/lib", "")).toThrow(/thing-11\.hostMounts: must say in reason why/);
    expect(refusal("/var/lib", "why", 1)).toThrow(/thing-11\.logMiB: must be a whole number of MiB, 3 or more/);
  });

  it("refuses a host that its network does not reach", () => {
    const far = new Host({ name: "far", inventory: { networks: [], ports: [] } });
    expect(() => createServiceContainer("thing-7", { ...args, host: far }, {})).toThrow(
      'thing-7.placement: must be a host of the network dockyard-unit-services: local; add it to the network\'s placement, got "far"',
    );
  });

  it("lets a transform have the last word, but not over what the component owns", () => {
    expect(() => createServiceContainer("thing-5", { ...args, transform: () => ({ shmSize: 64 }) }, {})).not.toThrow();
    expect(() => createServiceContainer("thing-6", { ...args, transform: () => ({ user: "root", readOnly: false }) }, {})).toThrow(
      /thing-6\.transform\.user: must be left alone.*\nthing-6\.transform\.readOnly: must be left alone/,
    );
  });

  it("lets a transform add nothing by which the container could do more on its host", () => {
    const devices = [{ hostPath: "/dev/kmsg" }];
    expect(() => createServiceContainer("thing-8", { ...args, transform: () => ({ devices, pidMode: "host" }) }, {})).toThrow(
      /thing-8\.transform\.devices: must be left alone.*\nthing-8\.transform\.pidMode: must be left alone/,
    );
  });

  it("lets a transform add to its environment and its folders in memory, but take nothing of its own away", () => {
    const own = { ...args, environment: { OWN: "1" } };
    const added = ({ envs, tmpfs }: Readonly<ContainerArgs>) => ({
      envs: [...(envs as string[]), "TZ=UTC"],
      tmpfs: { ...(tmpfs as Record<string, string>), "/cache": "rw" },
    });
    expect(() => createServiceContainer("thing-10", { ...own, transform: added }, {})).not.toThrow();
    const replaced = () => ({ envs: ["TZ=UTC"], tmpfs: { "/cache": "rw" } });
    expect(() => createServiceContainer("thing-11", { ...own, transform: replaced }, {})).toThrow(
      /thing-11\.transform\.envs: must keep .*lacks OWN=1; .*\nthing-11\.transform\.tmpfs: must keep .*lacks \/tmp;/,
    );
  });

  it("lets a transform add labels, but not another value of one by which the container is found", () => {
    const labelled = (...labels: { label: string; value: string }[]) => {
      const transform = (own: Readonly<ContainerArgs>) => ({ labels: [...(own.labels as typeof labels), ...labels] });
      return () => createServiceContainer("thing-12", { ...args, transform }, {});
    };
    expect(labelled({ label: "team", value: "shop" })).not.toThrow();
    expect(labelled({ label: "dockyard.node", value: "thing-13" })).toThrow(
      /thing-12\.transform\.labels: must keep .*lacks dockyard\.node;/,
    );
  });

  it("refuses times of its health check that are no whole seconds", () => {
    const health = { ...args.health, intervalSeconds: 0.5, timeoutSeconds: 0, retries: 1.5, startPeriodSeconds: -1 };
    expect(() => createServiceContainer("thing-9", { ...args, health }, {})).toThrow(
      /health\.intervalSeconds: .*got 0\.5\n.*health\.timeoutSeconds: .*got 0\n.*health\.startPeriodSeconds: .*got -1\n.*health\.retries: .*got 1\.5/,
    );
  });

  it("writes its times as the engine reads them back, or every preview would see a difference", async () => {
    const own = recordResources();
    const health = { command: ["thing", "ping"], intervalSeconds: 59, timeoutSeconds: 60, startPeriodSeconds: 125 };
    createServiceContainer("thing-8", { ...args, health }, {});
    await settled(own);
    expect(own[0]?.inputs.healthcheck).toMatchObject({ interval: "59s", timeout: "1m0s", startPeriod: "2m5s" });
  });
});
