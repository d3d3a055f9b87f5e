import { describe, expect, it } from "vitest";
import { readSettings, SettingsError } from "../../apps/shop/src/settings";

const goods = {
  SERVICE: "goods",
  INSTANCE: "goods-1",
  BIND_ADDRESS: "10.0.0.1",
  HTTP_PORT: "8080",
  RPC_PORT: "9090",
  CONSUL_URLS: "http://10.0.0.2:8500, http://10.0.0.3:8500/",
  REGISTRATION: "stack",
};

function faultsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    readSettings(env);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as SettingsError).faults;
  }
}

describe("an instance's settings", () => {
  it("come from its environment", () => {
    expect(readSettings(goods)).toEqual({
      service: "goods",
      instance: "goods-1",
      listen: { address: "10.0.0.1", httpPort: 8080, rpcPort: 9090 },
      consulUrls: ["http://10.0.0.2:8500", "http://10.0.0.3:8500"],
      upstreamPrefix: "upstreams",
      selfRegistration: undefined,
      searchUrls: [],
    });
  });

  it("have a database and a search engine where the stack has them", () => {
    const database = {
      DATABASE_NAME: "shop",
      DATABASE_WRITE: "10.0.0.4:3306",
      DATABASE_READ: "10.0.0.4:3307",
      DATABASE_USER: "goods",
      DATABASE_PASSWORD_FILE: "/run/secrets/current/database-password",
    };
    expect(readSettings({ ...goods, ...database, SEARCH_URLS: "http://10.0.0.5:9200" })).toMatchObject({
      database: {
        name: "shop",
        write: "10.0.0.4:3306",
        read: "10.0.0.4:3307",
        user: "goods",
        passwordFile: "/run/secrets/current/database-password",
      },
      searchUrls: ["http://10.0.0.5:9200"],
    });
    expect(faultsOf({ ...goods, DATABASE_NAME: "shop" })).toEqual([
      "DATABASE_WRITE must be the database's read-write address, such as 10.0.0.1:3306, but is not set",
      "DATABASE_READ must be the database's read-only address, such as 10.0.0.1:3306, but is not set",
      "DATABASE_USER must be a user of the database, such as goods, but is not set",
      "DATABASE_PASSWORD_FILE must be the absolute path of a file that holds the user's password, but is not set",
    ]);
    expect(faultsOf({ ...goods, SEARCH_URLS: "10.0.0.5:9200" })).toEqual([
      'SEARCH_URLS must be comma-separated addresses of search nodes, such as http://10.0.0.1:9200, got "10.0.0.5:9200"',
    ]);
  });

  it("have a weight and checks when the instance registers itself", () => {
    const self = { ...goods, REGISTRATION: "self" };
    expect(readSettings(self).selfRegistration).toEqual({ weight: 1, checkInterval: "10s", checkTimeout: "2s" });
    expect(readSettings({ ...self, WEIGHT: "5", CHECK_INTERVAL: "500ms", CHECK_TIMEOUT: "1s" }).selfRegistration).toEqual({
      weight: 5,
      checkInterval: "500ms",
      checkTimeout: "1s",
    });
  });

  it("are refused all at once, each with what is allowed", () => {
    expect(faultsOf({})).toEqual([
      "SERVICE must be one of goods, order, statistics, traffic, but is not set",
      "INSTANCE must be a name of letters, digits, '.', '_' and '-', such as goods-1, but is not set",
      "BIND_ADDRESS must be an IPv4 address, but is not set",
      "HTTP_PORT must be a whole number from 1 to 65535, but is not set",
      "RPC_PORT must be a whole number from 1 to 65535, but is not set",
      "REGISTRATION must be one of stack, self, but is not set",
    ]);
  });

  it.each([
    ["SERVICE", "toString", "must be one of goods, order, statistics, traffic"],
    ["INSTANCE", "goods 1", "must be a name of letters, digits, '.', '_' and '-', such as goods-1"],
    ["BIND_ADDRESS", "localhost", "must be an IPv4 address"],
    ["HTTP_PORT", "65536", "must be a whole number from 1 to 65535"],
    ["HTTP_PORT", "8080.5", "must be a whole number from 1 to 65535"],
    ["RPC_PORT", "0", "must be a whole number from 1 to 65535"],
    ["RPC_PORT", "8080", "must differ from HTTP_PORT"],
    ["WEIGHT", "0", "must be a whole number from 1 to 65535"],
    ["CHECK_INTERVAL", "10", "must be a duration with its unit (ms, s or m), such as 10s"],
    ["CHECK_TIMEOUT", "0s", "must be a duration with its unit (ms, s or m), such as 10s"],
    ["UPSTREAM_PREFIX", "/upstreams", "must be a key prefix with no slash at its ends, such as upstreams"],
    ["CONSUL_URLS", "http://a:8500,10.0.0.3:8500", "must be comma-separated addresses of Consul servers, such as http://10.0.0.1:8500"],
    ["CONSUL_URLS", "http://a:8500/v1", "must be comma-separated addresses of Consul servers, such as http://10.0.0.1:8500"],
  ])("refuse %s=%s", (name, value, remedy) => {
    expect(faultsOf({ ...goods, [name]: value })).toEqual([`${name} ${remedy}, got ${JSON.stringify(value)}`]);
  });

  it("need Consul only where it is spoken to", () => {
    const away = { ...goods, CONSUL_URLS: "" };
    expect(faultsOf(away)).toEqual([]);
    expect(faultsOf({ ...away, SERVICE: "order" })).toHaveLength(1);
    expect(faultsOf({ ...away, REGISTRATION: "self" })).toHaveLength(1);
  });

  it("have a broker, with its password in a file, where orders are told of", () => {
    const told = {
      ...goods,
      AMQP_ENDPOINTS: "10.0.0.4:5672,10.0.0.5:5672",
      AMQP_USER: "orders",
      AMQP_PASSWORD_FILE: "/run/secrets/current/amqp-password",
      DATA_FOLDER: "/data",
    };
    expect(readSettings(told).events).toEqual({
      broker: { endpoints: ["10.0.0.4:5672", "10.0.0.5:5672"], user: "orders", passwordFile: "/run/secrets/current/amqp-password" },
      dataFolder: "/data",
    });
    expect(readSettings({ ...goods, SERVICE: "order" }).events).toBeUndefined();
    expect(faultsOf({ ...told, AMQP_ENDPOINTS: "10.0.0.4", AMQP_USER: "" })).toEqual([
      'AMQP_ENDPOINTS must be comma-separated addresses of brokers, such as 10.0.0.1:5672,10.0.0.2:5672, got "10.0.0.4"',
      'AMQP_USER must be a user of the broker, such as orders, got ""',
    ]);
    expect(faultsOf({ ...goods, SERVICE: "statistics" })).toHaveLength(4);
  });

  it("refuse to register an address that leads nowhere", () => {
    const any = { ...goods, BIND_ADDRESS: "0.0.0.0" };
    expect(faultsOf(any)).toEqual([]);
    expect(faultsOf({ ...any, REGISTRATION: "self" })).toEqual([
      'BIND_ADDRESS must be the address that others reach: it becomes the instance\'s key, got "0.0.0.0"',
    ]);
  });
});
