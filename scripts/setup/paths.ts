import { homedir } from "node:os";
import { join } from "node:path";

export const PROJECT_ROOT = join(import.meta.dirname, "..", "..");

/** Everything slow that the set-up makes, by version; shared by all checkouts of a user. */
export const CACHE = process.env.DOCKYARD_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "dockyard");

/** State, passphrase and locks of this checkout; private and never committed. */
export const PRIVATE = join(PROJECT_ROOT, ".state");
