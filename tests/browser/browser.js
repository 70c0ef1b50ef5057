// @ts-check
/** Chromium with software WebGPU, started with the flags that the wasm tests use too. */

import { readFileSync } from "node:fs";

import { chromium } from "playwright-core";

const DEFAULT_CHROME = "/usr/bin/chromium";

/**
 * @param {string[]} [more]     further flags
 * @param {RegExp} [without]  flags to leave out
 */
export function launch(more = [], without = /^$/) {
  return chromium.launch(optionsOf(more, without));
}

/**
 * @param {string[]} [more]
 * @param {RegExp} [without]
 */
export function optionsOf(more = [], without = /^$/) {
  const capabilities = JSON.parse(readFileSync(new URL("../../webdriver.json", import.meta.url), "utf8"));
  /** @type {string[]} */
  const flags = capabilities["goog:chromeOptions"].args;
  const args = [...flags.filter((flag) => flag !== "--headless" && !without.test(flag)), ...more];
  return { executablePath: process.env.CHROME || DEFAULT_CHROME, args, headless: true };
}

/**
 * A new profile with an empty store. What the page logs as an error is kept, so that a failing test can show it. A service worker reads the
 * whole page once more for each profile, and the engine with it; tests of what works offline ask for it.
 * @param {import("playwright-core").Browser} browser
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function openContext(browser, options) {
  const context = await browser.newContext({ serviceWorkers: "block", ...options });
  /** @type {string[]} */
  const errors = [];
  context.on("weberror", (error) => errors.push(String(error.error())));
  context.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  return { context, errors };
}
