export { AppService } from "./app-service/app-service";
export type { AppServiceArgs } from "./app-service/args";
export { BackupSchedule } from "./backup-schedule/backup-schedule";
export type { BackupScheduleArgs } from "./backup-schedule/args";
export { mysqlBackupUser, rabbitmqBackupUser, redisBackupUser } from "./backup-schedule/logins";
export type { BackupConsul, BackupElasticsearch, BackupMysql, BackupRabbitmq, BackupRedis } from "./backup-schedule/system-args";
export type { BackupTarget, BucketTarget, FolderTarget, VolumeTarget } from "./backup-schedule/target-args";
export { BinlogSync } from "./binlog-sync/binlog-sync";
export type { BinlogSyncArgs, SyncSource } from "./binlog-sync/args";
export type { SyncedIndex, SyncedTables } from "./binlog-sync/tables-args";
export { CiServer } from "./ci-server/ci-server";
export type { CiServerArgs, CiServerDescription, CiUser } from "./ci-server/args";
export type { BuildbotEngine, CiEngine, GitlabEngine, GitlabMail, JenkinsEngine } from "./ci-server/engine-args";
export type { CiJob, CiRepository, CiStep } from "./ci-server/job-args";
export { ConsulCluster } from "./consul-cluster/consul-cluster";
export type { ConsulClusterArgs } from "./consul-cluster/args";
export { ConsulUpstream } from "./consul-upstream/consul-upstream";
export type { ConsulUpstreamArgs, UpstreamInstance } from "./consul-upstream/args";
export { ElkPipeline } from "./elk-pipeline/elk-pipeline";
export type { ElkPipelineArgs } from "./elk-pipeline/args";
export type { LogProcessor } from "./elk-pipeline/filebeat-inputs";
export type { LogIndices } from "./elk-pipeline/index-args";
export type { ContainerInput, FileInput, LogInput, LogJson, LogMultiline } from "./elk-pipeline/input-args";
export { KIBANA_IMAGE } from "./elk-pipeline/kibana-args";
export type { KibanaArgs } from "./elk-pipeline/kibana-args";
export { LOGSTASH_IMAGE } from "./elk-pipeline/logstash-args";
export type { LogstashArgs, LogstashPipeline } from "./elk-pipeline/logstash-args";
export type { ElasticsearchOutput, KafkaOutput, LogOutput, LogstashOutput, RedisOutput } from "./elk-pipeline/output-args";
export { EsCluster } from "./es-cluster/es-cluster";
export type { EsClusterArgs } from "./es-cluster/args";
export type { EsNode, EsRole } from "./es-cluster/node-args";
export type { EsIndexTemplate } from "./es-cluster/template-args";
export { GitServer } from "./git-server/git-server";
export type { GitListener, GitRepository, GitServerArgs, GitServerDescription } from "./git-server/args";
export { HaproxyKeepalivedPair } from "./haproxy-keepalived-pair/haproxy-keepalived-pair";
export type { StatsLogin } from "./haproxy-keepalived-pair/haproxy-keepalived-pair";
export type { HaproxyKeepalivedPairArgs } from "./haproxy-keepalived-pair/args";
export type {
  HaproxyArgs,
  HaproxyBackend,
  HaproxyDefaults,
  HaproxyFrontend,
  HaproxyGlobal,
  HaproxyListen,
  HaproxyServer,
  HaproxyStats,
  ServerHealthCheck,
} from "./haproxy-keepalived-pair/haproxy-args";
export type { KeepalivedArgs, KeepalivedGlobal, VirtualAddress, VrrpInstance, VrrpScript } from "./haproxy-keepalived-pair/keepalived-args";
export type { LvsCheck, RealServer, VirtualServer } from "./haproxy-keepalived-pair/lvs-args";
export { KafkaBroker } from "./kafka-broker/kafka-broker";
export type { KafkaBrokerArgs } from "./kafka-broker/args";
export type { KafkaAcl, KafkaOperation, KafkaUser } from "./kafka-broker/access-args";
export type { KafkaTopic } from "./kafka-broker/topic-args";
export { MysqlReplicaSet } from "./mysql-replica-set/mysql-replica-set";
export type { MysqlReplicaSetArgs } from "./mysql-replica-set/args";
export type { MysqlGrant, MysqlUser } from "./mysql-replica-set/access-args";
export type { RoleListen, RoleServer } from "./mysql-replica-set/role-listen";
export { NginxUpsyncGateway } from "./nginx-upsync-gateway/nginx-upsync-gateway";
export type { GatewayListen, GatewayServer } from "./nginx-upsync-gateway/gateway-listen";
export type { GatewayEngine, GatewayServiceArgs, PullArgs } from "./nginx-upsync-gateway/gateway-settings";
export type { NginxUpsyncGatewayArgs } from "./nginx-upsync-gateway/args";
export type { GatewayLua, LuaLocation, LuaSource } from "./nginx-upsync-gateway/lua-args";
export { TOGETHER_COMMANDS } from "./nginx-upsync-gateway/tier-args";
export type {
  CircuitArgs,
  EmptyAnswer,
  FillArgs,
  GatewayTiersArgs,
  SwitchStore,
  SwitchesArgs,
  TierDelays,
  TierFilter,
} from "./nginx-upsync-gateway/tier-args";
export type { GatewayRedis } from "./nginx-upsync-gateway/redis-args";
export type { ClientLimitArgs, GuardedPathArgs, PathMatch, RequestRate } from "./nginx-upsync-gateway/limit-args";
export type { ReferrerPolicy, RequestBoundsArgs, SecurityHeadersArgs } from "./nginx-upsync-gateway/request-args";
export type { TlsArgs, TlsVersion } from "./nginx-upsync-gateway/tls-args";
export { RabbitmqCluster } from "./rabbitmq-cluster/rabbitmq-cluster";
export type { RabbitmqClusterArgs } from "./rabbitmq-cluster/args";
export type { RabbitmqAccess, RabbitmqPermission, RabbitmqPolicy, RabbitmqTag, RabbitmqUser } from "./rabbitmq-cluster/access-args";
export { RedisCache } from "./redis-cache/redis-cache";
export type { MaxmemoryPolicy, RedisBloomFilter, RedisCacheArgs } from "./redis-cache/args";
export type { RedisUser } from "./redis-cache/access-args";
export { SshKeyMesh } from "./ssh-key-mesh/ssh-key-mesh";
export type { SshMember } from "./ssh-key-mesh/ssh-key-mesh";
export { SshNodes } from "./ssh-key-mesh/ssh-nodes";
export type { SshClient, SshKeyMeshArgs, SshNode } from "./ssh-key-mesh/args";
export type { SshNodesArgs, SshNodesDescription } from "./ssh-key-mesh/node-args";
export { SquidCdn } from "./squid-cdn/squid-cdn";
export type { SquidCdnArgs, SquidOrigin } from "./squid-cdn/args";
export type { SquidExpiryRule } from "./squid-cdn/cache-args";
export type { ConsulCheck } from "./core/consul-check";
export { ConsulClient } from "./core/consul-client";
export type { ConsulServer } from "./core/consul-client";
export type { GatewayFollower } from "./core/consul-registration";
export { Endpoint } from "./core/endpoint";
export { ConfigError } from "./core/errors";
export type { Fault } from "./core/errors";
export { Host, Placement } from "./core/host";
export type { HostArgs } from "./core/host";
export { imageReference } from "./core/images";
export type { ImageName } from "./core/images";
export type { HealthCheck } from "./core/health-check";
export type { ContainerTransform } from "./core/container-transform";
export type { HostMount, Mount, PreparedMount, PublishedPort } from "./core/service-container";
export { ServiceNetwork } from "./core/service-network";
export type { ServiceNetworkArgs } from "./core/service-network";
export type { UpstreamEntry } from "./core/upstream-entry";
