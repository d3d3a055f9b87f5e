import type { Checks } from "./errors";

/** Adds to `checks` what is wrong with the environment of a container: POSIX's names of variables, and text as their values. */
export function checkEnvironment(checks: Checks, environment: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(environment) as [string, unknown][]) {
    checks
      .that(/^[A-Za-z_][A-Za-z0-9_]*$/.test(name), "environment", name, "must be a variable's name: letters, digits and _, no digit first")
      .that(typeof value === "string", `environment.${name}`, value, "must be text; put it in quotes")
      .that(typeof value !== "string" || !value.includes("\0"), `environment.${name}`, value, "must hold no NUL");
  }
}
