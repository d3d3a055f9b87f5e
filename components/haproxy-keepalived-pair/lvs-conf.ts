import { Block, block } from "./keepalived-block";
import type { NormalLvsCheck, NormalRealServer, NormalVirtualServer } from "./lvs-args";

/** Writes an argument array as keepalived takes it. */
type Call = (argv: readonly string[]) => string;

export function virtualServerBlock(server: NormalVirtualServer, call: Call): Block {
  const { address, port, delayLoopSeconds, algorithm, kind, protocol, persistenceSeconds, sorryServer, realServers } = server;
  return block(`virtual_server ${address} ${port}`, [
    `delay_loop ${delayLoopSeconds}`,
    `lb_algo ${algorithm}`,
    `lb_kind ${kind}`,
    `protocol ${protocol}`,
    ...(persistenceSeconds === undefined ? [] : [`persistence_timeout ${persistenceSeconds}`]),
    ...(sorryServer === undefined ? [] : [`sorry_server ${sorryServer.address} ${sorryServer.port}`]),
    ...Object.values(realServers).map((real) => realServerBlock(real, call)),
  ]);
}

function realServerBlock({ address, port, weight, check, notifyUp, notifyDown }: NormalRealServer, call: Call): Block {
  return block(`real_server ${address} ${port}`, [
    `weight ${weight}`,
    ...(notifyUp === undefined ? [] : [`notify_up ${call(notifyUp)}`]),
    ...(notifyDown === undefined ? [] : [`notify_down ${call(notifyDown)}`]),
    checkBlock(check, call),
  ]);
}

function checkBlock(check: NormalLvsCheck, call: Call): Block {
  if (check.type === "misc")
    return block("MISC_CHECK", [
      `misc_path ${call(check.command)}`,
      `misc_timeout ${check.timeoutSeconds}`,
      ...(check.dynamic ? ["misc_dynamic"] : []),
    ]);
  const connection = [
    ...(check.port === undefined ? [] : [`connect_port ${check.port}`]),
    `connect_timeout ${check.timeoutSeconds}`,
    `retry ${check.retries}`,
    `delay_before_retry ${check.retryDelaySeconds}`,
  ];
  if (check.type === "tcp") return block("TCP_CHECK", connection);
  const expected = check.digest === undefined ? [] : [`digest ${check.digest}`];
  return block("HTTP_GET", [block("url", [`path ${check.path}`, ...expected, `status_code ${check.status}`]), ...connection]);
}
