import { describe, expect, it } from "vitest";
import { encodeFrame, MAX_FRAME_BYTES } from "../../apps/shop/src/rpc/frame";
import { RpcError } from "../../apps/shop/src/rpc/message";
import { eventually } from "./support/eventually";
import { deferred, RawClient, rpcServer } from "./support/net";

const call = (id: number | string, method: string, params?: unknown): Buffer => encodeFrame({ jsonrpc: "2.0", id, method, params });
const frameOf = (body: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, body.length]), Buffer.from(body)]);
const echo = { echo: (params: unknown) => params };

describe("an RPC server", { timeout: 20_000 }, () => {
  it("answers calls in the order of their completion, several in flight on one connection", async () => {
    const slow = deferred<string>();
    const { port } = await rpcServer({ ...echo, slow: () => slow.promise });
    const client = await RawClient.open(port);

    client.send(Buffer.concat([call(1, "slow"), call("two", "echo", { a: 1 })]));
    expect(await client.next()).toEqual({ jsonrpc: "2.0", id: "two", result: { a: 1 } });
    slow.resolve("done");
    expect(await client.next()).toEqual({ jsonrpc: "2.0", id: 1, result: "done" });
  });

  it("takes a frame that arrives byte by byte", async () => {
    const { port } = await rpcServer(echo);
    const client = await RawClient.open(port);
    for (const byte of call(1, "echo", [1])) client.send(Buffer.from([byte]));
    expect(await client.next()).toEqual({ jsonrpc: "2.0", id: 1, result: [1] });
  });

  it.each([
    ["is not JSON", "{oops", -32_700, "the frame's 5 bytes are not JSON", null],
    ["is empty", "", -32_700, "the frame's 0 bytes are not JSON", null],
    ["is no object", "7", -32_600, "a request is a JSON object", null],
    ["is a batch", "[]", -32_600, "batches are not served: send one frame per request", null],
    ["has no version", '{"id":4,"method":"echo"}', -32_600, 'a request has "jsonrpc": "2.0"', 4],
    ["has no method", '{"jsonrpc":"2.0","id":4}', -32_600, "a request names its method", 4],
    [
      "has params that are neither object nor array",
      '{"jsonrpc":"2.0","id":4,"method":"echo","params":1}',
      -32_600,
      "params are an object or an array",
      4,
    ],
    ["names a method that is not there", '{"jsonrpc":"2.0","id":4,"method":"toString"}', -32_601, 'there is no method "toString"', 4],
  ])("says what is wrong with a frame that %s, and goes on serving the connection", async (_, body, code, message, id) => {
    const { port } = await rpcServer(echo);
    const client = await RawClient.open(port);
    client.send(Buffer.concat([frameOf(body), call(9, "echo", [])]));
    expect(await client.next()).toEqual({ jsonrpc: "2.0", id, error: { code, message } });
    expect(await client.next()).toEqual({ jsonrpc: "2.0", id: 9, result: [] });
  });

  it("passes a method's own error on and hides any other", async () => {
    const { port } = await rpcServer({
      gone: () => {
        throw new RpcError(404, "gone", { id: 1 });
      },
      broken: () => {
        throw new Error("password is 1234");
      },
    });
    const client = await RawClient.open(port);
    client.send(call(1, "gone"));
    expect(await client.next()).toEqual({ jsonrpc: "2.0", id: 1, error: { code: 404, message: "gone", data: { id: 1 } } });
    client.send(call(2, "broken"));
    expect(await client.next()).toMatchObject({ error: { code: -32_603, message: "the method failed; its instance's log tells why" } });
  });

  it("gives no answer to a notification, even one that fails", async () => {
    const { port } = await rpcServer(echo);
    const client = await RawClient.open(port);
    client.send(Buffer.concat([encodeFrame({ jsonrpc: "2.0", method: "nope" }), call(2, "echo", [])]));
    expect(await client.next()).toMatchObject({ id: 2 });
  });

  it("refuses a frame over 1 MiB by its header, says so and closes", async () => {
    const { port } = await rpcServer(echo);
    const client = await RawClient.open(port);
    const header = Buffer.alloc(4);
    header.writeUInt32BE(MAX_FRAME_BYTES + 1);
    client.send(header);
    expect(await client.next()).toEqual({
      jsonrpc: "2.0",
      id: null,
      error: { code: -32_600, message: "a frame of 1048577 bytes exceeds the limit of 1048576 bytes" },
    });
    client.socket.end();
    await client.closed;
  });

  it("says that an answer does not fit instead of sending it", async () => {
    const { port } = await rpcServer({ huge: () => "x".repeat(MAX_FRAME_BYTES) });
    const client = await RawClient.open(port);
    client.send(call(1, "huge"));
    expect(await client.next()).toMatchObject({
      id: 1,
      error: { code: -32_603, message: expect.stringContaining("the answer does not fit") },
    });
  });

  it("takes no more calls than its limit at once and the others afterwards", async () => {
    const gates = Array.from({ length: 3 }, () => deferred());
    let started = 0;
    const { port } = await rpcServer({ wait: () => gates[started++]!.promise }, { maxInFlight: 1 });
    const client = await RawClient.open(port);
    client.send(call(1, "wait"));
    const running = Promise.all([client.next(), client.next(), client.next()]);
    await eventually(() => started).toBe(1);
    // Separate chunks: what has been read is run, what has not stays in the socket.
    client.send(call(2, "wait"));
    client.send(call(3, "wait"));
    gates[0]!.resolve();
    gates[1]!.resolve();
    gates[2]!.resolve();
    expect((await running).map((answer) => (answer as { id: number }).id)).toEqual([1, 2, 3]);
  });

  it("closes a connection that begins a frame and does not finish it, though bytes keep coming", async () => {
    const { port } = await rpcServer(echo, { frameMs: 100 });
    const client = await RawClient.open(port);
    const dripping = setInterval(() => client.send(Buffer.from("x")), 10);
    client.send(Buffer.from([0, 0, 255, 255]));
    await client.closed;
    clearInterval(dripping);
  });

  it("keeps a busy connection whose every chunk ends in the middle of a frame", async () => {
    const { port } = await rpcServer(echo, { frameMs: 150 });
    const client = await RawClient.open(port);
    const frame = call(1, "echo", []);
    const until = Date.now() + 400;
    client.send(frame.subarray(0, 5));
    while (Date.now() < until) {
      client.send(Buffer.concat([frame.subarray(5), frame.subarray(0, 5)]));
      expect(await client.next()).toMatchObject({ id: 1 });
    }
  });

  it("closes a connection that says nothing", async () => {
    const { port } = await rpcServer(echo, { idleMs: 50 });
    await (
      await RawClient.open(port)
    ).closed;
  });

  it("answers a client that has closed its sending half, then closes", async () => {
    const answer = deferred<string>();
    const { port } = await rpcServer({ slow: () => answer.promise });
    const client = await RawClient.open(port);
    client.send(call(1, "slow"));
    client.socket.end();
    answer.resolve("late");
    expect(await client.next()).toMatchObject({ result: "late" });
    await client.closed;
  });
});

describe("a leaving RPC server", { timeout: 20_000 }, () => {
  it("tells its clients, answers what is in flight and what still comes in, and accepts nobody", async () => {
    const answer = deferred<string>();
    const { port, server } = await rpcServer({ ...echo, slow: () => answer.promise });
    const client = await RawClient.open(port);
    client.send(call(1, "slow"));
    client.send(call(2, "echo", []));
    await client.next();

    const drained = server.drain();
    expect(await client.next()).toEqual({ jsonrpc: "2.0", method: "rpc.goaway" });
    client.send(call(3, "echo", ["late"]));
    expect(await client.next()).toMatchObject({ id: 3, result: ["late"] });
    await expect(RawClient.open(port)).rejects.toThrow("ECONNREFUSED");
    answer.resolve("done");
    expect(await client.next()).toMatchObject({ id: 1, result: "done" });
    client.socket.end();
    await drained;
  });
});
