import * as v from "valibot";
import { Checks } from "./errors";

/**
 * What each argument may be: a schema for every one of them, those that may be left out in {@link maybe}.
 *
 * Only names and types are its subject, which a program that is not checked by TypeScript can get wrong; what a value means is checked behind.
 */
export type Shape<T> = { readonly [K in keyof T]-?: v.GenericSchema };

/** An object with these properties and no other: an option that is not known is refused, not ignored. */
export function shape<T extends object>(properties: Shape<T>): v.GenericSchema {
  return v.objectWithRest(properties, v.never(`is not known; there are ${Object.keys(properties).join(", ")}`));
}

export const [text, number, flag, anything] = [v.string(), v.number(), v.boolean(), v.any()];
export const callback = v.function();
export const texts = v.array(text);

/** What Pulumi takes for a string: one, or the promise or output of one. */
export const textInput = v.custom<unknown>(
  (given) => typeof given === "string" || (typeof given === "object" && given !== null && ("then" in given || "apply" in given)),
  "must be a string, or an output of one",
);

/** What may be left out. */
export const maybe = (schema: v.GenericSchema) => v.optional(schema);

/** A number of which null says that there is none. */
export const numberOrNull = v.union([number, v.null()], "must be a number or null");

export const listOf = (schema: v.GenericSchema) => v.array(schema);

/** Values by name. */
export const named = (schema: v.GenericSchema) => v.record(v.string(), schema);

/** One of these words. */
export const oneOf = <T extends string | number>(words: readonly T[]) => v.picklist(words, `must be one of ${words.join(", ")}`);

/** Either of two; `remedy` says which there are. */
export const either = (first: v.GenericSchema, second: v.GenericSchema, remedy: string) => v.union([first, second], remedy);

/** An object whose property `type` says which of these shapes it has. */
export const byType = (shapes: Readonly<Record<string, v.GenericSchema>>) =>
  v.lazy((given) => {
    const type = typeof given === "object" && given !== null && "type" in given ? String(given.type) : "";
    const chosen = Object.hasOwn(shapes, type) ? shapes[type] : undefined;
    return chosen ?? v.object({ type: v.optional(oneOf(Object.keys(shapes)), "") });
  });

/** One of Dockyard's own classes, or what has the same of it that is used. */
export const instanceOf = (type: string, ...used: readonly string[]) =>
  v.custom<object>(
    (given) => typeof given === "object" && given !== null && !Array.isArray(given) && used.every((property) => property in given),
    `must be a ${type}${used.length > 0 ? ` (an object with ${used.join(", ")})` : ""}`,
  );

export const NETWORK = instanceOf("ServiceNetwork", "addressesOf");
export const PLACEMENT = instanceOf("Placement", "hosts", "hostFor");
export const HOST = instanceOf("Host", "name", "docker");
export const CONSUL_CLIENT = instanceOf("ConsulClient, such as the client of a ConsulCluster", "servers", "ready", "shellFunction");
export const FOLLOWER = instanceOf("GatewayFollower, such as those of an NginxUpsyncGateway", "services", "adminPort", "container");

/** What valibot calls a type, in words. */
const KINDS: Readonly<Record<string, string>> = {
  Array: "a list",
  Function: "a function",
  Object: "an object",
  boolean: "true or false",
  number: "a number",
  string: "a string",
};

/**
 * Refuses arguments of other names and types than a component has.
 *
 * @throws {ConfigError} naming every one of them; what is behind it may rely on the types.
 */
export function checkShape(name: string, given: unknown, schema: v.GenericSchema): void {
  const checks = new Checks(name);
  for (const { path = [], expected, message, input } of v.safeParse(schema, given).issues ?? []) {
    const where = path.map(({ key }, index) => (typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${String(key)}`)).join("");
    const kind = KINDS[expected ?? ""];
    const remedy = /^(must|is) /.test(message) ? message : kind === undefined ? "must be given" : `must be ${kind}`;
    // What is not known may be a secret, misspelt.
    checks.that(false, where || "arguments", expected === "never" ? "(a value)" : input, remedy);
  }
  checks.done();
}
