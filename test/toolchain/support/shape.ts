/**
 * What a resource or a function takes or gives, in a form in which an SDK's
 * declarations and a plugin's schema can be compared: the names of primitive
 * types, and for objects their properties, an optional one with a "?".
 */
export type Shape = string | { readonly list: Shape } | { readonly map: Shape } | ObjectShape;
export interface ObjectShape {
  readonly [property: string]: Shape;
}

export interface ResourceShape {
  readonly inputs: ObjectShape;
  readonly outputs: ObjectShape;
  /** The outputs that are secret by themselves. */
  readonly secrets: readonly string[];
  /** What a look-up of an existing resource takes, where the SDK has such a thing. */
  readonly state?: ObjectShape;
}

export interface FunctionShape {
  readonly inputs: ObjectShape;
  readonly outputs: ObjectShape;
}

/** The resources and functions of a package by their tokens, "provider" being the provider itself. */
export interface PackageShape {
  readonly resources: Record<string, ResourceShape>;
  readonly functions: Record<string, FunctionShape>;
}
