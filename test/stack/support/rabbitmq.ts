import { docker } from "./engine";
import { until } from "./load";

export interface BrokerNode {
  readonly name: string;
  readonly running: boolean;
}

export interface QueueInfo {
  readonly name: string;
  readonly type: string;
  readonly members?: readonly string[];
  readonly messages?: number;
}

/** Asks the management API of a broker's container, as the component itself does. */
export async function api<T>(container: string, path: string): Promise<T> {
  const options = "/etc/rabbitmq/node/current/operator.curl";
  return JSON.parse(await docker("exec", container, "curl", "--config", options, `http://127.0.0.1:15672/api/${path}`)) as T;
}

export async function runningBrokers(container: string): Promise<string[]> {
  const nodes = await api<BrokerNode[]>(container, "nodes?columns=name,running");
  return nodes
    .filter(({ running }) => running)
    .map(({ name }) => name.replace("rabbit@", ""))
    .sort();
}

/** A queue by its own word, not by the statistics, which are some seconds old. */
async function queueInfo(container: string, queue: string): Promise<Partial<QueueInfo>> {
  const queues = await api<QueueInfo[]>(container, "queues/%2F?disable_stats=true&enable_queue_totals=true");
  return queues.find(({ name }) => name === queue) ?? {};
}

/** Where a queue's members are. One that has just been added was once listed twice, on a busy machine: there is one on a node all the same. */
export async function membersOf(container: string, queue: string): Promise<readonly string[]> {
  const { members = [] } = await queueInfo(container, queue);
  return [...new Set(members.map((member) => member.replace("rabbit@", "")))].sort();
}

/** How many messages are in a queue. */
export async function messagesIn(container: string, queue: string): Promise<number | undefined> {
  return (await queueInfo(container, queue)).messages;
}

/** Waits until all brokers run, and none is one that a quorum queue cannot spare. */
export async function untilWhole(containers: readonly string[]): Promise<void> {
  await until("the cluster is whole", async () => {
    for (const container of containers) {
      if ((await runningBrokers(container)).length < containers.length) return false;
      await api(container, "health/checks/node-is-quorum-critical");
    }
    return true;
  });
}

/** Kills a broker and starts it again two seconds later. */
export async function killAndStart(container: string, all: readonly string[]): Promise<void> {
  await docker("kill", container);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await docker("start", container);
  await untilWhole(all);
}
