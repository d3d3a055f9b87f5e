/** Secrets whose names match, and why they cannot be rotated; those without a reason can. */
interface Kind {
  readonly name: RegExp;
  readonly refusal?: string;
  /** Whether its server knows one secret at a time. */
  readonly single?: true;
}

/** Whose secrets can be rotated with nobody refused, by the class of their component; the first that matches counts. */
const KINDS: Readonly<Record<string, readonly Kind[]>> = {
  ConsulCluster: [{ name: /-gossip-key$/ }],
  MysqlReplicaSet: [{ name: /-(password|keeper-token)$/ }],
  RedisCache: [{ name: /-password$/ }],
  RabbitmqCluster: [
    { name: /-password-salt$/, refusal: "nobody logs in with it" },
    { name: /-operator-password$/, refusal: "the component itself changes the brokers' users with it, and could not go on halfway" },
    { name: /-cookie$/ },
    { name: /-password$/, single: true },
  ],
  KafkaBroker: [
    { name: /-node-password$/, refusal: "brokers read it only when they start, and those with another one would stand apart" },
    { name: /-password$/, single: true },
  ],
  HaproxyKeepalivedPair: [{ name: /-stats-password$/ }],
  SshKeyMesh: [{ name: /-(login|host)-key$/ }],
  CiServer: [
    { name: /-hook-password$/, refusal: "a push would not be told of while server and hook have different ones" },
    { name: /-user-root-password$/, refusal: "GitLab takes it at its first start only, and it is changed on its page" },
    { name: /-user-.+-password$/, single: true },
    { name: /-password$/, refusal: "a worker reads it only when it starts, and its build would end" },
  ],
};

/** How a secret can be rotated. */
export interface Rotating {
  /** Why it cannot be; undefined where it can. */
  readonly refusal?: string;
  /** Whether its server knows one at a time: a new login has to wait while client and server have different ones. */
  readonly isSingle: boolean;
}

export function rotatingOf(component: string, name: string): Rotating {
  const kind = KINDS[component]?.find((each) => each.name.test(name));
  if (kind === undefined) return { refusal: "its server does not take another one while it runs", isSingle: true };
  return { refusal: kind.refusal, isSingle: kind.single === true };
}
