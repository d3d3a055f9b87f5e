import { BrokerAccess, missing, publishedDuring, takeAll } from "../support/amqp";
import { esAnywhere, indexLoad } from "../support/elasticsearch";
import { KafkaLogin, compare, produce, readTopic } from "../support/kafka";
import { MysqlLogin, missingRows, writeLoad } from "../support/mysql";
import { CacheAccess, linkTo, missingKeys, writtenDuring } from "../support/redis";
import { Client, paused } from "./clients";

/** Messages or rows per second: enough to notice, and little enough that two cores have time for what is changed. */
const RATE = 25;

/** Publishes with confirms, and takes all out of the queue afterwards. */
export function rabbitmqClient(access: BrokerAccess): Client {
  let turn = 0;
  return async (work) => {
    const queue = `written-${turn++}`;
    const { confirmed, failed, longestPause } = await publishedDuring(access, queue, RATE, work);
    const lost = missing(await takeAll(access, queue), confirmed).map(String);
    return { client: "rabbitmq", requests: confirmed, failures: [...failed.map(String), ...paused(longestPause)], lost, longestPause };
  };
}

/** Sends and waits for all acknowledgements, again where none came, and reads the topic from its beginning afterwards. */
export function kafkaClient(login: KafkaLogin, topic: string): Client {
  let turn = 0;
  return async (work) => {
    const keys = ["a", "b"].map((key) => `${key}${turn}`);
    turn++;
    const sent = await produce(login, { topic, keys }, async () => void (await work()));
    const { lost, disordered } = compare(sent, await readTopic(login, topic));
    return { client: "kafka", requests: sent.count, failures: disordered.map((key) => `not in order: ${key}`), lost };
  };
}

/** Inserts rows and reads from replicas, and looks for the rows afterwards. */
export function mysqlClient(login: MysqlLogin): Client {
  return async (work) => {
    const { written, failedReads, longestPauseMs: longestPause } = await writeLoad(login, RATE, work);
    const lost = (await missingRows(login, written)).map(String);
    return { client: "mysql", requests: written.length, failures: [...failedReads, ...paused(longestPause)], lost, longestPause };
  };
}

/** Writes documents and searches, and looks for the documents afterwards. */
export function elasticsearchClient(nodes: readonly string[]): Client {
  let turn = 0;
  return async (work) => {
    const index = `written-${turn++}`;
    // A search before the first document would find no index.
    await esAnywhere(nodes, index, { method: "PUT" });
    const { written, failures, searches } = await indexLoad(nodes, index, work);
    await esAnywhere(nodes, `${index}/_refresh`, { method: "POST" });
    const { hits } = (await esAnywhere(nodes, `${index}/_search?size=10000&_source=false`)) as { hits: { hits: { _id: string }[] } };
    const there = new Set(hits.hits.map(({ _id }) => _id));
    const lost = written.filter((id) => !there.has(id));
    const { persistent: left } = (await esAnywhere(nodes, "_cluster/settings")) as { persistent: object };
    const unmended = Object.keys(left).length > 0 ? [`a roll has left its settings behind: ${JSON.stringify(left)}`] : [];
    return { client: "elasticsearch", requests: written.length + searches, failures: [...failures, ...unmended], lost };
  };
}

/** Writes keys into Redis which a replica confirms, and looks for them afterwards. */
export function redisClient(access: CacheAccess): Client {
  let turn = 0;
  return async (work) => {
    const link = await linkTo(access);
    try {
      const { confirmed, longestPause } = await writtenDuring(link, `app:${turn++}`, work, 10);
      const lost = await missingKeys(link, confirmed);
      return { client: "redis", requests: confirmed.length, failures: paused(longestPause), lost, longestPause };
    } finally {
      await link.close();
    }
  };
}
