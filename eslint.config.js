// @ts-check
import js from "@eslint/js";
import globals from "globals";

/** What a name is or whether it is there, the types tell; these are about how things are written. */
const rules = /** @type {const} */ ({
  "consistent-return": "off",
  eqeqeq: "error",
  "no-implicit-coercion": ["error", { boolean: false, number: true, string: true }],
  "no-unused-vars": ["error", { argsIgnorePattern: "^_", caughtErrors: "none" }],
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-arrow-callback": ["error", { allowNamedFunctions: true }],
  "prefer-const": "error",
  "prefer-template": "error",
});

export default [
  { ignores: ["node_modules/", "target/", "www/pkg/", "www/vendor/", "**/*.d.ts"] },
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" }, rules },
  {
    files: ["www/**/*.js"],
    languageOptions: { globals: { ...globals.browser, ...globals.worker } },
    // Anything worth saying is said on the page.
    rules: { "no-console": "error", "max-lines": ["error", 300] },
  },
  // One file to a language, so that a translator has everything before them.
  { files: ["www/text/*.js"], rules: { "max-lines": "off" } },
  {
    files: ["tests/**/*.js", "tools/**/*.mjs"],
    // What is given to the browser to run is written here too.
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
];
