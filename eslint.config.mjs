import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/", "dist/", "toolchain/"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["*.mjs", "*.cjs", ".*.cjs", "scripts/*.mjs", "apps/*/*.mjs"] }, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers and addresses belong into commands and names; their text is what is meant.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allow: [{ name: "Endpoint", from: "file" }] }],
      // Pulumi's resources are made for what they do, and are often not named.
      "no-new": "off",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  { files: ["**/*.mjs", "**/*.cjs"], ...tseslint.configs.disableTypeChecked, languageOptions: { globals: { process: "readonly", console: "readonly", require: "readonly", module: "writable" }, parserOptions: { projectService: false } } },
  { files: ["**/*.cjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
);
