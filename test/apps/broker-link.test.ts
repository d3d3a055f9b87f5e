import type { ConfirmChannel } from "amqplib";
import { mkdtempSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { BrokerLink } from "../../apps/shop/src/queue/broker-link";
import { eventually } from "./support/eventually";
import { HOST, silentLog, tcpServer } from "./support/net";

const passwordFile = join(mkdtempSync(join(tmpdir(), "dockyard-test-amqp-")), "password");
writeFileSync(passwordFile, "of-orders\n");

/** A method's frame of AMQP 0-9-1: its type, its channel, its size, the method with its arguments, and the end's octet. */
function method(channel: number, classId: number, methodId: number, args: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(11);
  head.writeUInt8(1, 0);
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(4 + args.length, 3);
  head.writeUInt16BE(classId, 7);
  head.writeUInt16BE(methodId, 9);
  return Buffer.concat([head, args, Buffer.from([0xce])]);
}

function longString(text: string): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(text.length);
  return Buffer.concat([size, Buffer.from(text)]);
}

const START = method(0, 10, 10, Buffer.concat([Buffer.from([0, 9]), longString(""), longString("PLAIN"), longString("en_US")]));

/** Answers by the client's method; whatever is not here ends the connection, as a broker does that is killed. */
const ANSWERS: Record<string, Buffer> = {
  "10.11": method(0, 10, 30, Buffer.from([0, 0, 0, 0, 0x10, 0, 0, 0])),
  "10.31": Buffer.alloc(0),
  "10.40": method(0, 10, 41, Buffer.from([0])),
  "20.10": method(1, 20, 11, longString("")),
  "85.10": method(1, 85, 11),
};

/** A broker that dies as soon as it is asked for anything but a channel, as to declare something or to end. */
function dyingBroker(socket: Socket): void {
  let pending = Buffer.alloc(0);
  let greeted = false;
  socket.on("data", (data: Buffer) => {
    pending = Buffer.concat([pending, data]);
    if (!greeted && pending.length >= 8) {
      greeted = true;
      pending = pending.subarray(8);
      socket.write(START);
    }
    while (pending.length >= 11 && pending.length >= 8 + pending.readUInt32BE(3)) {
      const answer = ANSWERS[`${pending.readUInt16BE(7)}.${pending.readUInt16BE(9)}`];
      if (answer === undefined) {
        socket.destroy();
        return;
      }
      socket.write(answer);
      pending = pending.subarray(8 + pending.readUInt32BE(3));
    }
  });
}

/** A link to a broker that dies, and the promises that are rejected with nobody to hear of it, by which Node.js ends an instance. */
async function linkTo(use: (channel: ConfirmChannel) => Promise<unknown>) {
  const unheard: unknown[] = [];
  const note = (reason: unknown) => void unheard.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  const { port, sockets } = await tcpServer(dyingBroker);
  const settings = { endpoints: [`${HOST}:${port}`], user: "orders", passwordFile };
  const link = new BrokerLink(settings, async (channel) => void (await use(channel)), silentLog);
  link.start();
  return { link, sockets, unheard };
}

it("a broker that dies while its channel is made ready is tried again, and takes nobody along", async () => {
  let opened = 0;
  const { link, sockets, unheard } = await linkTo((channel) => {
    opened++;
    return channel.assertExchange("orders", "fanout");
  });
  await eventually(() => sockets.length).toBeGreaterThanOrEqual(3);
  expect(opened).toBeGreaterThanOrEqual(2);
  await link.close();
  expect(unheard).toEqual([]);
});

it("a broker that dies before it has confirmed the end holds nobody up who leaves", async () => {
  let opened = 0;
  const { link, sockets, unheard } = await linkTo(async () => void opened++);
  await eventually(() => opened).toBe(1);
  await link.close();
  expect(sockets).toHaveLength(1);
  expect(unheard).toEqual([]);
});
