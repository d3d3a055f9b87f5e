import { describe, expect, it } from "vitest";
import {
  checkShape,
  flag,
  instanceOf,
  listOf,
  maybe,
  named,
  number,
  numberOrNull,
  shape,
  text,
} from "../../components/core/argument-shape";

interface Given {
  name: string;
  port?: number | null;
  items: readonly { readonly id: number; readonly on?: boolean }[];
  limits?: Readonly<Record<string, number>>;
  host?: object;
}

const GIVEN = shape<Given>({
  name: text,
  port: maybe(numberOrNull),
  items: listOf(shape<Given["items"][number]>({ id: number, on: maybe(flag) })),
  limits: maybe(named(number)),
  host: maybe(instanceOf("Host")),
});

const refusal = (given: unknown) => {
  try {
    checkShape("web", given, GIVEN);
    return undefined;
  } catch (error) {
    return (error as Error).message.split("\n");
  }
};

describe("arguments that TypeScript has not checked", () => {
  it("pass where they are as declared, with what may be left out or null", () => {
    expect(refusal({ name: "web", items: [] })).toBeUndefined();
    expect(refusal({ name: "web", port: null, items: [{ id: 1, on: true }], limits: { a: 1 }, host: {} })).toBeUndefined();
  });

  it("are refused by path, value and what is allowed, all at once", () => {
    expect(
      refusal({ name: 3, port: "80", items: [{ id: "1", off: true }], limits: { a: "many" }, host: "here", hostname: "x", prot: 1 }),
    ).toEqual([
      "web.name: must be a string, got 3",
      'web.port: must be a number or null, got "80"',
      'web.items[0].id: must be a number, got "1"',
      'web.items[0].off: is not known; there are id, on, got "(a value)"',
      'web.limits.a: must be a number, got "many"',
      'web.host: must be a Host, got "here"',
      'web.hostname: is not known; there are name, port, items, limits, host, got "(a value)"',
      'web.prot: is not known; there are name, port, items, limits, host, got "(a value)"',
    ]);
  });

  it("are refused where one is missing that has no default, or all are", () => {
    expect(refusal({ name: "web" })).toEqual(["web.items: must be given, got undefined"]);
    expect(refusal(undefined)).toEqual(["web.arguments: must be an object, got undefined"]);
    expect(refusal({ name: "web", items: {} })).toEqual(["web.items: must be a list, got {}"]);
  });
});
