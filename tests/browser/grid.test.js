// @ts-check
/** What a user does with a grid over one or two settings; the stub engine draws. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";

import { PNG } from "pngjs";

import { settingsOf } from "../../www/page/picture-file.js";
import { layoutOf } from "../../www/page/sheet-picture.js";
import { stubPages } from "./stub-page.js";

const PATIENCE = 30_000;

const stub = stubPages();
/** @type {import("playwright-core").Page} */
let page;

beforeEach(async () => {
  page = await stub.open();
  page.on("dialog", (dialog) => void dialog.accept());
});

afterEach(() => {
  assert.deepEqual(stub.errors, []);
});

/** @param {string} selector */
async function tabTo(selector) {
  const MOST_STOPS = 80;
  for (let stop = 0; stop < MOST_STOPS; stop++) {
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the Tab key does not come to ${selector}`);
}

/**
 * @param {Record<string, string>} axes  parameters and values by field
 * @param {string} [prompt]
 */
async function ask(axes, prompt = "a red apple") {
  await page.fill("#prompt", prompt);
  await page.locator("#grid").evaluate((/** @type {HTMLDetailsElement} */ { open }) => open) || (await page.locator("#grid > summary").click());
  for (const [field, value] of Object.entries(axes)) await (field.endsWith("Values") ? page.fill(`#${field}`, value) : page.selectOption(`#${field}`, value));
  await page.click("#prompt-form button[type=submit]");
}

/** @param {string[]} texts  of the cells, row by row; pictures have none */
async function cellsAre(...texts) {
  const wanted = texts.join();
  await page.waitForFunction((wanted) => [...document.querySelectorAll("#sheet tbody td")].map(({ textContent }) => textContent).join() === wanted, wanted, { timeout: PATIENCE });
}

/** The pictures' names, row by row. */
async function names() {
  return page.locator("#sheet tbody img").evaluateAll((images) => images.map((image) => image.getAttribute("alt")));
}

test("by keyboard: two steps and two guidances make four pictures under headers, which open large, and are saved as one", async () => {
  await page.keyboard.press("Control+A");
  await page.keyboard.type("a red apple");
  await tabTo("#grid > summary");
  await page.keyboard.press("Enter");
  await tabTo("#gridColumns");
  await page.keyboard.type("Steps");
  await page.keyboard.press("Tab");
  await page.keyboard.type("3-5 (+2)");
  await tabTo("#gridRows");
  await page.keyboard.type("Guid");
  await page.keyboard.press("Tab");
  await page.keyboard.type("3, 4.5");
  assert.match(await page.innerText("#grid [role=status]"), /2 × 2 = 4/);
  await page.keyboard.press("Enter");

  await cellsAre("", "", "", "");
  assert.deepEqual(await page.locator("#sheet thead th[scope=col]").allInnerTexts(), ["Steps: 3", "Steps: 5"]);
  assert.deepEqual(await page.locator("#sheet tbody th[scope=row]").allInnerTexts(), ["Guidance: 3", "Guidance: 4.5"]);
  assert.deepEqual(await names(), ["Steps: 3, Guidance: 3", "Steps: 5, Guidance: 3", "Steps: 3, Guidance: 4.5", "Steps: 5, Guidance: 4.5"]);
  assert.equal(await page.locator("#gallery li").count(), 4);

  await page.locator("#sheet-heading").click();
  await tabTo("#sheet [data-part=save]");
  const saving = page.waitForEvent("download");
  await page.keyboard.press("Enter");
  const saved = await saving;
  assert.match(saved.suggestedFilename(), /^grid-a-red-apple-\d+\.png$/);
  const png = PNG.sync.read(readFileSync(await saved.path()));
  const side = Number(await page.inputValue("#width"));
  const layout = layoutOf({ columns: ["a", "b"], rows: ["c", "d"] }, { width: side, height: side });
  assert.deepEqual([png.width, png.height], [layout.width, layout.height]);
  const middle = ((layout.top + side / 2) * png.width + layout.left + side / 2) * 4;
  assert.deepEqual([...png.data.subarray(middle, middle + 3)], [219, 32, 32]);

  await tabTo("#sheet tbody button");
  await page.keyboard.press("Enter");
  await page.locator("#gallery dialog[open]").waitFor();
  assert.match(await page.innerText("#gallery dl"), /Steps\s*3/);
  await page.keyboard.press("Escape");
  assert.ok(await page.evaluate(() => document.activeElement?.matches("#sheet tbody button")));
});

test("a value that cannot be is told by name beside its field, and nothing is drawn until it is another", async () => {
  await ask({ gridRows: "steps", gridRowsValues: "3, 200" });
  assert.match(await page.innerText("#problem-gridRowsValues"), /^200: A whole number from 1 to 150/);
  assert.equal(await page.getAttribute("#gridRowsValues", "aria-invalid"), "true");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "gridRowsValues");
  assert.ok(!(await page.isVisible("#progress")) && !(await page.isVisible("#sheet")));
  await page.fill("#gridRowsValues", "3, 4");
  assert.equal(await page.innerText("#problem-gridRowsValues"), "");
  await page.keyboard.press("Enter");
  await cellsAre("", "");
  assert.deepEqual(await names(), ["Steps: 3", "Steps: 4"]);
});

test("what was cancelled or skipped says so and can be drawn later; what is removed from the gallery is gone here too", async () => {
  await page.fill("#steps", "4");
  await page.fill("#negativePrompt", "linger at 3");
  await ask({ gridColumns: "words", gridColumnsValues: "red, green, blue, grey" });
  await cellsAre("Drawing", "Waiting", "Waiting", "Waiting");
  assert.match(await page.innerText("#queue li:first-child"), /^Prompt words: green/);
  await page.click("#progress button");
  await cellsAre("Not drawn", "Drawing", "Waiting", "Waiting");
  await page.click("#queue [data-part=clear]");
  await cellsAre("Not drawn", "", "Not drawn", "Not drawn");
  assert.match(await page.innerText("#sheet [role=status]"), /1 of 4/);

  await page.click("#sheet [data-part=rest]");
  await cellsAre("", "", "", "");
  assert.deepEqual(await names(), ["Prompt words: red", "Prompt words: green", "Prompt words: blue", "Prompt words: grey"]);
  assert.ok(!(await page.isVisible("#sheet [data-part=rest]")));

  await page.locator("#sheet tbody button").nth(1).click();
  assert.match(await page.innerText("#gallery dl"), /a green apple/);
  await page.click("#gallery dialog [data-deed=remove]");
  await cellsAre("", "Removed", "", "");

  const urls = await page.locator("#sheet img").evaluateAll((images) => images.map((image) => image.getAttribute("src") ?? ""));
  await page.click("#sheet [data-part=close]");
  assert.ok(!(await page.isVisible("#sheet")));
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("type")), "submit");
  assert.deepEqual(await page.evaluate((urls) => Promise.all(urls.map((url) => fetch(url).then(({ ok }) => ok, () => false))), urls), [false, false, false]);
  // The browser logs what it does not find.
  assert.equal(stub.errors.splice(0).length, 3);
});

test("a failure leaves what was drawn and says what was not; trying again fills its cell", async () => {
  await page.fill("#steps", "3");
  await ask({ gridColumns: "words", gridColumnsValues: "red, out of memory at the end, blue" });
  await page.locator("#message:visible").waitFor({ timeout: PATIENCE });
  await cellsAre("", "Not drawn", "Waiting");
  await page.getByRole("button", { name: "Skip the rest" }).click();
  await cellsAre("", "Not drawn", "Not drawn");
  await page.getByRole("button", { name: "Try again" }).click();
  await cellsAre("", "", "Not drawn");
  await page.click("#sheet [data-part=rest]");
  await cellsAre("", "", "");
});

test("another grid takes the place of the one before", async () => {
  await page.fill("#steps", "2");
  await ask({ gridRows: "seed", gridRowsValues: "1, 2" });
  await cellsAre("", "");
  await ask({ gridRows: "", gridColumns: "steps", gridColumnsValues: "2" });
  await cellsAre("");
  assert.deepEqual(await names(), ["Steps: 2"]);
  assert.equal(await page.locator("#sheet [scope=row]").count(), 0);
});

test("strengths need a start picture, and reach the pictures", async () => {
  await ask({ gridRows: "strength", gridRowsValues: "0.4, 0.8" });
  assert.match(await page.innerText("#problem-gridRowsValues"), /start picture first/);
  await page.setInputFiles("#start-picture [type=file]", new URL("../fixtures/demo/008-base.png", import.meta.url).pathname);
  await page.locator("#start-picture[data-state=picture]").waitFor();
  await page.fill("#steps", "5");
  await page.click("#prompt-form button[type=submit]");
  await cellsAre("", "");
  const bytes = await page.locator("#picture a[download]").evaluate(async (/** @type {HTMLAnchorElement} */ { href }) => [...new Uint8Array(await (await fetch(href)).arrayBuffer())]);
  assert.equal((await settingsOf(new Blob([new Uint8Array(bytes)])))?.request.strength, 0.8);
});

test("each parameter keeps what was written for it", async () => {
  await page.locator("#grid > summary").click();
  await page.selectOption("#gridColumns", "sampler");
  assert.match(await page.inputValue("#gridColumnsValues"), /^Euler, Euler ancestral, /);
  await page.fill("#gridColumnsValues", "UniPC");
  await page.selectOption("#gridColumns", "seed");
  await page.fill("#gridColumnsValues", "5-8");
  assert.match(await page.innerText("#grid > summary"), /4 × 1/);
  await page.selectOption("#gridColumns", "sampler");
  assert.equal(await page.inputValue("#gridColumnsValues"), "UniPC");
  await page.selectOption("#gridColumns", "");
  assert.ok(!(await page.isVisible("#gridColumnsValues")));
  assert.equal(await page.innerText("#grid [role=status]"), "");
});
