import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Folder of the configuration's volume; `current` in it is the folder that squid runs with. */
export const SQUID_CONFIG_PATH = "/etc/squid/node";
const CURRENT = `${SQUID_CONFIG_PATH}/current`;

const SCRIPTS = ["check", "common", "headers", "health", "keep", "purge", "reload", "start", "variants"] as const;

export interface ShippedFile {
  readonly path: string;
  readonly content: string;
}

export function squidScripts(): ShippedFile[] {
  return SCRIPTS.map((path) => ({ path, content: read(path) }));
}

/** What is read when a container starts, and only then. */
export function startScripts(): string[] {
  return [read("start"), read("keep")];
}

export function startCommand(): string[] {
  return script("start");
}

export function reloadCommand(): string[] {
  return script("reload");
}

/** Asks squid over its operator's port whether it answers, and the disk whether the cache may be written. */
export function squidProbe(): string[] {
  return script("health");
}

/** The same, and whether squid runs with the configuration that it was given. */
export function wholeCommand(): string[] {
  return script("health", "whole");
}

export function squidCheck(folder: string): string[] {
  return ["sh", `${folder}/check`, folder];
}

function script(name: string, ...args: string[]): string[] {
  return ["sh", `${CURRENT}/${name}`, ...args];
}

function read(name: string): string {
  return readFileSync(join(dirname(__filename), "scripts", name), "utf8");
}
