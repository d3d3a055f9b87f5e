import type { RedisLink } from "../../../apps/shop/src/cache/redis-link";
import { BrokerAccess, missing, publishedDuring, takeAll } from "../support/amqp";
import { KafkaLogin, compare, produce, readTopic } from "../support/kafka";
import { missingKeys, writtenDuring } from "../support/redis";
import { Client, paused } from "./clients";

/** Messages or rows per second: enough to notice, and little enough that two cores have time for what is changed. */
const RATE = 50;

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

/** Writes keys into Redis which a replica confirms, and looks for them afterwards. */
export function redisClient(link: RedisLink): Client {
  let turn = 0;
  return async (work) => {
    const { confirmed, longestPause } = await writtenDuring(link, `app:${turn++}`, work, 10);
    const lost = await missingKeys(link, confirmed);
    return { client: "redis", requests: confirmed.length, failures: paused(longestPause), lost, longestPause };
  };
}
