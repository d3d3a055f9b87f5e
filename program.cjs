// Pulumi's entry: transpiles the TypeScript sources as they are loaded, without a type check, and runs the stack.
// A language host that has ts-node registered anyway makes it map the stack of every promise that Pulumi makes, a fifth of a preview's
// time; tsx brings the maps that an error needs.
delete Error.prepareStackTrace;
require("tsx/cjs");
module.exports = require("./index.ts");
