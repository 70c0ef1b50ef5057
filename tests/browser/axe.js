// @ts-check
/** Accessibility, as far as rules can tell: contrast, names, roles, structure. */

import assert from "node:assert/strict";

import axe from "axe-core";

/**
 * @param {import("playwright-core").Page} page
 * @param {string} what  the state that the page is in, for the message
 */
export async function assertAccessible(page, what) {
  // The page's policy refuses scripts that are not its own; what the debugger evaluates is not asked.
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { violations } = await /** @type {typeof globalThis & { axe: typeof axe }} */ (globalThis).axe.run({ resultTypes: ["violations"] });
    return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) => `${id} (${help}) at ${target.join(" ")}: ${failureSummary}`));
  });
  assert.deepEqual(violations, [], `${what} is not accessible to everybody`);
}
