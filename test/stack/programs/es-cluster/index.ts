/** An Elasticsearch cluster, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import { EsCluster, EsClusterArgs, Host, Placement, ServiceNetwork } from "../../../../components";
import { plainJava } from "../java";

const config = new pulumi.Config("dockyard");
const { subnet, first } = config.requireObject<{ subnet: string; first: string }>("network");
const settings = config.requireObject<Omit<EsClusterArgs, "network">>("elasticsearch");

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet,
  addresses: { search: first },
});
export const http = new EsCluster("search", { network, ...settings, ...plainJava }).http.map((endpoint) => endpoint.url("http"));
