import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selfSigned } from "../support/certificates";
import { docker, eventsDuring } from "../support/engine";
import { GuardedGateway, HOST, statuses } from "../support/guarded-gateway";
import { HONEST, HOSTILE, getRaw, post } from "../support/hostile-requests";
import { http2Session, overHttp2, unfinished } from "../support/http2";
import { get, until } from "../support/load";
import { valueOf } from "../support/prometheus";
import { sendRaw } from "../support/raw";

const GATEWAY = {
  memoryMiB: 192,
  services: { shop: { path: "/" } },
  limits: {
    login: { rate: "60r/m", burst: 2, nodelay: true, exempt: ["192.0.2.0/24"] },
    keys: { by: { header: "X-Api-Key" }, rate: "6r/m", status: 503 },
    parallel: { connections: 2 },
    scripted: { rate: "6r/m" },
  },
  guardedPaths: [
    { service: "shop", path: "/login", limits: ["login"] },
    { service: "shop", path: "/api/", limits: ["keys"] },
    { service: "shop", path: String.raw`^/reports/\d+$`, match: "regex", limits: ["parallel"] },
    { service: "shop", path: "/upload", match: "exact", maxBodyKiB: 64 },
  ],
  lua: {
    locations: {
      framed: {
        path: "/framed",
        code: 'return function() return { headers = { ["X-Frame-Options"] = "SAMEORIGIN" }, body = "framed" } end',
        limits: ["scripted"],
      },
      echo: {
        path: "/echo",
        methods: ["GET", "POST"],
        code: 'return function(request) return { status = request.body == "" and 404 or 200, body = request.body } end',
      },
      inside: {
        path: "/inside",
        code: 'return function() return { body = ngx.location.capture("/goods/inside").body } end',
      },
    },
  },
  trustedProxies: [HOST],
  requests: { maxBodyKiB: 32, maxHeaderKiB: 4, headerTimeoutSeconds: 2, bodyTimeoutSeconds: 2 },
};

const first = selfSigned({ name: "first" });
const renewed = selfSigned({ name: "renewed" });
let guarded: GuardedGateway;

beforeAll(async () => {
  guarded = await GuardedGateway.start("test-guards", { gateway: GATEWAY, ...first });
});

afterAll(() => guarded?.stop());

describe("limits", () => {
  it("let a client log in at its rate and tell it when to come back, each client by its own address", async () => {
    const refused = await guarded.burst(8, "/login", "203.0.113.1");
    expect(statuses(refused)).toEqual({ 200: 3, 429: 5 });
    expect(new Set(refused.filter(({ status }) => status === 429).map(({ headers }) => headers["retry-after"]))).toEqual(new Set(["1"]));
    expect(statuses(await guarded.burst(3, "/login", "203.0.113.2"))).toEqual({ 200: 3 });
    // Who is exempt, and where no limit is.
    expect(statuses(await guarded.burst(8, "/login", "192.0.2.9"))).toEqual({ 200: 8 });
    const free = await guarded.burst(8, "/goods", "203.0.113.1");
    expect(statuses(free)).toEqual({ 200: 8 });
    expect(free[0]?.headers["retry-after"]).toBeUndefined();
    expect(JSON.parse(free[0]?.body ?? "")).toMatchObject({ client: "203.0.113.1" });
    // What the client itself says of its address counts for nothing before the proxy's own word.
    expect(statuses(await guarded.burst(3, "/login", "192.0.2.9, 203.0.113.1"))).not.toHaveProperty("200", 3);
  });

  it("hold on a location in Lua, which is counted and keeps its headers as a service does", async () => {
    const answers = await guarded.burst(2, "/framed", "203.0.113.5");
    expect(statuses(answers)).toEqual({ 200: 1, 429: 1 });
    const [served, refused] = [200, 429].map((status) => answers.find((answer) => answer.status === status));
    expect([served?.headers["x-frame-options"], refused?.headers["x-frame-options"]]).toEqual(["SAMEORIGIN", "DENY"]);
    const counted = async (tier: string) => valueOf(await guarded.metrics(), "gateway_requests_total", { upstream: "lua:framed", tier });
    await until("both are counted", async () => (await counted("lua")) === 1 && (await counted("limit")) === 1);
  });

  it("tell clients apart by a header, by their address without one, and cap what is under way", async () => {
    expect(statuses(await guarded.burst(3, "/api/x", "203.0.113.3", { "X-Api-Key": "a" }))).toEqual({ 200: 1, 503: 2 });
    const [other] = await guarded.burst(1, "/api/x", "203.0.113.3", { "X-Api-Key": "b" });
    expect(other?.status).toBe(200);
    const without = await guarded.burst(2, "/api/x", "203.0.113.3");
    expect(statuses(without)).toEqual({ 200: 1, 503: 1 });
    expect(without.find(({ status }) => status === 503)?.headers["retry-after"]).toBe("10");

    const release = guarded.hold();
    const held = [guarded.ask("/reports/1"), guarded.ask("/reports/2")];
    await until("both are under way", () => Promise.resolve(guarded.busy === 2));
    expect((await guarded.ask("/reports/3")).status).toBe(429);
    release();
    expect(statuses(await Promise.all(held))).toEqual({ 200: 2 });
    expect((await guarded.ask("/reports/3")).status).toBe(200);
  });
});

describe("towards clients the gateway", () => {
  it("speaks HTTP/2, only versions of TLS that are safe, and sends plain HTTP on", async () => {
    const session = http2Session(`https://127.0.0.1:${guarded.port + 2}`);
    expect([(await overHttp2(session, { ":path": "/h2" })).status, session.alpnProtocol]).toEqual([200, "h2"]);
    session.destroy();

    const handshake = (maxVersion: "TLSv1.1" | "TLSv1.2") =>
      new Promise((resolve) => {
        const options = { minVersion: "TLSv1" as const, maxVersion, ciphers: "DEFAULT@SECLEVEL=0", rejectUnauthorized: false };
        const socket = connect({ port: guarded.port + 2, host: "127.0.0.1", ...options }, () => {
          resolve(socket.getProtocol());
          socket.destroy();
        });
        socket.on("error", () => resolve("refused"));
      });
    expect([await handshake("TLSv1.1"), await handshake("TLSv1.2")]).toEqual(["refused", "TLSv1.2"]);

    const plain = await get(`http://127.0.0.1:${guarded.port}/goods/1?a=b`, { method: "POST" });
    expect([plain.status, plain.headers.location]).toEqual([308, `https://127.0.0.1:${guarded.port + 2}/goods/1?a=b`]);
  });

  it("reads a body over HTTP/2 whose length nobody has said, and puts no page in place of an empty answer", async () => {
    const session = http2Session(`https://127.0.0.1:${guarded.port + 2}`);
    const posted = await overHttp2(session, { ":path": "/echo", ":method": "POST" }, "in ", "two frames");
    expect(posted).toMatchObject({ status: 200, body: "in two frames" });
    expect(await overHttp2(session, { ":path": "/echo" })).toMatchObject({ status: 404, headers: { "content-length": "0" }, body: "" });
    session.destroy();
  });

  it("adds the headers that a service does not set itself", async () => {
    const wanted = { "x-content-type-options": "nosniff", "referrer-policy": "strict-origin-when-cross-origin" };
    const { headers } = await guarded.ask("/goods/1");
    expect(headers).toMatchObject({ ...wanted, "x-frame-options": "DENY", "strict-transport-security": "max-age=3600" });
    expect((await guarded.ask("/own-headers")).headers).toMatchObject({ ...wanted, "x-frame-options": "SAMEORIGIN" });
    expect((await guarded.ask("/goods/../1%0d")).headers).toMatchObject(wanted);
  });
});

describe("requests that try to hurt", () => {
  it("are refused before the service sees them", async () => {
    guarded.seen.length = 0;
    const answers = await Promise.all(Object.values(HOSTILE).map(([bytes]) => sendRaw(guarded.port + 2, [bytes])));
    const names = Object.keys(HOSTILE);
    expect(Object.fromEntries(answers.map(({ status }, i) => [names[i], status]))).toEqual(
      Object.fromEntries(Object.entries(HOSTILE).map(([name, [, status]]) => [name, status])),
    );
    // One answer each: what was hidden behind got none.
    expect(answers.filter(({ text }) => text.split("HTTP/1.1 ").length !== 2)).toEqual([]);
    // HTTP/0.9, whose answer has no head to tell a status.
    expect((await sendRaw(guarded.port + 2, ["GET /smuggled\r\n"])).text).toContain("400 Bad Request");
    expect(guarded.seen).toEqual([]);
  });

  it("do not keep honest ones out", async () => {
    guarded.seen.length = 0;
    const answers = await Promise.all(HONEST.map((bytes) => sendRaw(guarded.port + 2, [bytes])));
    expect(answers.map(({ status }) => status)).toEqual(HONEST.map(() => 200));
    expect(guarded.seen.map(({ bytes }) => bytes).sort((a, b) => a - b)).toEqual([0, 0, 5, 30_000, 60_000]);
  });

  it("time out where they are slow, while others are served", async () => {
    const head = getRaw("/goods/slow-client");
    const [drips, halves] = [[...head], [head.slice(0, 20), head.slice(20)]];
    // One that takes half the time is answered. It is asked alone: beside the others this process itself may be late.
    expect((await sendRaw(guarded.port + 2, halves, 500)).status).toBe(200);
    const slow = Promise.all(Array.from({ length: 50 }, () => sendRaw(guarded.port + 2, drips, 150)));
    const body = sendRaw(guarded.port + 2, [post("Content-Length: 100", "only this")]);
    expect(statuses(await Promise.all(Array.from({ length: 20 }, () => guarded.ask("/goods/1"))))).toEqual({ 200: 20 });
    const answers = await slow;
    expect(answers.filter(({ status }) => status === 200)).toEqual([]);
    expect(Math.max(...answers.map(({ closedAfterMs }) => closedAfterMs))).toBeLessThan(drips.length * 150);
    const { status, closedAfterMs } = await body;
    expect([status, closedAfterMs < 5000]).toEqual([0, true]);
  });

  it("leave the workers' memory as it was", async () => {
    const hurt = async (rounds: number) => {
      for (let round = 0; round < rounds; round++)
        await Promise.all(Object.values(HOSTILE).map(([bytes]) => sendRaw(guarded.port + 2, [bytes])));
    };
    await hurt(3);
    const before = await guarded.memoryKiB();
    await hurt(12);
    expect((await guarded.memoryKiB()) - before).toBeLessThan(1024);
    // What is held shows.
    const held = Array.from({ length: 200 }, () => sendRaw(guarded.port + 2, ["GET /goods"]));
    await until("it shows", async () => (await guarded.memoryKiB()) - before > 1024, 5000);
    await Promise.all(held);
  });
});

describe("requests by HTTP/2 whose bodies are never whole", () => {
  const FLOOD = { sessions: 10, each: 120 };

  /** How many of those to a path wait, and how many were refused, while the same workers go on and serve others. */
  async function flood(path: string) {
    const [workers, before] = [await guarded.workerIds(), await guarded.memoryKiB()];
    const sessions = Array.from({ length: FLOOD.sessions }, () => http2Session(`https://127.0.0.1:${guarded.port + 2}`));
    const counts: Record<number, number> = {};
    for (const session of sessions)
      for (let n = 0; n < FLOOD.each; n++)
        void unfinished(session, { ":path": path }, 15_000).then((status) => (counts[status] = (counts[status] ?? 0) + 1));
    const most = Number(
      new RegExp(`limit_conn ${path === "/echo" ? "gateway_lua_echo" : "gateway_http2"} (\\d+);`).exec(await guarded.configuration())?.[1],
    );
    const refused = FLOOD.sessions * FLOOD.each - most;
    // Those that wait are given up after two seconds.
    await until("all that have no room are refused", () => Promise.resolve((counts[503] ?? 0) >= refused), 2_000);
    const served = async () => valueOf(await guarded.metrics(), "gateway_requests_total", { upstream: "shop", status: "200" });
    const servedBefore = await served();
    expect((await guarded.ask("/goods/1")).status).toBe(200);
    const grown = (await guarded.memoryKiB()) - before;
    for (const session of sessions) session.destroy();
    expect(await guarded.workerIds()).toEqual(workers);
    await until("the one that was served is counted", async () => (await served()) > servedBefore);
    return { refused: counts[503], most, grown };
  }

  it("wait only as far as there is memory for them, and others are refused", async () => {
    const { refused, most, grown } = await flood("/goods/1");
    expect([most, refused]).toEqual([399, 1200 - 399]);
    // What is held shows.
    expect(grown).toBeGreaterThan(1024);
    expect(grown).toBeLessThan(399 * 100);
  });

  it("do so at a location in Lua, which holds them in memory", async () => {
    const { refused, most } = await flood("/echo");
    expect([most, refused]).toEqual([64, 1200 - 64]);
    expect((await guarded.ask("/echo", { method: "POST", body: "served" })).body).toBe("served");
  });
});

describe("the page for Prometheus", () => {
  it("counts what was answered, by whom, and shows what the gateway balances over", async () => {
    const before = await guarded.metrics();
    await Promise.all(Array.from({ length: 40 }, () => guarded.ask("/goods/1")));
    const refused = statuses(await guarded.burst(6, "/login", "203.0.113.7"))[429] ?? 0;
    const [ok, limited] = [
      { upstream: "shop", tier: "service", status: "200" },
      { upstream: "shop", tier: "limit", status: "429" },
    ];
    const delta = async (labels: Record<string, string>) =>
      valueOf(await guarded.metrics(), "gateway_requests_total", labels) - valueOf(before, "gateway_requests_total", labels);
    await until("all are counted", async () => (await delta(ok)) === 40 + 6 - refused);
    expect([refused, await delta(limited)]).toEqual([3, 3]);
    const peer = { upstream: "shop", peer: `${HOST}:${guarded.port + 4}` };
    const page = await guarded.metrics();
    expect(page.filter(({ name }) => name.startsWith("gateway_peer_")).map(({ name, labels }) => ({ name, labels }))).toEqual([
      { name: "gateway_peer_up", labels: peer },
      { name: "gateway_peer_in_flight", labels: peer },
      { name: "gateway_peer_failures_total", labels: peer },
    ]);
    expect([valueOf(page, "gateway_peer_up", peer), valueOf(page, "gateway_peers", { upstream: "shop", state: "up" })]).toEqual([1, 1]);
    expect(valueOf(page, "gateway_list_age_seconds")).toBeLessThan(30);
    // The tries from before the service listened.
    expect(valueOf(page, "gateway_requests_total", { upstream: "none", status: "400" })).toBeGreaterThan(0);
    // The plain port's server sends clients on, and nginx itself refuses what is too large.
    expect(valueOf(page, "gateway_requests_total", { upstream: "none", status: "308" })).toBeGreaterThan(0);
    expect(valueOf(page, "gateway_requests_total", { upstream: "shop", tier: "none", status: "413" })).toBeGreaterThan(0);
    expect(page.filter(({ labels }) => labels.tier === "service" && labels.status === "413")).toEqual([]);
  });

  it("counts what Lua asks inside as well, and knows when it has ended", async () => {
    const sum = async () =>
      valueOf(await guarded.metrics(), "gateway_requests_total", { upstream: "shop", tier: "service", status: "200" });
    const before = await sum();
    for (let turn = 0; turn < 4; turn++) expect((await guarded.ask("/inside")).body).toContain("/goods/inside");
    await until("all are counted", async () => (await sum()) === before + 4);
    expect(valueOf(await guarded.metrics(), "gateway_peer_in_flight", { upstream: "shop", peer: `${HOST}:${guarded.port + 4}` })).toBe(0);
  });
});

describe("a change", () => {
  it("of the certificate, and of whom a limit counts, drops no connection and no count", async () => {
    const answered = async () => valueOf(await guarded.metrics(), "gateway_requests_total", { upstream: "shop", status: "200" });
    const keys = { ...GATEWAY.limits.keys, exempt: ["192.0.2.0/24"] };
    const before = await answered();
    const release = guarded.hold();
    const held = guarded.ask("/slow", { timeoutMs: 60_000 });
    await until("it is under way", () => Promise.resolve(guarded.busy > 0));
    const { sent, failures } = await guarded.asking(async () => {
      await guarded.stack.up({ ...renewed, gateway: { ...GATEWAY, limits: { ...GATEWAY.limits, keys } } });
      await until("the new certificate is served", async () => (await guarded.servedName()) === "CN=renewed");
    });
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(100);
    release();
    expect((await held).status).toBe(200);
    await until("each is counted", async () => (await answered()) === before + sent + 1);
    expect(statuses(await guarded.burst(3, "/api/x", "192.0.2.9", { "X-Api-Key": "exempt" }))).toEqual({ 200: 3 });
    expect(statuses(await guarded.burst(3, "/api/x", "203.0.113.4", { "X-Api-Key": "counted" }))).toEqual({ 200: 1, 503: 2 });
    const state = await guarded.stack.storedState();
    const secret = (renewed.key.split("\n")[1] ?? "none").slice(0, 40);
    expect(state).not.toContain(secret);
    expect(await docker("inspect", guarded.stack.container("gateway-1"))).not.toContain(secret);
  });

  it("that preview can tell is wrong touches nothing", async () => {
    const guardedPaths = [{ service: "shop", path: "^/reports/(", match: "regex" }];
    const events = await eventsDuring(guarded.stack.label, async () => {
      const limits = {};
      expect(await guarded.stack.refusal({ gateway: { ...GATEWAY, limits, guardedPaths, lua: undefined } })).toMatch(
        /gateway\.guardedPaths\[\d\]\.path: must be what nginx takes, which says: .*pcre2_compile\(\) failed: missing closing parenthesis in "\^\/reports\/\("/,
      );
      // Asked for by nobody until a request comes.
      const modules = { words: { code: "return return" } };
      expect(await guarded.stack.refusal({ gateway: { ...GATEWAY, lua: { ...GATEWAY.lua, modules } } })).toMatch(
        /site\/words\.lua:1: .*near 'return'/,
      );
      await guarded.stack.configure({ gateway: GATEWAY });
      const expired = selfSigned({ name: "old", from: new Date("2020-01-01"), to: new Date("2021-01-01") });
      const said = await guarded.stack.refusal({ certificate: expired.certificate, key: first.key });
      expect(said).toContain("gateway.tls.certificate: must not have expired, as that of CN=old has; renew it");
      expect(said).toContain("gateway.tls.key: must be that of the first certificate; renew both together");
      expect(said).not.toContain("at pairFaults");
    });
    expect(events).toEqual([]);
  });

  it("that only nginx can tell is wrong leaves the old configuration in use", async () => {
    const { failures } = await guarded.asking(async () => {
      const said = await guarded.stack.refusedUp({ ...selfSigned({ name: "weak", rsaBits: 1024 }) });
      expect(said).toContain("the configuration was refused and the old one stays");
      expect(said).toContain("key too small");
    });
    expect(failures).toEqual([]);
    expect(await guarded.servedName()).toBe("CN=renewed");
    // What a dropped connection would have looked like.
    const restarted = await guarded.asking(() => docker("restart", "--time", "0", guarded.stack.container("gateway-1")));
    expect(restarted.failures.length).toBeGreaterThan(0);
    await until("the gateway is back", async () => (await guarded.ask("/goods/1")).status === 200);
    expect(await guarded.servedName()).toBe("CN=renewed");
  });
});
