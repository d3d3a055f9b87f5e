/** Versions that every set-up step agrees on. The SDK packages in package.json and the modules in toolchain/ have the same. */
export const PULUMI_VERSION = "3.256.0";
export const GO_VERSION = "1.26.8";
export const CONSUL_VERSION = "1.22.0";
export const CONSUL_TEMPLATE_VERSION = "0.41.1";
export const DOCKER_COMPOSE_VERSION = "2.40.3";
export const ELASTICSEARCH_VERSION = "7.17.28";
export const KAFKA_VERSION = "4.1.0";
export const BUILDBOT_VERSION = "4.2.1";
export const S3_SERVER_VERSION = "1.0.14";
export const FILEBEAT_VERSION = "7.17.28";
export const PLUGINS = { command: "1.2.1", docker: "5.2.0", random: "4.21.2" } as const;
