import { connect, type Socket } from "node:net";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { NoAnswerError } from "../../apps/shop/src/rpc/call";
import { RpcClient, type RpcClientTimes } from "../../apps/shop/src/rpc/client";
import { RpcError } from "../../apps/shop/src/rpc/message";
import { eventually } from "./support/eventually";
import { blackHole, deferred, freePort, HOST, member, rpcServer, tcpServer } from "./support/net";

const again = { idempotent: true };
const once = { idempotent: false };

function rpcClient(times?: Partial<RpcClientTimes>): RpcClient {
  const client = new RpcClient("goods-rpc", times);
  onTestFinished(() => client.close());
  return client;
}

async function failureOf(call: Promise<unknown>): Promise<NoAnswerError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(NoAnswerError);
  return outcome as NoAnswerError;
}

async function answersOf(client: RpcClient, calls: number): Promise<string> {
  const answers: unknown[] = [];
  for (let i = 0; i < calls; i++) answers.push(await client.call("who", {}, again));
  return answers.join("");
}

/** A peer that says its name, and counts how often it was asked. */
async function namedPeer(name: string): Promise<{ port: number; calls: () => number }> {
  let calls = 0;
  const { port } = await rpcServer({
    who: () => {
      calls++;
      return name;
    },
  });
  return { port, calls: () => calls };
}

describe("an RPC client", { timeout: 20_000 }, () => {
  let a: Awaited<ReturnType<typeof namedPeer>>;
  let b: Awaited<ReturnType<typeof namedPeer>>;
  beforeEach(async () => {
    a = await namedPeer("a");
    b = await namedPeer("b");
  });

  it("asks its peers in turn, heavier ones more often and not in a row", async () => {
    const client = rpcClient();
    client.setPeers([member(a.port), member(b.port)]);
    expect(await answersOf(client, 4)).toBe("abab");
    client.setPeers([member(a.port, { weight: 3 }), member(b.port)]);
    const weighted = await answersOf(client, 8);
    expect(weighted.replaceAll("b", "")).toBe("aaaaaa");
    expect(weighted).not.toContain("bb");
  });

  it("leaves out peers that are down, and asks a backup only when nobody else answers", async () => {
    const client = rpcClient();
    client.setPeers([member(a.port, { down: true }), member(b.port)]);
    expect(await answersOf(client, 3)).toBe("bbb");
    client.setPeers([member(a.port, { backup: true }), member(b.port)]);
    expect(await answersOf(client, 3)).toBe("bbb");
    client.setPeers([member(a.port, { backup: true }), member(await freePort())]);
    expect(await answersOf(client, 3)).toBe("aaa");
  });

  it("makes all calls to a peer on one connection, however many are in flight", async () => {
    const slow = deferred<string>();
    let connections = 0;
    const { port } = await rpcServer({ slow: () => slow.promise, fast: () => "fast" });
    const relay = await tcpServer((socket) => {
      connections++;
      socket.pipe(connect(port, HOST)).pipe(socket);
    });
    const client = rpcClient();
    client.setPeers([member(relay.port)]);
    const waiting = [client.call("slow", {}, again), client.call("slow", {}, again)];
    expect(await client.call("fast", {}, again)).toBe("fast");
    slow.resolve("slow");
    expect(await Promise.all(waiting)).toEqual(["slow", "slow"]);
    expect(connections).toBe(1);
  });

  it("passes an answered error on without asking another peer", async () => {
    let asked = 0;
    const refusing = await rpcServer({
      who: () => {
        asked++;
        throw new RpcError(404, "there are no goods 9", { id: 9 });
      },
    });
    const client = rpcClient();
    client.setPeers([member(refusing.port), member(a.port)]);
    await expect(client.call("who", {}, again)).rejects.toMatchObject({ code: 404, message: "there are no goods 9", data: { id: 9 } });
    expect([asked, a.calls()]).toEqual([1, 0]);
  });

  it("goes to the next peer when the first one refuses the connection", async () => {
    const client = rpcClient();
    client.setPeers([member(await freePort()), member(a.port)]);
    expect(await client.call("who", {}, once)).toBe("a");
  });

  it("goes to the next peer when the first one dies in the middle of the request", async () => {
    const dying = await tcpServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
    const client = rpcClient();
    client.setPeers([member(dying.port), member(a.port)]);
    expect(await client.call("who", {}, again)).toBe("a");
    expect(dying.sockets).toHaveLength(1);
  });

  it("goes to the next peer when the first one answers with something else than the protocol", async () => {
    const web = await tcpServer((socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
    const client = rpcClient();
    client.setPeers([member(web.port), member(a.port)]);
    expect(await client.call("who", {}, again)).toBe("a");
  });

  it("asks the next peer as well when the first one accepts and does not answer", async () => {
    const silent = await tcpServer((socket) => socket.resume());
    const client = rpcClient({ hedgeAfterMs: 50, silentMs: 40 });
    client.setPeers([member(silent.port), member(a.port)]);
    expect(await client.call("who", {}, again)).toBe("a");
  });

  it("takes a slow peer's answer when it comes before the next one's", async () => {
    const gate = deferred<string>();
    const overtaken = deferred();
    const slow = await rpcServer({ who: () => gate.promise });
    const slower = await rpcServer({
      who: () => {
        overtaken.resolve();
        return new Promise(() => undefined);
      },
    });
    const client = rpcClient({ hedgeAfterMs: 30 });
    client.setPeers([member(slow.port), member(slower.port)]);
    const answer = client.call("who", {}, again);
    await overtaken.promise;
    gate.resolve("slow but first");
    expect(await answer).toBe("slow but first");
  });

  it("never makes a call twice that may have been carried out and is not idempotent", async () => {
    const dying = await tcpServer((socket) => socket.once("data", () => socket.destroy()));
    const client = rpcClient();
    client.setPeers([member(dying.port), member(a.port)]);
    const failure = await failureOf(client.call("who", {}, once));
    expect(failure.tried).toEqual([{ peer: `${HOST}:${dying.port}`, fault: "the peer closed the connection" }]);
    expect(a.calls()).toBe(0);
  });

  it("leaves a failing peer alone for a while and then tries it again", async () => {
    const flaky = await tcpServer((socket) => socket.once("data", () => socket.destroy()));
    const client = rpcClient();
    client.setPeers([member(flaky.port, { failTimeoutSeconds: 0.3 }), member(a.port)]);
    await answersOf(client, 20);
    expect(flaky.sockets).toHaveLength(2);
    await eventually(async () => (await answersOf(client, 1), flaky.sockets.length)).toBe(3);
    await answersOf(client, 20);
    expect(flaky.sockets).toHaveLength(3);
  });

  it("asks a resting peer all the same when there is no other", async () => {
    const port = await freePort();
    const client = rpcClient();
    client.setPeers([member(port)]);
    for (let i = 0; i < 5; i++) expect((await failureOf(client.call("who", {}, again))).tried).toHaveLength(1);
  });

  it("reaches a restarted peer at once although its pooled connection is from before", async () => {
    let lives = 0;
    const restarting = await tcpServer((socket) => {
      // The first life ends with its second call; from then on the port belongs to a relay to a good peer.
      if (lives++ === 0) socket.on("data", () => (firstAnswered ? socket.resetAndDestroy() : answerFirst(socket)));
      else socket.pipe(connect(a.port, HOST)).pipe(socket);
    });
    let firstAnswered = false;
    const answerFirst = (socket: Socket): void => {
      firstAnswered = true;
      const body = Buffer.from('{"jsonrpc":"2.0","id":1,"result":"before"}');
      socket.write(Buffer.concat([Buffer.from([0, 0, 0, body.length]), body]));
    };
    const client = rpcClient();
    client.setPeers([member(restarting.port)]);
    expect(await answersOf(client, 1)).toBe("before");
    expect(await answersOf(client, 1)).toBe("a");
  });

  it("closes the connection to a peer that was removed, after its calls in flight have ended", async () => {
    const gate = deferred<string>();
    const { port, server } = await rpcServer({ who: () => gate.promise });
    const client = rpcClient();
    client.setPeers([member(port)]);
    const inFlight = client.call("who", {}, again);
    client.setPeers([member(a.port)]);
    expect(await client.call("who", {}, again)).toBe("a");
    gate.resolve("still answered");
    expect(await inFlight).toBe("still answered");
    await server.drain();
  });

  it("starts no call on a peer that says that it is leaving, and loses none", async () => {
    const { port, server } = await rpcServer({ who: () => "leaving" }, { lingerMs: 60_000 });
    const client = rpcClient();
    client.setPeers([member(port), member(a.port)]);
    expect(await answersOf(client, 2)).toMatch(/leaving/);
    // It would stay for another minute if its client did not close.
    await server.drain();
    for (let i = 0; i < 10; i++) expect(await client.call("who", {}, once)).toBe("a");
  });
});

describe("an RPC client without a living peer", { timeout: 20_000 }, () => {
  it("says so at once when it knows no peer", async () => {
    expect((await failureOf(rpcClient().call("who", {}, again))).message).toBe("no instance of goods-rpc is known");
  });

  it("names each peer it tried and what came of it", async () => {
    const refusing = await freePort();
    const dying = await tcpServer((socket) => socket.once("data", () => socket.destroy()));
    const client = rpcClient();
    client.setPeers([member(refusing), member(dying.port)]);
    const failure = await failureOf(client.call("who", {}, again));
    expect(failure.tried).toEqual([
      { peer: `${HOST}:${refusing}`, fault: "the connection was refused" },
      { peer: `${HOST}:${dying.port}`, fault: "the peer closed the connection" },
    ]);
    expect(failure.message).toContain(`tried ${HOST}:${refusing} (the connection was refused), ${HOST}:${dying.port} (`);
  });

  it("gives up on a host that does not answer the connection attempt after half a second", async () => {
    const client = rpcClient();
    client.setPeers([member(await blackHole())]);
    const startedAt = performance.now();
    expect((await failureOf(client.call("who", {}, again))).tried[0]!.fault).toBe("no connection within 500 ms");
    expect(performance.now() - startedAt).toBeLessThan(900);
  });

  it("gives up in under 2 s although every peer accepts and none answers", async () => {
    const silent = await Promise.all([1, 2, 3, 4, 5].map(() => tcpServer((socket) => socket.resume())));
    const client = rpcClient();
    client.setPeers(silent.map(({ port }) => member(port)));
    const startedAt = performance.now();
    const { tried } = await failureOf(client.call("who", {}, again));
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(tried.length).toBeGreaterThanOrEqual(3);
    expect(tried.every(({ fault }) => /^no answer within \d+ ms$/.test(fault))).toBe(true);
  });

  it("does not use a connection again on which nothing came back", async () => {
    const silent = await tcpServer((socket) => socket.resume());
    const client = rpcClient({ hedgeAfterMs: 20, silentMs: 40, deadlineMs: 50 });
    client.setPeers([member(silent.port)]);
    await failureOf(client.call("who", {}, again));
    await failureOf(client.call("who", {}, again));
    expect(silent.sockets).toHaveLength(2);
  });
});
