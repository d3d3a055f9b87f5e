import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { Host, NginxUpsyncGateway, type NginxUpsyncGatewayArgs, imageReference } from "../../components";
import { renderTrial } from "../../components/nginx-upsync-gateway/nginx-trial";
import { emptyNetwork, recordResources, settled } from "../mocks";
import { GOOD } from "./faults";

const SAYS =
  'nginx: [emerg] pcre2_compile() failed: missing closing parenthesis in "^/(" in /tmp/trial/nginx.conf:99\nnginx: configuration file /tmp/trial/nginx.conf test failed\n';

/** Makes a gateway on an engine whose nginx refuses everything; returns what it was asked. */
async function gatewayOf(args: Partial<NginxUpsyncGatewayArgs>, images = [imageReference("nginx")]): Promise<string[]> {
  const registered = recordResources();
  const asked: string[] = [];
  const refused = (_: string, script: string) => {
    asked.push(script);
    return SAYS;
  };
  const host = new Host({ name: "local", inventory: { networks: [], ports: [], images, refused } });
  try {
    new NginxUpsyncGateway("edge", { ...GOOD, network: emptyNetwork({ edge: "10.89.0.10" }, "10.89.0.0/24", host), ...args });
  } finally {
    await settled(registered);
  }
  return asked;
}

const REGEX: Partial<NginxUpsyncGatewayArgs> = { guardedPaths: [{ service: "goods", path: "^/(", match: "regex" }] };

describe("nginx's own look at a configuration, in preview", () => {
  it("is taken where only nginx can judge, and its words are the fault's", async () => {
    await expect(gatewayOf(REGEX)).rejects.toThrow(
      'edge.guardedPaths[0].path: must be what nginx takes, which says: [emerg] pcre2_compile() failed: missing closing parenthesis in "^/(" in nginx.conf:99, got "^/("',
    );
    await expect(gatewayOf({ modules: ["/opt/none.so"] })).rejects.toThrow("must be what nginx takes");
    await expect(gatewayOf({ image: "nginx:1.26" }, ["nginx:1.26"])).rejects.toThrow("must be what nginx takes");
  });

  it("has the image load the gateway's Lua", () => {
    expect(renderTrial({ "nginx.conf": "" }, "lua")).toContain('nginx -e stderr -p "$0/" -c check.conf');
    expect(renderTrial({ "nginx.conf": "" }, "upsync")).not.toContain("check.conf");
  });

  it("is taken for a filter's pattern", async () => {
    const redis = { endpoints: [{ host: "10.89.0.31", port: 6379 }], user: "edge", password: pulumi.secret("sesame") };
    const tiers = { goods: { filter: { name: "known", pattern: "^/goods/(.)$", filledKey: "filled" } } };
    await expect(gatewayOf({ redis, tiers })).rejects.toThrow('got {"filters":["^/goods/(.)$"],');
  });

  it("is spared where the arguments' checks tell all, or the image is not there yet", async () => {
    expect(await gatewayOf({})).toEqual([]);
    expect(await gatewayOf(REGEX, [])).toEqual([]);
  });
});
