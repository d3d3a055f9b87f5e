delete Error.prepareStackTrace;
require("tsx/cjs");
module.exports = require("./index.ts");
