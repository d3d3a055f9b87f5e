// What a program of Dockyard's needs before its first line: TypeScript that is transpiled as it is loaded, without a type check, and a
// start without what it never uses.
const Module = require("node:module");

// A language host that has ts-node registered anyway leaves its own mapping of stacks behind; tsx brings the one that fits.
delete Error.prepareStackTrace;

// @pulumi/pulumi brings npm's resolver of dependency trees along for programs that hand functions to the cloud: 400 modules and a third of
// a preview's own time. It is loaded at its first use.
const load = Module._load;
Module._load = function (request, ...rest) {
  if (request !== "@npmcli/arborist") return load.call(this, request, ...rest);
  return new Proxy({}, { get: (_, key) => (key === "__esModule" ? true : load.call(Module, request, ...rest)[key]) });
};

// Pulumi notes the stack of every promise that it makes, for a report of leaks that has to be asked for; mapped to TypeScript these are a
// tenth of a preview's own time.
if (!process.env.PULUMI_DEBUG_PROMISE_LEAKS) {
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
