/** Squid accelerators, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import { Host, Placement, ServiceNetwork, SquidCdn, SquidCdnArgs } from "../../../../components";

const config = new pulumi.Config("dockyard");
const { subnet, first } = config.requireObject<{ subnet: string; first: string }>("network");
const settings = config.requireObject<Omit<SquidCdnArgs, "network">>("cdn");

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet,
  addresses: { cdn: first },
});
const cdn = new SquidCdn("cdn", { network, ...settings });

export const published = cdn.published.map(String);
