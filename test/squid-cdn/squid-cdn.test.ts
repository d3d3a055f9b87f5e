import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Endpoint } from "../../components/core/endpoint";
import { Host } from "../../components/core/host";
import { SquidCdnArgs, normalizeSquidCdnArgs } from "../../components/squid-cdn/args";
import { SquidCdn } from "../../components/squid-cdn/squid-cdn";
import { renderDomains, renderSquidConf } from "../../components/squid-cdn/squid-conf";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ cdn: "10.89.0.231", Cdn: "10.89.0.236" });
const origins = [new Endpoint("10.89.0.10", 8080)];
const given: SquidCdnArgs = { network, origins, domains: ["cdn.example.com"] };
const normal = (more: Partial<SquidCdnArgs> = {}) => normalizeSquidCdnArgs("cdn", { ...given, ...more });

describe("a CDN's arguments", () => {
  it("are one accelerator with a small cache, that serves stale files for a week", () => {
    expect(normal()).toMatchObject({
      accelerators: 1,
      cacheMiB: 256,
      maxObjectMiB: 16,
      expiry: [],
      originHost: null,
      staleIfErrorSeconds: 604_800,
      memoryMiB: 128,
      cacheMemoryMiB: 40,
      port: 3128,
    });
  });

  it("give a rule squid's usual limits, and files the memory that the list of the cache leaves", () => {
    const { expiry, cacheMemoryMiB } = normal({ expiry: [{ pattern: "^/static/" }], cacheMiB: 4096, memoryMiB: 512 });
    expect(expiry).toEqual([{ pattern: "^/static/", minMinutes: 0, percent: 20, maxMinutes: 4320, overrideExpire: false }]);
    expect(cacheMemoryMiB).toBe(235);
  });

  it.each([
    ["localhost", 80],
    ["127.0.0.1", 8080],
    ["127.1.2.3", 80],
    ["0.0.0.0", 80],
    ["cdn-1", 3128],
    ["cdn-2", 3128],
    ["10.89.0.232", 3128],
    ["192.0.2.7", 13_129],
  ])("refuse the cache itself as its origin: %s:%d", (host, port) => {
    const elsewhere = new Host({ name: "edge", address: "192.0.2.7", inventory: { networks: [], ports: [] } });
    const reached = emptyNetwork({ cdn: "10.89.0.231" }, "10.89.0.0/24", elsewhere);
    const refused = () => normal({ network: reached, accelerators: 2, port: 13_128, origins: [...origins, { host, port }] });
    expect(refused).toThrow(`cdn.origins[1]: must not be the cache itself`);
    expect(refused).toThrow(`got "${host}:${port}"`);
  });

  it("take a server on another port of the cache's name for another server", () => {
    expect(normal({ origins: [{ host: "cdn-1", port: 8080 }] }).origins).toHaveLength(1);
  });

  it("refuse caches that are larger than the disk of their host, together", () => {
    const small = new Host({ name: "small", inventory: { networks: [], ports: [], diskMiB: 1000 } });
    const on = emptyNetwork({ cdn: "10.89.0.231" }, "10.89.0.0/24", small);
    expect(normal({ network: on, accelerators: 2, cacheMiB: 500 }).cacheMiB).toBe(500);
    expect(() => normal({ network: on, cacheMiB: 1001 })).toThrow(
      "cdn.cacheMiB: must fit on the disk of host small, which has 1000 MiB in all; ask for less, got 1001",
    );
    expect(() => normal({ network: on, accelerators: 2, cacheMiB: 501 })).toThrow(
      /which has 1000 MiB in all for 2 accelerators; .*, got 501/,
    );
  });

  it.each(["*.example.com", ".example.com", "CDN.example.com", "http://a.example", "a.example:3128", "300.1.1.1", "a b", ""])(
    "refuse the domain %j",
    (domain) => {
      expect(() => normal({ domains: [domain] })).toThrow("cdn.domains[0]: must be a name in lower case or an IPv4 address, without");
    },
  );

  it("are refused all at once, each with what to do", () => {
    const refused = () =>
      normalizeSquidCdnArgs("Cdn", {
        network,
        origins: [
          { host: "Origin", port: 0 },
          { host: "a.example", port: 80 },
          { host: "a.example", port: 80 },
        ],
        originHost: "a:80",
        domains: ["a.example", "a.example"],
        accelerators: 6,
        cacheMiB: 8192,
        maxObjectMiB: 4096,
        memoryMiB: 128,
        cpus: 0,
        port: 65_535,
        staleIfErrorSeconds: -1,
        connectTimeoutSeconds: 0,
        readTimeoutSeconds: 1.5,
        expiry: [{ pattern: "-i x", maxMinutes: 1, minMinutes: 2 }, { pattern: "x", maxMinutes: -1, percent: 1001 }, { pattern: "x" }],
      });
    expect(refused).toThrow(
      new RegExp(
        [
          /Cdn\.name: must be lower-case letters.*, got "Cdn"/,
          /Cdn\.accelerators: must be 1 to 5: .*, got 6/,
          /Cdn\.cpus: must be more than 0, got 0/,
          /Cdn\.port: must leave a port up to 65535 for every accelerator, or be null to publish none, got 65535/,
          /Cdn\.staleIfErrorSeconds: must be whole seconds from 0, for never, to a year, got -1/,
          /Cdn\.connectTimeoutSeconds: must be 1 to 60 whole seconds, got 0/,
          /Cdn\.readTimeoutSeconds: must be 1 to 3600 whole seconds, got 1\.5/,
          /Cdn\.maxObjectMiB: must be a whole number of MiB and at most a quarter of cacheMiB, .*, got 4096/,
          /Cdn\.memoryMiB: must be 198 or more for a cache of 8192 MiB, .*; raise it, or lower cacheMiB, got 128/,
          /Cdn\.origins\[0\]\.host: must be a name in lower case or an IPv4 address, got "Origin"/,
          /Cdn\.origins\[0\]\.port: must be a port from 1 to 65535, got 0/,
          /Cdn\.origins\[2\]: must be its own; remove one of the two, got "a\.example:80"/,
          /Cdn\.originHost: must be a name in lower case or an IPv4 address, got "a:80"/,
          /Cdn\.domains\[1\]: must be named once, got "a\.example"/,
          /Cdn\.expiry\[0\]\.pattern: must be a regular expression without spaces, .*, got "-i x"/,
          /Cdn\.expiry\[0\]\.minMinutes: must be whole minutes from 0 to maxMinutes, got 2/,
          /Cdn\.expiry\[1\]\.maxMinutes: must be whole minutes from 0 to a year, got -1/,
          /Cdn\.expiry\[1\]\.minMinutes: must be whole minutes from 0 to maxMinutes, got 0/,
          /Cdn\.expiry\[1\]\.percent: must be a whole number from 0 to 1000, got 1001/,
          /Cdn\.expiry\[2\]\.pattern: must be its own; the first rule counts, got "x"/,
        ]
          .map(({ source }) => source)
          .join("\\n"),
      ),
    );
    expect(() => normal({ origins: [], domains: [], cacheMiB: 15 })).toThrow(
      /cdn\.cacheMiB: must be a whole number of MiB from 16, got 15\n[^]*cdn\.origins: must name a server, .*\ncdn\.domains: must name what clients call the CDN, .*: it is no open proxy/,
    );
  });
});

describe("a CDN's files", () => {
  const conf = { ...normal(), node: "cdn-1" };

  it("are squid's configuration as it was asked for", async () => {
    await expect(renderSquidConf(conf)).toMatchFileSnapshot("golden/squid.conf");
    const full = normal({
      origins: [...origins, { host: "second.example", port: 80 }],
      originHost: "shop.example",
      domains: ["cdn.example.com", "10.89.0.231"],
      cacheMiB: 1024,
      maxObjectMiB: 64,
      memoryMiB: 256,
      expiry: [
        { pattern: "^/static/", minMinutes: 60, percent: 50, maxMinutes: 1440, overrideExpire: true },
        { pattern: "\\.(jpg|png)$", minMinutes: 1 },
      ],
      staleIfErrorSeconds: 0,
      connectTimeoutSeconds: 2,
      readTimeoutSeconds: 30,
    });
    await expect(renderSquidConf({ ...full, node: "cdn-2" })).toMatchFileSnapshot("golden/squid-full.conf");
  });

  it("have another name in them as soon as anything is another", () => {
    const name = (text: string) => /^acl (configuration_\w+) /m.exec(text)?.[1];
    expect(name(renderSquidConf(conf))).toMatch(/^configuration_[0-9a-f]{12}$/);
    expect(name(renderSquidConf({ ...conf, cacheMiB: 257 }))).not.toBe(name(renderSquidConf(conf)));
  });

  it("list where a path is cached", () => {
    expect(renderDomains(["a.example", "10.0.0.1"])).toBe("http://a.example:3128\nhttp://10.0.0.1:3128\n");
  });
});

describe("a variant in the cache", () => {
  const headers = (mark: string) =>
    execFileSync("sh", [join(import.meta.dirname, "../../components/squid-cdn/scripts/headers"), mark], { encoding: "utf8" });

  it.each([
    ["accept-encoding", "accept-encoding:\nX-Vary: accept-encoding\n"],
    ['accept-encoding="gzip,%20br%3Bq%3D0.5"', "accept-encoding: gzip, br;q=0.5\nX-Vary: accept-encoding\n"],
    ['cookie="a%3D%2525%22", accept=""', 'cookie: a=%25"\naccept;\nX-Vary: cookie, accept\n'],
    ['accept-language="%C3%A4", host="a"', "accept-language: ä\nX-Vary: accept-language, host\n"],
  ])("%j is asked for by the headers that made it", (mark, asked) => {
    expect(headers(mark)).toBe(asked);
  });
});

describe("a CDN", () => {
  const cdn = new SquidCdn("cdn", { ...given, accelerators: 2, port: 13_128, logMiB: 128 });

  it("gives its accelerators' addresses, and publishes them on loopback", async () => {
    expect(cdn.endpoints.map(String)).toEqual(["10.89.0.231:3128", "10.89.0.232:3128"]);
    expect(cdn.published.map(String)).toEqual(["127.0.0.1:13128", "127.0.0.1:13129"]);
    await settled(registered);
    expect(registered.find(({ name }) => name === "cdn-2")?.inputs).toMatchObject({
      hostname: "cdn-2",
      user: "10013:10013",
      memory: 128,
      logOpts: { "max-size": "42m", "max-file": "3", compress: "false", mode: "blocking" },
      command: ["sh", "/etc/squid/node/current/start"],
      ports: [{ internal: 3128, external: 13_129 }],
      volumes: [
        { volumeName: "dockyard-unit-cdn-2-data", containerPath: "/var/cache/squid" },
        { volumeName: "dockyard-unit-cdn-2-config", containerPath: "/etc/squid/node", readOnly: true },
      ],
    });
  });

  it("asks whether an accelerator is whole after each change of its configuration, and before it goes whether the other one is", () => {
    const gate = registered.find(({ name }) => name === "cdn-1-gate")?.inputs;
    expect(gate?.triggers).toEqual(["cdn-1-id", ""]);
    expect(gate?.create).toContain("exec dockyard-unit-cdn-1 sh /etc/squid/node/current/health whole");
    expect(gate?.delete).toContain("none of the others is healthy");
  });
});
