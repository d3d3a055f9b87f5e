import { APP } from "./heavy-networks";
import { absent, byTransform, elsewhere, labelled, madeElsewhere, remembered, tagged, unstartable } from "./made";
import { Row, Table, oneSet } from "./table";

/** MySQL, Elasticsearch, and what fills the one from the other and from logs. @param port First of the free ports of the host. */
export function databasesTable(port: number): Table {
  return { mysql: mysqlRow(port), search: searchRow(port + 10), indexing: indexingRow(), logs: logsRow() };
}

function mysqlRow(port: number): Row {
  const file = "data/mysql-replica-set.test.ts";
  const user = { ...APP, grants: [{ privileges: ["ALL"], database: "shop" }] };
  const indexing = {
    name: "indexing",
    password: "the-one-password-of-indexing-0123456789",
    requireTls: true,
    grants: [
      { privileges: ["REPLICATION SLAVE"], database: "*" },
      { privileges: ["SELECT"], database: "shop" },
    ],
  };
  const renewed = { ...indexing, password: "another-password-of-indexing-0123456789" };
  return {
    args: { replicas: 2, port, memoryMiB: 512, databases: ["shop"], users: [user, indexing] },
    sets: ({ replicas }) => ({ mysql: 1 + Number(replicas) }),
    changes: {
      environment: byTransform,
      port: { args: { port: port + 5 }, effect: "rolled" },
      label: labelled,
      image: tagged("mysql"),
      // What the server reads at its start alone.
      configuration: { args: { settings: { long_query_time: 2 } }, effect: "rolled" },
      secret: { args: { users: [user, renewed] }, effect: "reloaded" },
      // The server makes room for its pages at its start.
      memory: { args: { memoryMiB: 544 }, effect: "rolled" },
      nodes: madeElsewhere("grown", file, "grows by a replica that copies its data"),
    },
    faults: {
      image: unstartable("/usr/local/bin/mysql-keeper"),
      configuration: { args: { settings: { no_such_setting: 1 } }, said: "no_such_setting", turn: 2 },
      majority: { args: { acks: 3 }, said: "mysql.acks: must be a whole number from 1 to 2" },
      needed: elsewhere(file, "refuses to be rolled while a replica is away, naming it"),
    },
    down: elsewhere(file, "keeps who leads, every row and every volume over a promotion, a plain destroy and an up"),
  };
}

function searchRow(port: number): Row {
  const file = "data/es-cluster.test.ts";
  return {
    args: { nodes: 3, httpPort: port, memoryMiB: 704, heapMiB: 320, snapshots: false },
    sets: oneSet("search", "nodes"),
    changes: {
      environment: byTransform,
      port: { args: { httpPort: port + 5 }, effect: "rolled" },
      label: labelled,
      image: tagged("elasticsearch"),
      configuration: madeElsewhere("left", file, "gives new indices what its templates say, and changes and removes those while it runs"),
      secret: absent("it has none"),
      memory: remembered(736),
      nodes: madeElsewhere("grown", file, "hands its shards over before a node is taken out"),
    },
    faults: {
      image: unstartable("/usr/share/elasticsearch/bin/elasticsearch"),
      configuration: absent("its arguments allow none that Elasticsearch refuses at its start"),
      majority: absent("whether the others can do without a node is what the cluster says: it may have others that vote"),
      needed: elsewhere(file, "refuses to roll while a node is away, naming it"),
    },
    down: elsewhere(file, "finds all documents after it was taken down and brought up"),
  };
}

function indexingRow(): Row {
  return {
    args: { tables: [{ tables: "shop.rows_written", index: "rows" }] },
    sets: () => ({ indexing: 1 }),
    changes: {
      environment: byTransform,
      port: absent("it publishes none"),
      label: labelled,
      image: tagged("binlog-sync"),
      configuration: { args: { indices: { rows: { settings: { number_of_replicas: 0 } } } }, effect: "rolled" },
      // The server's own change gives it another password.
      secret: { effect: "reloaded" },
      // It is told at its start when to collect what it no longer needs.
      memory: { args: { memoryMiB: 288 }, effect: "rolled" },
      nodes: absent("there is one"),
    },
    faults: {
      image: { ...unstartable("/usr/local/bin/binlog-sync", '*" check "*'), turn: 2 },
      configuration: elsewhere("data/binlog-sync.test.ts", "stop with a table that cannot be followed, with the reason in `up`"),
      majority: absent("there is one"),
      needed: absent("there is one"),
    },
    down: "kept",
  };
}

function logsRow(): Row {
  const file = "data/elk-pipeline.test.ts";
  return {
    args: { inputs: [{ type: "container", components: ["indexing"] }] },
    sets: () => ({ logs: 1 }),
    changes: {
      environment: byTransform,
      port: absent("it publishes none"),
      label: labelled,
      image: tagged("filebeat"),
      configuration: madeElsewhere("reloaded", file, "take other inputs while Filebeat runs, and the former ones again"),
      secret: absent("it has none"),
      // It is told at its start when to collect what it no longer needs.
      memory: { args: { memoryMiB: 288 }, effect: "rolled" },
      nodes: absent("there is one for each host"),
    },
    faults: {
      image: { ...unstartable("/usr/local/bin/filebeat-keeper", '*" check "*'), turn: 2 },
      configuration: elsewhere(file, "wait while Elasticsearch refuses a template, and the gate says why"),
      majority: absent("there is one for each host"),
      needed: absent("there is one for each host"),
    },
    down: "kept",
  };
}
