import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { eventually } from "./support/eventually";
import { FakeConsul } from "./support/fake-consul";
import { deferred, freePort, HOST, RawClient, rpcServer } from "./support/net";
import { getJson, keepAlive, startService } from "./support/shop";

describe("a leaving service", { timeout: 20_000 }, () => {
  it("answers the request in flight, tells its client to close, and accepts nobody", async () => {
    const consul = await FakeConsul.start();
    const asked = deferred();
    const gate = deferred<unknown>();
    const { port } = await rpcServer({
      "goods.get": () => {
        asked.resolve();
        return gate.promise;
      },
    });
    consul.put(`upstreams/goods-rpc/${HOST}:${port}`);
    const { service, httpPort } = await startService("order", { consulUrls: [consul.url] });
    await eventually(() => consul.blockedQueries).toBe(1);

    const inFlight = getJson(httpPort, "/orders/2", keepAlive());
    await asked.promise;
    const stopped = service.stop(9_000);
    await eventually(() =>
      getJson(httpPort, "/health").then(
        () => "",
        (error: Error) => error.message,
      ),
    ).toContain("ECONNREFUSED");
    gate.resolve({ id: 5, name: "late", price: 1, instance: "goods-1" });
    const answer = await inFlight;
    expect(answer).toMatchObject({ status: 200, body: { total: 1 } });
    expect(answer.headers.connection).toBe("close");
    await stopped;
  });

  it("answers a request on an idle connection once more and then lets the client go", async () => {
    const { service, httpPort } = await startService("goods");
    const agent = keepAlive();
    expect((await getJson(httpPort, "/goods/1", agent)).headers.connection).toBe("keep-alive");
    const stopped = service.stop(9_000);
    const last = await getJson(httpPort, "/goods/1", agent);
    expect([last.status, last.headers.connection]).toEqual([200, "close"]);
    await stopped;
  });

  it("closes connections on which nothing happens, among them one that has never sent anything", async () => {
    const { service, httpPort } = await startService("goods");
    await getJson(httpPort, "/goods/1", keepAlive());
    const silent = await RawClient.open(httpPort);
    void silent.closed.then(() => silent.socket.end());
    const startedAt = performance.now();
    await service.stop(9_000);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it("reports itself unhealthy while it leaves", async () => {
    const { service, httpPort } = await startService("goods");
    const agent = keepAlive();
    await getJson(httpPort, "/health", agent);
    const stopped = service.stop(9_000);
    expect(await getJson(httpPort, "/health", agent)).toMatchObject({ status: 503, body: { status: "leaving" } });
    await stopped;
  });

  it("cuts what is still in flight at the deadline", async () => {
    const consul = await FakeConsul.start();
    const { port } = await rpcServer({ "goods.get": () => new Promise(() => undefined) });
    consul.put(`upstreams/goods-rpc/${HOST}:${port}`);
    const { service, httpPort } = await startService("order", { consulUrls: [consul.url] });
    await eventually(() => consul.blockedQueries).toBe(1);
    const outcome = getJson(httpPort, "/orders/2").then(
      () => "answered",
      (error: NodeJS.ErrnoException) => error.code,
    );
    await service.stop(300);
    expect(await outcome).toBe("ECONNRESET");
  });

  it("loses none of the requests that come in on kept connections while it leaves", async () => {
    const { service, httpPort } = await startService("goods");
    const agents = Array.from({ length: 20 }, keepAlive);
    await Promise.all(agents.map((agent) => getJson(httpPort, "/goods/1", agent)));
    const stopped = service.stop(9_000);
    const outcomes = await Promise.all(agents.map((agent) => getJson(httpPort, "/goods/1", agent)));
    expect(outcomes.map(({ status }) => status)).toEqual(agents.map(() => 200));
    await stopped;
  });

  it("takes its keys away before it stops accepting", async () => {
    const consul = await FakeConsul.start();
    const selfRegistration = { weight: 1, checkInterval: "10s", checkTimeout: "2s" };
    const { service, httpPort } = await startService("goods", { consulUrls: [consul.url], selfRegistration });
    await eventually(() => consul.keys.size).toBe(2);
    const stopped = service.stop(9_000);
    await eventually(() => consul.keys.size).toBe(0);
    expect(await getJson(httpPort, "/goods/1")).toMatchObject({ status: 200 });
    await stopped;
  });
});

describe("the program", { timeout: 20_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "shop-"));
  beforeAll(() => void execFileSync(process.execPath, ["apps/shop/build.mjs", folder]));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function startProgram(env: Record<string, string> = {}): Promise<{ program: ChildProcess; port: number; log: string[] }> {
    const port = await freePort();
    const program = spawn(process.execPath, [join(folder, "shop.js")], {
      env: {
        SERVICE: "goods",
        INSTANCE: "goods-1",
        BIND_ADDRESS: HOST,
        HTTP_PORT: String(port),
        RPC_PORT: String(await freePort()),
        REGISTRATION: "stack",
        ...env,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void program.kill("SIGKILL"));
    const log: string[] = [];
    createInterface(program.stdout).on("line", (line) => log.push((JSON.parse(line) as { msg: string }).msg));
    return { program, port, log };
  }

  it("leaves on SIGTERM with exit code 0", async () => {
    const { program, port, log } = await startProgram();
    await eventually(() => log).toContain("listening");
    await getJson(port, "/goods/1");
    await eventually(() => log).toContain("http request");
    program.kill("SIGTERM");
    expect(await once(program, "exit")).toEqual([0, null]);
    expect(log).toEqual(["listening", "http request", "leaving", "left"]);
  });

  it("exits at once on a second signal", async () => {
    const { program, port, log } = await startProgram();
    await eventually(() => log).toContain("listening");
    // A request that is begun and not finished would hold it up.
    const client = await RawClient.open(port);
    client.send(Buffer.from("GET /goods/1 HTTP/1.1\r\n"));
    program.kill("SIGTERM");
    await eventually(() => log).toContain("leaving");
    program.kill("SIGTERM");
    expect(await once(program, "exit")).toEqual([1, null]);
    expect(log).not.toContain("left");
  });

  it("exits with 1 and every fault in one line when its environment is wrong", async () => {
    const { program, log } = await startProgram({ HTTP_PORT: "x", REGISTRATION: "" });
    expect(await once(program, "exit")).toEqual([1, null]);
    expect(log).toEqual([
      'the environment cannot be used: HTTP_PORT must be a whole number from 1 to 65535, got "x"; REGISTRATION must be one of stack, self, got ""',
    ]);
  });

  it("exits with 1 when its port is taken", async () => {
    const { port } = await rpcServer({});
    const { program, log } = await startProgram({ HTTP_PORT: String(port) });
    expect(await once(program, "exit")).toEqual([1, null]);
    expect(log).toEqual(["could not start"]);
  });
});
