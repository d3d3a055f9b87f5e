/** Reads from a plugin's schema what the plugin accepts. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolchainBin } from "./engine.js";
import type { FunctionShape, ObjectShape, PackageShape, ResourceShape, Shape } from "./shape.js";

interface TypeSpec {
  readonly type?: string;
  readonly $ref?: string;
  readonly items?: TypeSpec;
  readonly additionalProperties?: TypeSpec;
  readonly secret?: boolean;
}
interface ObjectSpec {
  readonly type?: string;
  readonly properties?: Record<string, TypeSpec>;
  readonly required?: string[];
  readonly enum?: unknown[];
  /** What a program can rely on to be in an output of this type. */
  readonly language?: { readonly nodejs?: { readonly requiredOutputs?: string[] } };
}
interface ResourceSpec extends ObjectSpec {
  readonly inputProperties?: Record<string, TypeSpec>;
  readonly requiredInputs?: string[];
  readonly stateInputs?: ObjectSpec;
}
interface PackageSpec {
  readonly provider?: ResourceSpec;
  readonly resources: Record<string, ResourceSpec>;
  readonly functions?: Record<string, { readonly inputs?: ObjectSpec; readonly outputs?: ObjectSpec }>;
  readonly types?: Record<string, ObjectSpec>;
}

/** Whether the program gives a value or gets it. */
type Direction = "input" | "output";

/** Asks the plugin of a package for its schema. */
export function readPlugin(name: string): PackageShape {
  const bin = toolchainBin();
  const home = mkdtempSync(join(tmpdir(), "dockyard-toolchain-"));
  try {
    const json = execFileSync(
      join(bin, "pulumi"),
      ["package", "get-schema", join(bin, `pulumi-resource-${name}`)],
      {
        env: { ...process.env, PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" },
        maxBuffer: 2 ** 26,
        encoding: "utf8",
      },
    );
    return packageShape(JSON.parse(json) as PackageSpec);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function packageShape(spec: PackageSpec): PackageShape {
  const types = spec.types ?? {};
  const shape = (type: TypeSpec, given: Direction): Shape => {
    if (type.$ref !== undefined) {
      return referenceShape(type.$ref, given);
    }
    if (type.items !== undefined) {
      return { list: shape(type.items, given) };
    }
    if (type.additionalProperties !== undefined) {
      return { map: shape(type.additionalProperties, given) };
    }
    return type.type === "integer" ? "number" : (type.type ?? "any");
  };
  const referenceShape = (reference: string, given: Direction): Shape => {
    const builtIn = /^pulumi\.json#\/(\w+)$/.exec(reference)?.[1];
    if (builtIn !== undefined) {
      return builtIn.toLowerCase();
    }
    const type = types[decodeURIComponent(reference.replace("#/types/", ""))];
    if (type === undefined) {
      throw new Error(`${reference} is not in the schema`);
    }
    const outputs = given === "output" ? type.language?.nodejs?.requiredOutputs : undefined;
    return type.enum === undefined
      ? properties(type.properties, outputs ?? type.required, given)
      : (type.type ?? "any");
  };
  const properties = (
    specs: Record<string, TypeSpec> = {},
    required: string[] = [],
    given: Direction,
  ): ObjectShape =>
    Object.fromEntries(
      Object.entries(specs).map(([name, type]) => [required.includes(name) ? name : `${name}?`, shape(type, given)]),
    );
  const resource = (r: ResourceSpec): ResourceShape => ({
    inputs: properties(r.inputProperties, r.requiredInputs, "input"),
    outputs: properties(r.properties, r.required, "output"),
    secrets: Object.entries(r.properties ?? {})
      .filter(([, type]) => type.secret === true)
      .map(([name]) => name)
      .sort(),
    ...(r.stateInputs === undefined ? {} : { state: properties(r.stateInputs.properties, [], "input") }),
  });
  // A method of the provider itself is no function of the package.
  const functions = Object.entries(spec.functions ?? {}).filter(([token]) => !token.startsWith("pulumi:providers:"));
  return {
    resources: { provider: resource(spec.provider ?? {}), ...mapValues(spec.resources, resource) },
    functions: mapValues(
      Object.fromEntries(functions),
      (f): FunctionShape => ({
        inputs: properties(f.inputs?.properties, f.inputs?.required, "input"),
        outputs: properties(f.outputs?.properties, f.outputs?.required, "output"),
      }),
    ),
  };
}

function mapValues<A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
