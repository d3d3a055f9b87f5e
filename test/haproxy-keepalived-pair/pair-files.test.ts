import { describe, expect, it } from "vitest";
import { renderHaproxyCfg, renderStatsUsers } from "../../components/haproxy-keepalived-pair/haproxy-cfg";
import { renderKeepalivedConf } from "../../components/haproxy-keepalived-pair/keepalived-conf";
import { fillKeepalived } from "../../components/haproxy-keepalived-pair/keepalived-settings";
import type { LvsAlgorithm, LvsKind } from "../../components/haproxy-keepalived-pair/lvs-args";
import { pairWholeCondition } from "../../components/haproxy-keepalived-pair/pair-gate";
import { recordResources } from "../mocks";
import { FULL_KEEPALIVED, NODES, fullHaproxy, fullKeepalived, plainHaproxy, plainKeepalived } from "./settings";

recordResources();

const addresses = ["10.89.0.111", "10.89.0.112"];
const [first, second] = [0, 1].map((index) => ({ index, addresses }));

describe("HAProxy's configuration", () => {
  it("has timeouts, options and the statistics page with nothing but a listen", async () => {
    await expect(renderHaproxyCfg(plainHaproxy(), 1)).toMatchFileSnapshot("golden/plain.cfg");
  });

  it("says all that can be said", async () => {
    await expect(renderHaproxyCfg(fullHaproxy(), 1)).toMatchFileSnapshot("golden/full.cfg");
  });

  it("has the password in another file", async () => {
    await expect(renderStatsUsers({ user: "ops" }, ["se cret"])).toMatchFileSnapshot("golden/stats-users.cfg");
  });
});

describe("keepalived's configuration", () => {
  it("is version 3 with a sign of life every 0.05 s, and moves the address only when it must", async () => {
    await expect(renderKeepalivedConf(plainKeepalived(), first!, {})).toMatchFileSnapshot("golden/plain-1.conf");
    await expect(renderKeepalivedConf(plainKeepalived(), second!, {})).toMatchFileSnapshot("golden/plain-2.conf");
  });

  it("says all that can be said, of both versions and of load balancing in the kernel", async () => {
    await expect(renderKeepalivedConf(fullKeepalived(), first!, { old: "8letters" })).toMatchFileSnapshot("golden/full.conf");
  });

  it("is strict without unicast, and takes what is sent to the address", () => {
    const strict = fillKeepalived({ global: { strict: true }, instances: { a: { addresses: ["10.89.0.100"], unicast: false } } }, NODES);
    const conf = renderKeepalivedConf(strict, second!, {});
    expect(conf).toContain("\n    vrrp_strict\n");
    expect(conf).toContain("\n    accept\n");
    expect(conf).not.toContain("unicast");
  });

  it.each(["rr", "wrr", "lc", "wlc", "lblc", "sh", "dh"] satisfies LvsAlgorithm[])("chooses servers by %s", (algorithm) => {
    for (const kind of ["NAT", "DR", "TUN"] satisfies LvsKind[]) {
      const web = { ...FULL_KEEPALIVED.virtualServers!.web!, algorithm, kind };
      const conf = renderKeepalivedConf(fillKeepalived({ ...FULL_KEEPALIVED, virtualServers: { web } }, NODES), first!, {});
      expect(conf).toContain(`\n    lb_algo ${algorithm}\n    lb_kind ${kind}\n`);
    }
  });
});

describe("the gate behind a node", () => {
  it("asks the node for its health, and all of them for the addresses", async () => {
    const dockers = [["docker"], ["docker", "-H", "ssh://far"]];
    await expect(pairWholeCondition("dockyard-unit-queue-1", "queue", ["10.89.0.100", "10.89.0.101"], dockers)).toMatchFileSnapshot(
      "golden/whole.sh",
    );
  });
});
