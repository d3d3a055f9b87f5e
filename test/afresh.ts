import * as pulumi from "@pulumi/pulumi";
import { vi } from "vitest";

/*
 * Before each file of the unit tier, whose files share a process: to load Pulumi's SDK and the compiler for each of them was more than half of
 * its work. Our own modules are loaded anew, and Pulumi is as a process finds it: without mocks, configuration and stack.
 */
vi.resetModules();
pulumi.runtime.setAllConfig({});
pulumi.runtime.resetOptions("project", "stack", -1, "", "", false, "organization");
