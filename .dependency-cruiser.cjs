/** The layers of docs/architecture.md: each knows only the one below. */
module.exports = {
  forbidden: [
    {
      name: "components-know-no-stack",
      comment: "A component takes hosts, networks and endpoints as values: it neither reads the stack's configuration nor runs scripts.",
      severity: "error",
      from: { path: "^components/" },
      to: { path: "^(index\\.ts|stack/|scripts/|apps/)" },
    },
    {
      name: "components-know-only-core",
      comment: "A component never imports another component's files, only types from components/index.ts.",
      severity: "error",
      from: { path: "^components/([^/]+)/" },
      to: { path: "^components/[^/]+/", pathNot: "^components/($1|core)/" },
    },
    {
      name: "components-take-types-from-the-barrel",
      comment: "What a component knows of another is its type: nothing of it runs because the other is loaded.",
      severity: "error",
      from: { path: "^components/[^/]+/" },
      to: { path: "^components/index\\.ts$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "core-knows-no-component",
      severity: "error",
      from: { path: "^components/core/" },
      to: { path: "^components/", pathNot: "^components/core/" },
    },
    {
      name: "renderers-are-pure",
      comment: "A renderer turns plain values into a string: it makes no resources and reads no configuration.",
      severity: "error",
      from: { path: "^components/[^/]+/[^/]*-(conf|config|cfg|yml|command|gate|files)\\.ts$", pathNot: "^components/core/" },
      to: { path: "@pulumi/" },
    },
    {
      name: "one-reader-of-configuration",
      comment: "stack/config.ts alone reads the stack's configuration, and only the stack's program imports it.",
      severity: "error",
      from: { pathNot: "^(index\\.ts$|stack/)" },
      to: { path: "^stack/" },
    },
    {
      name: "services-stand-alone",
      comment: "The sample services are programs of their own: they run in containers, not in the stack's program.",
      severity: "error",
      from: { path: "^apps/" },
      to: { path: "^(components|stack|scripts|index\\.ts)" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
    { name: "nothing-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    // Packages whose only entry is a module are found by their exports.
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "require", "node", "default", "types"] },
  },
};
