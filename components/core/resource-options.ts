import type * as pulumi from "@pulumi/pulumi";

/** The resources that options make one wait for, as a list that can be added to. */
export function dependencies({ dependsOn }: pulumi.CustomResourceOptions): pulumi.Resource[] {
  return dependsOn === undefined ? [] : ([dependsOn].flat() as pulumi.Resource[]);
}
