/** Those of the components that take longer to change which the table of changes gives arguments for, in one stack. */
import * as pulumi from "@pulumi/pulumi";
import {
  BackupSchedule,
  BackupScheduleArgs,
  BinlogSync,
  BinlogSyncArgs,
  CiServer,
  CiServerArgs,
  CiUser,
  ElkPipeline,
  ElkPipelineArgs,
  EsCluster,
  EsClusterArgs,
  GitServer,
  GitServerArgs,
  KafkaBroker,
  KafkaBrokerArgs,
  MysqlReplicaSet,
  MysqlReplicaSetArgs,
  RabbitmqCluster,
  RabbitmqClusterArgs,
  RedisCache,
  RedisCacheArgs,
  RedisUser,
  SshKeyMesh,
} from "../../../../components";
import { given, has, placed, serviceNetwork } from "../changes/given";
import { JAVA } from "../java";

/** Arguments with users whose passwords are in clear. */
type WithUsers<Args, More = object> = Omit<Args, "network" | "users"> & { users: readonly ({ name: string; password: string } & More)[] };

const network = serviceNetwork();

if (has("queue")) {
  const { users, ...args } = given<WithUsers<RabbitmqClusterArgs>>("queue");
  new RabbitmqCluster("queue", { ...args, network, users: logins(users) }, placed);
}
if (has("events")) {
  const { users, ...args } = given<WithUsers<KafkaBrokerArgs>>("events", JAVA);
  new KafkaBroker("events", { ...args, network, users: logins(users) }, placed);
}
if (has("cache")) {
  const { users, ...args } = given<WithUsers<RedisCacheArgs, Pick<RedisUser, "keys" | "commands">>>("cache");
  const cache = new RedisCache("cache", { ...args, network, users: logins(users) }, placed);
  const redis = { endpoints: cache.endpoints, user: "backup", password: cache.password("backup") };
  new BackupSchedule("backup", { ...given<Omit<BackupScheduleArgs, "network" | "redis">>("backup"), network, redis }, placed);
}
if (has("mysql")) createDatabases();
if (has("ci")) createBuilders();

function createDatabases(): void {
  const { users, ...mysqlArgs } = given<WithUsers<MysqlReplicaSetArgs>>("mysql");
  const mysql = new MysqlReplicaSet("mysql", { ...mysqlArgs, network, users: logins(users) }, placed);
  const search = new EsCluster("search", { ...given<Omit<EsClusterArgs, "network">>("search", JAVA), network }, placed);
  new BinlogSync(
    "indexing",
    {
      ...given<Omit<BinlogSyncArgs, "network" | "source" | "elasticsearch">>("indexing"),
      network,
      source: { endpoints: mysql.endpoints, user: "indexing", password: mysql.password("indexing") },
      elasticsearch: search.endpoints,
    },
    placed,
  );
  new ElkPipeline(
    "logs",
    {
      ...given<Omit<ElkPipelineArgs, "network" | "output">>("logs"),
      network,
      output: { type: "elasticsearch", endpoints: search.endpoints },
    },
    placed,
  );
}

function createBuilders(): void {
  type WithPasswords = Omit<CiServerArgs, "network" | "users"> & { users: readonly (CiUser & { password: string })[] };
  const { users, engine, ...ciArgs } = given<WithPasswords>("ci");
  const { port, image, ...gitArgs } = given<Omit<GitServerArgs, "network" | "member"> & { port: number; image?: string }>("ci-git");
  const git = GitServer.describe("ci-git", { network, port, ...(image !== undefined && { image }) });
  const members = CiServer.describe("ci", { network, engine, logsInTo: [git.name] });
  const mesh = new SshKeyMesh("mesh", { nodes: [git], clients: members }, placed);
  new CiServer(
    "ci",
    {
      ...ciArgs,
      engine,
      network,
      users: logins(users),
      repositories: [{ name: "sample", url: GitServer.urlOf(git, "sample") }],
      mounts: (node) => [mesh.client(node)],
    },
    placed,
  );
  new GitServer("ci-git", { ...gitArgs, network, member: mesh.member(git.name), readers: members }, placed);
}

/** Logins with their passwords as secrets. */
function logins<Login extends { readonly password: string }>(users: readonly Login[]) {
  return users.map((user) => ({ ...user, password: pulumi.secret(user.password) }));
}
