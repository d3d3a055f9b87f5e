/** What servers in Java are given here. */
import * as pulumi from "@pulumi/pulumi";
import type { ContainerArgs } from "@pulumi/docker/container";

/**
 * A compiler that does with its first, plain code. The second one takes half of the CPU of a start, to be fast in the hours after it, and the
 * tests start dozens of servers for minutes each. What is measured has both.
 */
export const JAVA: Readonly<Record<string, string>> = pulumi.getStack().startsWith("test-")
  ? { JAVA_TOOL_OPTIONS: "-XX:TieredStopAtLevel=1" }
  : {};

/** The argument of a component that adds it. */
export const plainJava = {
  transform: ({ envs }: Readonly<ContainerArgs>): Partial<ContainerArgs> => ({
    envs: [...(envs as string[]), ...Object.entries(JAVA).map(([name, value]) => `${name}=${value}`)],
  }),
};
