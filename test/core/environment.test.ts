import { describe, expect, it } from "vitest";
import { checkEnvironment } from "../../components/core/environment";
import { Checks } from "../../components/core/errors";

function faults(environment: Record<string, unknown>): string {
  const checks = new Checks("web");
  checkEnvironment(checks, environment as Record<string, string>);
  try {
    checks.done();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("an environment", () => {
  it("takes variables with text", () => {
    expect(faults({ LOG: "1", _x9: "", PATH_TO: "a=b c" })).toBe("");
  });

  it.each([
    [{ "": "x" }, 'web.environment: must be a variable\'s name: letters, digits and _, no digit first, got ""'],
    [{ "A B": "x" }, 'web.environment: must be a variable\'s name: letters, digits and _, no digit first, got "A B"'],
    [{ "E=F": "x" }, 'web.environment: must be a variable\'s name: letters, digits and _, no digit first, got "E=F"'],
    [{ A: 1 }, "web.environment.A: must be text; put it in quotes, got 1"],
    [{ A: { b: 1 } }, 'web.environment.A: must be text; put it in quotes, got {"b":1}'],
    [{ A: "a\0b" }, 'web.environment.A: must hold no NUL, got "a\\u0000b"'],
  ])("refuses %j", (environment, fault) => {
    expect(faults(environment)).toBe(fault);
  });
});
