import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/", "dist/", "toolchain/"] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["*.mjs", "*.cjs", ".*.cjs", "scripts/*.mjs", "apps/*/*.mjs"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // Numbers and addresses belong into commands and names; their text is what is meant.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allow: [{ name: "Endpoint", from: "file" }] }],
      // An explicit comparison with undefined says which case is meant.
      "@typescript-eslint/prefer-optional-chain": "off",
      // A handler that needs not wait still answers by a promise.
      "@typescript-eslint/require-await": "off",
      // Pulumi's resources are made for what they do, and are often not named.
      "no-new": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  {
    // stack/config.ts alone reads the stack's configuration; a component is told.
    files: ["components/**"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector:
            "NewExpression[callee.property.name='Config'], NewExpression[callee.name='Config'], CallExpression[callee.property.name='allConfig']",
          message: "A component never reads the stack's configuration: take it as an argument, which stack/config.ts fills in.",
        },
      ],
    },
  },
  {
    // What a server answers is looked at with toMatchObject: its type is what the test is about.
    files: ["test/**"],
    rules: {
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-explicit-any": "off",
    },
  },
  {
    files: ["**/*.mjs", "**/*.cjs"],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: {
      globals: { process: "readonly", console: "readonly", URL: "readonly", require: "readonly", module: "writable", exports: "readonly" },
      parserOptions: { projectService: false },
    },
  },
  { files: ["**/*.cjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
);
