import { imageReference } from "../../../components/core/images";
import { docker } from "./engine";

/** Time in which nobody answered, in milliseconds of the wall clock. */
export interface Silence {
  readonly from: number;
  readonly to: number;
}

/**
 * Asks an address every 10 ms over a connection of its own, and prints every time between two answers in which a question was not answered.
 *
 * In plain Node, since it runs in a container of its own beside what it asks. A question that is not answered within 200 ms has failed, so
 * that one which was lost does not come back a second later by TCP's own repetition. A time in which nothing was asked is no silence.
 */
const PROBER = `
const net = require("node:net");
const [host, port] = process.argv.slice(1);
const questions = [];
let last = 0;
let failed = false;
setInterval(() => {
  const question = { done: false, answered: 0 };
  questions.push(question);
  const socket = net.connect({ host, port: Number(port) });
  let answer = "";
  const late = setTimeout(() => socket.destroy(), 200);
  socket.on("connect", () => socket.write("GET / HTTP/1.0\\r\\n\\r\\n"));
  socket.on("data", (chunk) => (answer += chunk));
  socket.on("error", () => undefined);
  socket.on("close", () => {
    clearTimeout(late);
    question.done = true;
    question.answered = answer.startsWith("HTTP/1.1 200") ? Date.now() : 0;
    report();
  });
}, 10);
// In the order in which they were asked: what has failed is known later than what was answered after it.
function report() {
  while (questions[0]?.done) {
    const { answered } = questions.shift();
    if (answered === 0) {
      failed = true;
      continue;
    }
    if (last === 0) console.log("started");
    else if (failed) console.log(last + " " + answered);
    failed = false;
    last = Math.max(last, answered);
  }
}
`;

/** A container on a stack's network that asks an address every 10 ms. */
export class Prober {
  private constructor(private readonly container: string) {}

  /** Begins; ends when the first answer has come. */
  static async start(label: string, network: string, host: string, port: number): Promise<Prober> {
    const container = `${label}-prober`;
    await docker(
      ...["run", "--detach", "--init", "--name", container, "--label", `dockyard.stack=${label}`, "--network", network],
      ...[imageReference("shop"), "node", "-e", PROBER, host, String(port)],
    );
    const prober = new Prober(container);
    const deadline = Date.now() + 10_000;
    while (!(await docker("logs", container)).startsWith("started")) {
      if (Date.now() > deadline) throw new Error(`${host}:${port} does not answer`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return prober;
  }

  /** The longest time without an answer, in milliseconds, that ended since then; 0 where every question was answered. */
  async longestSilence(since: number): Promise<number> {
    const silences = (await docker("logs", this.container))
      .split("\n")
      .filter((line) => line !== "started")
      .map((line): Silence => {
        const [from = 0, to = 0] = line.split(" ").map(Number);
        return { from, to };
      });
    return Math.max(0, ...silences.filter(({ to }) => to >= since).map(({ from, to }) => to - from));
  }

  async stop(): Promise<void> {
    await docker("rm", "--force", this.container);
  }
}
