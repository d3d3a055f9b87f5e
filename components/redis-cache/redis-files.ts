import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Scripts that run on a server and on a Sentinel, by their names in the configuration folder. */
const SERVER_SCRIPTS = ["check", "cli", "common", "hand-over", "reserve", "settle", "standing", "start", "tell", "whole"] as const;
const SENTINEL_SCRIPTS = ["cli", "common", "settle-sentinel", "start-sentinel", "tell"] as const;

export interface ShippedFile {
  readonly path: string;
  readonly content: string;
}

export function serverScripts(): ShippedFile[] {
  return [...SERVER_SCRIPTS.map(script), { path: "bloom.lua", content: read("bloom.lua") }];
}

export function sentinelScripts(): ShippedFile[] {
  return SENTINEL_SCRIPTS.map(script);
}

function script(name: string): ShippedFile {
  return { path: name, content: read(join("scripts", name)) };
}

function read(path: string): string {
  return readFileSync(join(dirname(__filename), path), "utf8");
}
