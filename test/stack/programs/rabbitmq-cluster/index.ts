/** A RabbitMQ cluster, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import { Host, Placement, RabbitmqCluster, RabbitmqClusterArgs, ServiceNetwork } from "../../../../components";

const config = new pulumi.Config("dockyard");
const { subnet, first } = config.requireObject<{ subnet: string; first: string }>("network");
const { given = {}, ...settings } = config.requireObject<
  Omit<RabbitmqClusterArgs, "network"> & { given?: Readonly<Record<string, string>> }
>("rabbitmq");
const users = settings.users?.map((user) => {
  const password = given[user.name];
  return password === undefined ? user : { ...user, password: pulumi.secret(password) };
});

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet,
  addresses: { queue: first },
});
const queue = new RabbitmqCluster("queue", { network, ...settings, users });

export const amqp = queue.amqp.map(String);
export const management = queue.management.map((endpoint) => endpoint.url("http"));
export const passwords = Object.fromEntries((users ?? []).map(({ name }) => [name, queue.password(name)]));
