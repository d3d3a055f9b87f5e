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

/** Loads a program's TypeScript; what is wrong with any of its components is told at once, before anything is touched. */
exports.loadProgram = (load) => require("./components/core/errors.ts").collectFaults(load);
