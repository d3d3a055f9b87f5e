import { Host } from "../../../components/core/host";
import { ConsulClient } from "../../../components/core/consul-client";
import { ConsulRegistrationArgs, renderRegisterCommand } from "../../../components/core/consul-registration";
import { Endpoint } from "../../../components/core/endpoint";
import { renderGateCommand } from "../../../components/core/gate";
import { renderInstallCommand, renderStageScript } from "../../../components/core/live-config";
import { StackHost } from "../../../scripts/stack";
import { COMMAND, CONTAINER, StateResource, VOLUME } from "../../../scripts/state";

export const LOCAL: StackHost = { name: "local", docker: ["docker"] };
export const FAR: StackHost = { name: "far", docker: ["docker", "-H", "ssh://far"] };

export function urn(name: string): string {
  return `urn:pulumi:dev::shop::token::${name}`;
}

export function labels(component: string, node: string) {
  return [
    { label: "dockyard.stack", value: "shop-dev" },
    { label: "dockyard.component", value: component },
    { label: "dockyard.node", value: node },
  ];
}

/** A secret as a state that was read with its secrets has it. */
export function secret(text: string): object {
  return { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", plaintext: JSON.stringify(text) };
}

const VALUE = '{"weight":1,"note":"it\'s"}';

/** A container with a secret configuration, a gate and a registration, as the components make them, on the host `far`. */
export function stateOfGoods(): StateResource[] {
  const host = new Host({ name: "far", engine: "ssh://far" });
  const node = { host, component: "goods", image: "goods:1", user: "7:8" };
  const config = {
    mountPath: "/etc/goods",
    files: [{ path: "key", content: "", mode: "0400" }],
    check: (folder: string) => ["test", "-d", folder],
  };
  const registration: ConsulRegistrationArgs = {
    consul: new ConsulClient([{ docker: ["docker"], container: "shop-dev-discovery-1", endpoint: new Endpoint("10.1.0.11", 8500) }], []),
    prefix: "upstreams",
    instance: "goods-1",
    index: 0,
    registrations: [
      { service: "goods", endpoint: new Endpoint("10.1.0.41", 8000), value: VALUE },
      { service: "goods-rpc", endpoint: new Endpoint("10.1.0.41", 9000), value: "{}" },
    ],
    followers: [],
    timeoutSeconds: 1,
  };
  const provider = "urn:pulumi:dev::shop::pulumi:providers:docker::host-far::1";
  return [
    {
      urn: urn("goods-1-config"),
      type: VOLUME,
      id: "shop-dev-goods-1-config",
      provider,
      inputs: { name: "shop-dev-goods-1-config", labels: labels("goods", "goods-1") },
    },
    {
      urn: urn("goods-1-config"),
      type: COMMAND,
      parent: urn("goods-nodes"),
      dependencies: [urn("goods-1-config")],
      inputs: {
        create: renderInstallCommand("shop-dev-goods-1", "shop-dev-goods-1-config", node, config),
        stdin: secret(renderStageScript("7:8", config, ["hush"])),
      },
    },
    {
      urn: urn("goods-1"),
      type: CONTAINER,
      id: "abc",
      provider,
      inputs: {
        name: "shop-dev-goods-1",
        image: "goods:1",
        memory: 128,
        memorySwap: 128,
        cpus: "0.5",
        restart: "unless-stopped",
        envs: ["LOG=1"],
        labels: labels("goods", "goods-1"),
        networksAdvanced: [{ name: "shop-dev-services", ipv4Address: "10.1.0.41", aliases: ["goods-1"] }],
      },
    },
    {
      urn: urn("goods-1-gate"),
      type: COMMAND,
      parent: urn("goods-nodes"),
      inputs: { create: renderGateCommand("shop-dev-goods-1", { host, whole: "true", pids: 77 }) },
    },
    { urn: urn("goods-1-registration"), type: COMMAND, inputs: { create: renderRegisterCommand(registration) } },
  ];
}

export const GOODS_KEYS = { "upstreams/goods/10.1.0.41:8000": VALUE, "upstreams/goods-rpc/10.1.0.41:9000": "{}" };
