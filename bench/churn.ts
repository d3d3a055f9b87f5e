import {
  type OwnStack,
  createOwnStack,
  leaveData,
  removeOwnStack,
  restartContainers,
  restartEngine,
  untilServed,
} from "../test/stack/support/restarts";
import { withoutAllBut } from "../test/stack/support/systems";
import type { Figure } from "./bench";

const PREVIEWS = 20;

/** What restarts a stack without changing anything of it; each returns when all is healthy and served. */
const CHURN: Readonly<Record<string, (own: OwnStack) => Promise<unknown>>> = {
  "containers restarted": restartContainers,
  "engine stopped": (own) => restartEngine(own, "SIGTERM"),
  refresh: (own) => own.stack.refresh(),
  "engine killed": (own) => restartEngine(own, "SIGKILL"),
};

/** Whether a preview has anything to change after what changes nothing: each of many behind another restart. */
export async function churn(): Promise<Figure[]> {
  const images = ["consul", "nginx", "shop", "rabbitmq", "haproxy-keepalived"] as const;
  const own = await createOwnStack("bench-churn", "10.159.0.0/24", images, { without: withoutAllBut("rabbitmq") });
  try {
    await own.stack.up();
    await leaveData(own);
    await untilServed(own);
    const kinds = Object.entries(CHURN);
    const changed: string[] = [];
    for (let number = 0; number < PREVIEWS; number++) {
      const [kind, work] = kinds[number % kinds.length] ?? ["nothing", () => Promise.resolve()];
      await work(own);
      const steps = await own.stack.preview();
      if (steps.length > 0) changed.push(`${kind}: ${steps.map(({ op, name }) => `${op} ${name}`).join(", ")}`);
    }
    for (const each of changed) console.error(`a preview with changes after ${each}`);
    return [figure(changed.length)];
  } finally {
    await removeOwnStack(own);
  }
}

function figure(changed: number): Figure {
  return {
    what: `previews with changes, each after all containers were restarted, the engine was stopped or killed and started again, or \`refresh\`, in turns`,
    measured: `${changed} of ${PREVIEWS}`,
    beside: "–",
    bound: "0",
    holds: changed === 0,
    runs: `${PREVIEWS} previews in a row of one stack`,
  };
}
