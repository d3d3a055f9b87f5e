import type { NormalMysqlUser } from "./access-args";

/** A node as the others find it. */
export interface SetMember {
  readonly name: string;
  readonly address: string;
}

export const MYSQL_CONFIG_PATH = "/etc/mysql/node";
const CURRENT = `${MYSQL_CONFIG_PATH}/current`;
export const MYSQL_FILES = {
  settings: "my.cnf",
  keeper: "keeper.json",
  access: "access.json",
  replication: "replication-password",
  token: "keeper-token",
  founding: "founding",
} as const;

/** What the keeper of one node knows of the set; it reads it again and again, so that growing the set restarts nobody. */
export function renderKeeperConfig(
  node: string,
  members: readonly SetMember[],
  { semiSync, acks, lagSeconds }: { readonly semiSync: boolean; readonly acks: number; readonly lagSeconds: number },
): string {
  return `${JSON.stringify({ node, members, founder: members[0]?.name, semiSync, acks, lagSeconds }, undefined, 2)}\n`;
}

/** Databases and users, with their passwords; with the previous one as well while another one takes its place. */
export function renderAccess(
  databases: readonly string[],
  users: readonly Omit<NormalMysqlUser, "password">[],
  passwords: Readonly<Record<string, readonly string[]>>,
): string {
  const known = users.map(({ name, requireTls, grants }) => {
    const [password, previous] = passwords[name] ?? [];
    return { name, password, previous, requireTls, grants };
  });
  return `${JSON.stringify({ databases, users: known }, undefined, 2)}\n`;
}

export function keeperCommand(): string[] {
  return ["mysql-keeper", "run", `${CURRENT}/${MYSQL_FILES.keeper}`];
}

/** Asks the keeper whether the server answers and the node knows what it is. */
export function keeperProbe(): string[] {
  return ["mysql-keeper", "probe"];
}

/** Whether the server knows every setting; it says which it does not. */
export function settingsCheck(folder: string): string[] {
  return ["mysqld", `--defaults-file=${folder}/${MYSQL_FILES.settings}`, "--validate-config", "--datadir=/tmp"];
}

/** What is writable in memory: the server's socket, and its temporary tables. */
export function mysqlTmpfs(runPath: string, user: string): Record<string, string> {
  const [uid, gid] = user.split(":");
  return {
    "/tmp": "rw,noexec,nosuid,nodev,size=256m",
    [runPath]: `rw,noexec,nosuid,nodev,size=16m,uid=${uid},gid=${gid},mode=0750`,
  };
}
