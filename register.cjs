// What a program of Dockyard's needs before its first line: TypeScript that is transpiled as it is loaded, without a type check, and a
// start without what it never uses.
const Module = require("node:module");

// A language host that has ts-node registered anyway leaves its own mapping of stacks behind; tsx brings the one that fits.
delete Error.prepareStackTrace;

// @pulumi/pulumi brings along what hands functions to the cloud and what drives Pulumi from a program: 500 modules and a third of a
// preview's own time, and the TypeScript compiler. They are loaded at their first use.
const RARELY_USED = new Set(["@npmcli/arborist", "normalize-package-data", "./automation", "../../typescript-shim"]);
const load = Module._load;
Module._load = function (request, parent, ...rest) {
  if (!RARELY_USED.has(request) || !parent.filename?.includes("/@pulumi/pulumi/")) return load.call(this, request, parent, ...rest);
  return new Proxy(
    {},
    {
      get: (_, key) => {
        if (key === "__esModule") return true;
        const module = load.call(Module, request, parent, ...rest);
        return key === "default" && !module.__esModule ? module : module[key];
      },
    },
  );
};

// What Pulumi notes for those who look for a fault in it or in its SDK, a tenth of a preview's own time: the stack of every promise and of
// every resource, each mapped to TypeScript, and four messages a resource that only `pulumi --debug` shows. PULUMI_DEBUG_COMMANDS, with
// which Pulumi shows its commands for debugging, brings them back.
if (!process.env.PULUMI_DEBUG_COMMANDS) {
  require("@pulumi/pulumi/log").debug = () => Promise.resolve();
  require("@pulumi/pulumi/resource").Resource.stackTrace = () => [];
  const debuggable = require("@pulumi/pulumi/runtime/debuggable");
  const { debuggablePromise } = debuggable;
  debuggable.debuggablePromise = function (...args) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      return debuggablePromise(...args);
    } finally {
      Error.stackTraceLimit = limit;
    }
  };
}

require("tsx/cjs");

/** With which a program ends that has told the user what to mend; Pulumi adds nothing to it. */
const TOLD = 32;

/**
 * Loads a program's TypeScript. What is wrong with any of its components is told at once, and then the process ends on the spot: what the
 * program has registered so far would be sent in the next turn, and made where there is no preview before.
 */
exports.loadProgram = (load) => {
  const { ConfigError, collectFaults } = require("./components/core/errors.ts");
  try {
    return collectFaults(load);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message.replace(/^/gm, "error: ")}\n`);
    process.exit(TOLD);
  }
};
