/** A Kafka cluster, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import { Host, KafkaBroker, KafkaBrokerArgs, Placement, ServiceNetwork } from "../../../../components";
import { plainJava } from "../java";

const config = new pulumi.Config("dockyard");
const { subnet, first, controller } = config.requireObject<{ subnet: string; first: string; controller: string }>("network");
const settings = config.requireObject<Omit<KafkaBrokerArgs, "network">>("kafka");

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet,
  addresses: { events: first, "events-controller": controller },
});
const events = new KafkaBroker("events", { network, ...settings, ...plainJava });

export const brokers = events.published.map(String);
export const passwords = pulumi.secret(
  pulumi.all(Object.fromEntries((settings.users ?? []).map(({ name }) => [name, events.password(name)]))),
);
