// @ts-check
/** What a user does with settings and pictures, on the demo model with the real engine: nothing here calls what lies behind the page. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";

const START_MS = 60_000;
const DONE_MS = 180_000;

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Site} */
let site;
/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {import("playwright-core").Page} */
let page;
/** @type {string[]} */
let errors;

before(async () => {
  browser = await launch();
  site = await Site.start();
  // One for all tests: what was found out about the GPU is known from the second on.
  ({ context, errors } = await openContext(browser));
});

after(async () => {
  await browser?.close();
  await site?.close();
});

beforeEach(async () => {
  page = await context.newPage();
  await page.goto(`${site.url}www/icon.svg`);
  await page.evaluate(() => new Promise((resolve) => indexedDB.deleteDatabase("sdxl-web-pictures").addEventListener("success", resolve)));
  page.on("dialog", (dialog) => void dialog.accept());
  await page.goto(site.url);
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: START_MS });
});

afterEach(async () => {
  await page.close();
});

/** @param {Record<string, string | number>} [more] */
async function fill(more = {}) {
  const fields = { prompt: "a red apple, 3d emoji", seed: 7, steps: 2, guidanceScale: 4, width: 128, height: 128, ...more };
  for (const [field, value] of Object.entries(fields)) await page.fill(`#${field}`, String(value));
  await page.locator("[name=refine]").setChecked(false);
}

async function submit() {
  await page.locator("#prompt-form button[type=submit]").click();
}

async function ended() {
  await page.waitForSelector("#progress", { state: "hidden", timeout: DONE_MS });
  assert.ok(!(await page.isVisible("#message")), `${await page.innerText("#message")} ${errors.join("\n")}`);
}

/** The picture's bytes, settings and all. */
async function shown() {
  return page.locator("#picture .frame > img").evaluate(async (/** @type {HTMLImageElement} */ image) => [...new Uint8Array(await (await fetch(image.src)).arrayBuffer())]);
}

/** @param {number} count */
async function gallery(count) {
  await page.waitForFunction((count) => document.querySelectorAll("#gallery li").length === count, count, { timeout: DONE_MS });
}

/**
 * As if it were dropped somewhere on the page.
 * @param {number[]} bytes
 */
async function drop(bytes) {
  await page.evaluate((bytes) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, bytes);
}

test("a picture that is dropped gives its settings back, and with them the same picture to the byte", async () => {
  await fill({ negativePrompt: "blurry" });
  await page.locator("#advanced > summary").click();
  await page.selectOption("#sampler", "dpmpp_2m");
  await page.selectOption("#noiseSchedule", "karras");
  await page.fill("#guidanceRescale", "0.3");
  await submit();
  await ended();
  const first = await shown();

  await fill({ prompt: "something else", negativePrompt: "", seed: 8, steps: 3, guidanceScale: 7, guidanceRescale: 0, width: 256 });
  await page.locator("[name=refine]").check();
  await page.selectOption("#sampler", "euler");
  await page.selectOption("#noiseSchedule", "default");
  await drop(first);
  await page.locator("[data-part=told]", { hasText: "are in the form" }).waitFor();
  assert.equal(await page.inputValue("#seed"), "7");
  assert.equal(await page.inputValue("#sampler"), "dpmpp_2m");
  assert.equal(await page.inputValue("#negativePrompt"), "blurry");
  await submit();
  await ended();
  assert.deepEqual(await shown(), first);
  await gallery(2);
});

test("several pictures are asked for at once, wait, and can be taken off; cancelling one goes on with the next", async () => {
  await fill({ images: 4, steps: 3 });
  await submit();
  await page.locator("#queue li").nth(2).waitFor();
  await page.getByRole("button", { name: "Take off the list: a red apple, 3d emoji, seed 10" }).click();
  await page.locator("#queue li").nth(2).waitFor({ state: "detached" });
  await page.waitForFunction(() => /of 3/.test(document.title), undefined, { timeout: DONE_MS });
  assert.ok(await page.locator(".preview").isVisible());
  await gallery(1);
  await page.locator("#progress button").click();
  await page.waitForFunction(() => document.querySelector("#queue li") === null, undefined, { timeout: DONE_MS });
  await ended();
  await gallery(2);
  assert.match(await page.innerText("#picture figcaption"), /seed 9/);
  assert.equal(await page.title(), "sdxl-web");
});

test("from the gallery: settings, variation, refining, a start picture, an inpainted one, comparing, removing", async () => {
  await fill({ prompt: "a large red circle on a white background" });
  await submit();
  await ended();
  await gallery(1);
  const deed = async (/** @type {string} */ name, at = 0) => {
    await page.locator("#gallery li button").nth(at).click();
    await page.locator(`#gallery dialog [data-deed=${name}]`).click();
  };
  await page.fill("#prompt", "something else");
  await deed("use");
  assert.equal(await page.inputValue("#prompt"), "a large red circle on a white background");

  await deed("vary");
  await gallery(2);
  await ended();
  await deed("refine", 1);
  await gallery(3);
  await ended();

  await deed("inpaint", 2);
  await page.locator("#start-picture[data-state=picture]").waitFor();
  const mask = page.locator("#start-picture canvas[data-part=mask]");
  await mask.scrollIntoViewIfNeeded();
  const box = await mask.boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.3);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.3, { steps: 5 });
  await page.mouse.up();
  await page.fill("#prompt", "a blue square");
  await submit();
  await gallery(4);
  await ended();
  await page.locator("#start-picture [data-part=remove]").click();

  await page.locator("#gallery li button").first().click();
  await page.locator("#gallery dialog [data-deed=compare]").click();
  await page.locator("#gallery li button").nth(1).click();
  await page.locator("#compare[open]").waitFor();
  await page.locator("#compare [data-part=close]").click();
  await deed("remove");
  await gallery(3);
});

test("the prompt is shown as it is read: tokens, weights, and where a chunk ends", async () => {
  // The words that the encoder knows come with the model, which the tests before have brought, unless this one runs alone.
  if (!(await page.getByText("works without a network").isVisible())) {
    await fill();
    await submit();
    await ended();
  }
  const reading = page.locator("[data-part=reading-prompt]");
  await page.fill("#prompt", "a (red:1.3) apple");
  await reading.filter({ hasText: "of 75 tokens" }).waitFor();
  assert.equal(await reading.locator(".more").innerText(), "red");
  await page.fill("#prompt", "apple ".repeat(80));
  await reading.filter({ hasText: "80 tokens in 2 chunks" }).waitFor();
  assert.equal(await reading.locator(".mark").count(), 1);
  await page.fill("#prompt", "apple");
  await reading.filter({ hasText: /^1 of 75 tokens/ }).waitFor();
  await page.selectOption("#style", { label: "Ink drawing" });
  await reading.filter({ hasText: /^1[0-9] of 75 tokens/ }).waitFor();
  await page.locator("[data-part=reading-negative]").filter({ hasText: "of 75 tokens" }).waitFor();
});
