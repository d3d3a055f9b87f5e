import type { Socket } from "node:net";
import { tcpServer } from "./net";

/** What a server answers to a command, as Redis writes it; undefined answers nothing. */
export type Answer = (command: readonly string[]) => string | undefined;

/** A server that speaks Redis' protocol as far as a client asks for it: requests are arrays of strings. */
export async function fakeRedis(answer: Answer): Promise<{ port: number; commands: string[][]; sockets: Socket[] }> {
  const commands: string[][] = [];
  const { port, sockets } = await tcpServer((socket) => {
    let pending = "";
    socket.on("data", (data) => {
      pending += data.toString("latin1");
      for (let taken = takeCommand(pending); taken !== undefined; taken = takeCommand(pending)) {
        pending = pending.slice(taken.length);
        commands.push(taken.words);
        const said = answer(taken.words) ?? usual(taken.words);
        if (said !== undefined) socket.write(said);
      }
    });
  });
  return { port, commands, sockets };
}

/** What a client says of itself, and asks before it takes a connection to be ready. */
function usual([name = ""]: readonly string[]): string | undefined {
  const info = "role:master\r\nloading:0\r\n";
  if (/^info$/i.test(name)) return `$${info.length}\r\n${info}\r\n`;
  if (/^hello$/i.test(name)) return "-ERR unknown command 'HELLO'\r\n";
  return /^(auth|client|ping)$/i.test(name) ? "+OK\r\n" : undefined;
}

function takeCommand(text: string): { words: string[]; length: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return undefined;
  let at = head[0].length;
  const words: string[] = [];
  for (let left = Number(head[1]); left > 0; left--) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at));
    if (size === null) return undefined;
    at += size[0].length;
    const end = at + Number(size[1]);
    if (text.length < end + 2) return undefined;
    words.push(text.slice(at, end));
    at = end + 2;
  }
  return { words, length: at };
}
