/** Host ports that a table of {@link NETWORKS} takes. */
export const PORTS = 40;

/** Users of the clusters' clients, and others whose passwords change; they are none of anybody's. */
export const APP = { name: "app", password: "the-one-password-of-app-0123456789" };
export const OTHER = { name: "other", password: "the-one-password-of-other-0123456789" };

/** The networks of those that take longer, each its own. */
export const NETWORKS = {
  messages: { subnet: "10.152.0.0/24", addresses: { queue: "10.152.0.11", events: "10.152.0.21", "events-controller": "10.152.0.31" } },
  databases: {
    subnet: "10.155.0.0/24",
    addresses: { mysql: "10.155.0.11", search: "10.155.0.21", indexing: "10.155.0.31", logs: "10.155.0.41" },
  },
  builders: {
    subnet: "10.157.0.0/24",
    addresses: {
      cache: "10.157.0.11",
      "cache-sentinel": "10.157.0.21",
      backup: "10.157.0.61",
      ci: "10.157.0.31",
      "ci-worker": "10.157.0.41",
      "ci-git": "10.157.0.51",
    },
  },
} as const;

export const HEAVY_PROGRAM = "test/stack/programs/changes-heavy/program.cjs";
