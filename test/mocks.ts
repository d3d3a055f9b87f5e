import * as pulumi from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import { Host, Placement } from "../components/core/host";
import { ServiceNetwork } from "../components/core/service-network";

/** A resource as the program registered it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

/** Has Pulumi register resources into the returned list instead of an engine. */
export function recordResources(): Registered[] {
  const registered: Registered[] = [];
  void pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        registered.push({ type, name, inputs: inputs as Record<string, unknown> });
        const generated = type.startsWith("random:") ? { base64: seedOf(name), result: `generated-${name}` } : {};
        return { id: `${name}-id`, state: { ...(inputs as object), stdout: "", stderr: "", ...generated } };
      },
      call: () => ({}),
    },
    "dockyard",
    "unit",
  );
  return registered;
}

/** 32 bytes in base64, others for another name and the same for the same. */
export function seedOf(name: string): string {
  return createHash("sha256").update(name).digest("base64");
}

/** What Pulumi has registered once nothing is on its way any more. */
export async function settled(registered: Registered[]): Promise<Registered[]> {
  await pulumi.runtime.disconnect();
  return registered;
}

/** A network on one host. @param host @default one that has nothing yet */
export function emptyNetwork(
  addresses: Record<string, string>,
  subnet = "10.89.0.0/24",
  host = new Host({ name: "local", inventory: { networks: [], ports: [] } }),
): ServiceNetwork {
  return new ServiceNetwork("services", { placement: new Placement([host]), subnet, addresses });
}
