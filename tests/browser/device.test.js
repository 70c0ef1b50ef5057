// @ts-check
/** What a user learns about this device, and what is kept when its GPU fails at the end of a run; the stub engine fails on demand. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { stubPages } from "./stub-page.js";

const PATIENCE = 30_000;

const stub = stubPages();
/** @type {import("playwright-core").Page} */
let page;

beforeEach(async () => {
  page = await stub.open();
});

async function draw(prompt = "a red circle") {
  await page.fill("#prompt", prompt);
  await page.fill("#steps", "2");
  await page.fill("#seed", "41");
  await page.click("#prompt-form button[type=submit]");
}

/** @param {string} prompt */
async function fail(prompt) {
  await draw(prompt);
  await page.locator("#message:visible").waitFor({ timeout: PATIENCE });
  await page.locator("#progress").waitFor({ state: "hidden" });
}

const pictures = () => page.locator("#gallery li");

test("a run that fails at its end is decoded later, over a reload too, and is not computed again", async () => {
  await fail("a circle, out of memory at the end");
  assert.equal(await page.getAttribute("#message", "data-code"), "OutOfMemory");
  await page.getByText("is computed, but not decoded").waitFor();
  assert.equal(await pictures().count(), 0);

  await stub.arrive(page);
  await page.getByText("(seed 41) is computed, but not decoded").waitFor();
  await page.getByRole("button", { name: "Decode it" }).click();
  await pictures().first().waitFor({ timeout: PATIENCE });
  assert.match((await page.textContent("#picture [data-part=caption]")) ?? "", /seed 41 · 2 steps/);
  await page.locator("#unfinished").waitFor({ state: "hidden" });

  await stub.arrive(page);
  await pictures().first().waitFor();
  assert.equal(await pictures().count(), 1);
  assert.ok(!(await page.isVisible("#unfinished")));
});

test("trying again after a failure at the end only decodes, and latents can be discarded", async () => {
  await fail("a circle, out of memory at the end");
  await page.locator("#message").getByRole("button", { name: "Try again" }).click();
  await pictures().first().waitFor({ timeout: PATIENCE });
  await page.locator("#unfinished").waitFor({ state: "hidden" });

  await fail("another, out of memory at the end");
  await page.getByRole("button", { name: "Discard it" }).click();
  await page.locator("#unfinished").waitFor({ state: "hidden" });
  // Now there is nothing to decode: it is drawn once more, and fails once more.
  await page.locator("#message").getByRole("button", { name: "Try again" }).click();
  await page.locator("#unfinished").waitFor({ timeout: PATIENCE });
  await page.getByRole("button", { name: "Discard it" }).click();
  await page.locator("#unfinished").waitFor({ state: "hidden" });
  await stub.arrive(page);
  assert.ok(!(await page.isVisible("#unfinished")));
});

test("a picture that is decoded leaves no latents behind", async () => {
  await draw();
  await pictures().first().waitFor({ timeout: PATIENCE });
  await page.locator("#progress").waitFor({ state: "hidden" });
  await stub.arrive(page);
  await pictures().first().waitFor();
  assert.equal(await pictures().count(), 1);
  assert.ok(!(await page.isVisible("#unfinished")));
});

test("what SDXL takes of disk, memory and time is told before it is loaded", async () => {
  await page.locator("#get-model > summary").click();
  await page.getByText("reads 7.0 GB once and keeps 3.5 GB here").waitFor();
  await page.selectOption("#import-scheme", "q4");
  await page.getByText("keeps 1.8 GB here").waitFor();
  await page.getByRole("button", { name: "How fast would it be here?" }).click();
  // The stub's base takes a second for a step, its refiner two, its decoder five.
  await page.getByText("about 35 s for 1024 × 1024 in 30 steps, 53 s with the refiner in 40 steps").waitFor({ timeout: PATIENCE });
  assert.match(await page.innerText("[data-part=forecast]"), /3\.5 GB of its memory/);
});

test("a report tells the GPU, the store and what went wrong, and no prompt", async () => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await fail("a secret circle, out of memory at the end");
  await page.locator("#message").getByRole("button", { name: "Report for a bug" }).click();
  const text = page.getByRole("textbox", { name: "Report" });
  const report = JSON.parse(await text.inputValue());
  assert.ok(report.device.gpu.limits.maxBufferSize > 0 && report.device.gpu.features.length > 0, JSON.stringify(report.device));
  assert.ok(report.device.storage.quota > 0 && report.models.length === 1 && /Chrome/.test(report.userAgent));
  assert.match(report.errors.join("\n"), /OutOfMemory: no room for the decoder/);
  assert.ok(!JSON.stringify(report).includes("secret"));
  await page.getByRole("button", { name: "Copy it" }).click();
  await page.getByText("Copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await text.inputValue());
  await page.keyboard.press("Escape");
  await text.waitFor({ state: "hidden" });
});

test("the GPU memory to plan for is kept from visit to visit, and the engine is told", async () => {
  await page.getByText("This device", { exact: true }).click();
  await page.getByLabel("GPU memory to plan for").selectOption({ label: "8.6 GB" });
  await stub.arrive(page);
  await page.getByText("This device", { exact: true }).click();
  assert.equal(await page.getByLabel("GPU memory to plan for").inputValue(), String(8 * 2 ** 30));
  await fail("how much memory");
  assert.match(await page.innerText("#message"), new RegExp(`planned for ${8 * 2 ** 30}`));
});
