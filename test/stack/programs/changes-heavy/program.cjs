const { loadProgram } = require("../../../../register.cjs");
module.exports = loadProgram(() => require("./index.ts"));
