/** A set of MySQL servers, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import { Host, MysqlReplicaSet, MysqlReplicaSetArgs, Placement, ServiceNetwork } from "../../../../components";

const config = new pulumi.Config("dockyard");
const { subnet, first } = config.requireObject<{ subnet: string; first: string }>("network");
const settings = config.requireObject<Omit<MysqlReplicaSetArgs, "network">>("mysql");

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet,
  addresses: { mysql: first },
});
const mysql = new MysqlReplicaSet("mysql", { network, ...settings });

export const nodes = mysql.endpoints.map(({ host }) => host);
export const passwords = Object.fromEntries((settings.users ?? []).map(({ name }) => [name, mysql.password(name)]));
