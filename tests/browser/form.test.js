// @ts-check
/** What the form offers besides fields: recent prompts, and presets of quality; the stub engine draws. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { assertAccessible } from "./axe.js";
import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";
import { tinyModel } from "./tiny-model.js";

const PATIENCE = 30_000;

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Site} */
let site;
/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {import("playwright-core").Page} */
let page;

before(async () => {
  browser = await launch();
  site = await Site.start();
  site.putStubEngine();
  site.putFolder("/www/models/demo/", tinyModel());
});

after(async () => {
  await browser?.close();
  await site?.close();
});

beforeEach(async () => {
  ({ context } = await openContext(browser));
  page = await context.newPage();
  await open();
});

afterEach(() => context.close());

async function open() {
  await page.goto(site.url);
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: PATIENCE });
}

/**
 * @param {string} prompt
 * @param {string} [negative]
 */
async function draw(prompt, negative = "") {
  await page.fill("#prompt", prompt);
  await page.fill("#negativePrompt", negative);
  await page.fill("#steps", "1");
  await page.click("#prompt-form button[type=submit]");
  await page.getByRole("img", { name: prompt }).first().waitFor({ timeout: PATIENCE });
  await page.locator("#progress").waitFor({ state: "hidden", timeout: PATIENCE });
}

test("prompts that were drawn are offered again, after a reload too, by keyboard, until they are forgotten", async () => {
  const opener = page.getByRole("button", { name: "Recent prompts" });
  assert.ok(!(await opener.isVisible()));
  await draw("a red fox", "blurry");
  await draw("a blue whale");
  await open();
  await page.fill("#negativePrompt", "something else");
  await opener.focus();
  await page.keyboard.press("Enter");
  const items = page.locator("#recent-prompts li");
  assert.deepEqual(await items.allInnerTexts(), ["a blue whale", "a red fox\nwithout: blurry"]);
  await assertAccessible(page, "recent prompts");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.deepEqual([await page.inputValue("#prompt"), await page.inputValue("#negativePrompt")], ["a red fox", "blurry"]);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "prompt");
  assert.ok(!(await items.first().isVisible()));

  await opener.click();
  await items.first().click();
  assert.deepEqual([await page.inputValue("#prompt"), await page.inputValue("#negativePrompt")], ["a blue whale", ""]);
  await opener.click();
  await page.keyboard.press("Escape");
  assert.ok(await opener.evaluate((button) => button === document.activeElement));
  await opener.click();
  await page.getByRole("button", { name: "Forget them all" }).click();
  assert.ok(!(await opener.isVisible()));
  await open();
  assert.ok(!(await opener.isVisible()));
});
