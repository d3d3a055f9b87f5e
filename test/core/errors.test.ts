import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { Checks, ConfigError, bounded, collectFaults } from "../../components/core/errors";

const fault = (name: string) => new Checks(name).that(false, "count", 0, "must be 1 or more");

it("shows a resource by its class and an output not at all, whose value may be a secret", () => {
  class Gateway {
    readonly self = this;
  }
  const output = pulumi.secret("hunter2");
  const said = (value: unknown) => new ConfigError([{ path: "a.b", value, remedy: "must be another" }]).message;
  expect(said(new Gateway())).toBe("a.b: must be another, got a Gateway");
  expect(said(output)).toBe("a.b: must be another, got an output");
  expect(said({ password: output })).toBe('a.b: must be another, got {"password":"an output"}');
});

describe("the faults of a program", () => {
  it("end it at the first component where nobody collects them", () => {
    expect(() => fault("a").done()).toThrow(new ConfigError([{ path: "a.count", value: 0, remedy: "must be 1 or more" }]));
  });

  it("are told for all of its components at once", () => {
    expect(() =>
      collectFaults(() => {
        fault("a").done();
        fault("b").done();
      }),
    ).toThrow("a.count: must be 1 or more, got 0\nb.count: must be 1 or more, got 0");
  });

  it("are told without what they lead to", () => {
    expect(() =>
      collectFaults(() => {
        fault("a").done();
        throw new TypeError("undefined has no address");
      }),
    ).toThrow(/^a\.count: must be 1 or more, got 0$/);
  });

  it("include one that is thrown, and hide no error of another kind", () => {
    expect(() =>
      collectFaults(() => {
        fault("a").done();
        throw new ConfigError([{ path: "b.transform", value: 1, remedy: "must be left alone" }]);
      }),
    ).toThrow("a.count: must be 1 or more, got 0\nb.transform: must be left alone, got 1");
    expect(() =>
      collectFaults(() => {
        throw new TypeError("a fault of ours");
      }),
    ).toThrow("a fault of ours");
  });

  it("do not outlive their program", () => {
    expect(collectFaults(() => 7)).toBe(7);
    expect(() => fault("a").done()).toThrow(ConfigError);
  });
});

it("keeps a count that is out of its bounds from making up a program of millions of nodes", () => {
  expect([0, 3, 2e9, NaN, 2.5].map((count) => bounded(count, 1, 7))).toEqual([1, 3, 7, 1, 1]);
});
