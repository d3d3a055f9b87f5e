import { createHash } from "node:crypto";
import type { NormalRedisUser } from "./access-args";

/** Users of the component's own: who looks after the servers, who copies from the primary, and who fails over. */
export const OPERATOR = "dockyard";
const REPLICA = "dockyard-replica";
const SENTINEL = "dockyard-sentinel";
export const OWN_USERS = [OPERATOR, REPLICA, SENTINEL] as const;

/**
 * Nobody can be the default user; but Redis itself is, when it reads transactions and functions back from its append-only file, and what it
 * could not do would be lost at the next start.
 */
const DEFAULT_USER = "user default off resetpass ~* &* +@all";

/** What a Sentinel does with a server, as its documentation lists it. */
const SENTINEL_COMMANDS =
  "+multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill";

/** What it does with another Sentinel. */
const PEER_COMMANDS = "+auth +hello +ping +info +role +subscribe +publish +client +sentinel";

/** What a client asks a Sentinel to find the primary. */
const FINDER_COMMANDS =
  "+auth +hello +ping +info +role +subscribe +psubscribe +client|setname +client|setinfo +client|id +sentinel|get-master-addr-by-name +sentinel|master +sentinel|masters +sentinel|replicas +sentinel|slaves +sentinel|sentinels";

/** The passwords of each user: two while another one takes the place of the first. */
type AcceptedPasswords = Readonly<Record<string, readonly string[]>>;

/** A server's users; their passwords are only there as digests. */
export function renderServerUsers(users: readonly NormalRedisUser[], passwords: AcceptedPasswords): string {
  return acl([
    DEFAULT_USER,
    user(OPERATOR, passwords, "~* &* +@all"),
    user(REPLICA, passwords, "resetchannels -@all +psync +replconf +ping"),
    user(SENTINEL, passwords, `resetkeys resetchannels &* -@all ${SENTINEL_COMMANDS}`),
    ...users.map(({ name, keys, channels, commands }) =>
      user(
        name,
        passwords,
        ["resetkeys", ...keys, "resetchannels", ...channels.map((pattern) => `&${pattern}`), "-@all", ...commands].join(" "),
      ),
    ),
  ]);
}

/** A Sentinel's users: the same names and passwords, with which the primary can be found and nothing be changed. */
export function renderSentinelUsers(users: readonly NormalRedisUser[], passwords: AcceptedPasswords): string {
  return acl([
    "user default off resetpass",
    user(OPERATOR, passwords, "~* &* +@all"),
    user(SENTINEL, passwords, `resetkeys resetchannels &* -@all ${PEER_COMMANDS}`),
    ...users.map(({ name }) => user(name, passwords, `resetkeys resetchannels &* -@all ${FINDER_COMMANDS}`)),
  ]);
}

function user(name: string, passwords: AcceptedPasswords, rules: string): string {
  const digests = (passwords[name] ?? []).map((password) => `#${createHash("sha256").update(password).digest("hex")}`);
  return `user ${name} on ${digests.join(" ")} ${rules}`;
}

function acl(users: readonly string[]): string {
  return users.map((line) => `${line}\n`).join("");
}
