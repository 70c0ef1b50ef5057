// @ts-check
/** What the form offers besides fields: recent prompts, and presets of quality; the stub engine draws. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { assertAccessible } from "./axe.js";
import { stubPages } from "./stub-page.js";
import { tinyModel } from "./tiny-model.js";

const PATIENCE = 30_000;

const stub = stubPages();
/** @type {import("playwright-core").Page} */
let page;

beforeEach(async () => {
  page = await stub.open();
});

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
  await stub.arrive(page);
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
  await stub.arrive(page);
  assert.ok(!(await opener.isVisible()));
});

test("what was typed is still there in another language, and nowhere else", async () => {
  await page.fill("#prompt", "a green tower");
  await page.fill("#negativePrompt", "fog");
  await page.locator("#language").selectOption("zh");
  await page.getByRole("button", { name: "生成" }).waitFor({ timeout: PATIENCE });
  assert.deepEqual([await page.inputValue("#prompt"), await page.inputValue("#negativePrompt")], ["a green tower", "fog"]);

  const other = await page.context().newPage();
  await stub.arrive(other);
  assert.notEqual(await other.inputValue("#prompt"), "a green tower");
  assert.equal(await other.inputValue("#negativePrompt"), "");
});

/**
 * @param {string} file
 * @param {string} [name]
 */
async function bringLora(file, name = file) {
  await page.locator("#get-lora").evaluate((details) => details.toggleAttribute("open", true));
  const header = Buffer.from("\u0002\0\0\0\0\0\0\0{}");
  await page.locator("#lora-form input[type=file]").setInputFiles({ name: `${file}.safetensors`, mimeType: "application/octet-stream", buffer: header });
  if (name !== file) await page.fill("#lora-name", name);
  await page.click("#lora-form button[type=submit]");
  await page.locator("#loras").getByLabel(name, { exact: true }).waitFor({ timeout: PATIENCE });
  await page.locator("#progress").waitFor({ state: "hidden" });
}

/** Which preset is marked, and what is set. */
async function quality() {
  const fields = await Promise.all(["#steps", "#guidanceScale", "#sampler", "#noiseSchedule", "#timestepSpacing"].map((field) => page.inputValue(field)));
  const marked = await page.locator("#quality input:checked").evaluateAll((all) => all.map((radio) => /** @type {HTMLInputElement} */ (radio).value));
  return [marked.join(), ...fields, await page.isChecked("[name=refine]")].join(" ");
}

const choose = (/** @type {string} */ name) => page.getByRole("radio", { name }).click();

test("presets of quality set what is seen, say what they cost, and are marked where they are what is set", async () => {
  assert.equal(await quality(), "standard 20 4 euler default  false");
  await choose("Best");
  assert.equal(await quality(), "best 27 4 euler default  true");
  await page.getByText("Takes a third longer than Standard").waitFor();
  await page.fill("#steps", "26");
  assert.equal(await quality(), " 26 4 euler default  true");
  await page.fill("#steps", "27");
  assert.equal(await quality(), "best 27 4 euler default  true");
  await page.keyboard.press("Tab");
  await page.getByRole("radio", { name: "Best" }).focus();
  await page.keyboard.press("ArrowLeft");
  assert.equal(await quality(), "standard 20 4 euler default  false");
  await page.locator("[name=refine]").check();
  assert.equal(await quality(), " 20 4 euler default  true");
  await page.getByText("Your own settings").waitFor();
});

test("Fast says what it lacks, is chosen once that is here, and leaves with its LoRA", async () => {
  await choose("Fast");
  assert.equal(await quality(), "standard 20 4 euler default  false");
  await page.getByText("do not fit the demo model").waitFor();
  await assertAccessible(page, "Fast without a LoRA");
  await page.locator("#quality").getByRole("button", { name: "Use the real SDXL" }).click();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "import-base");

  await bringLora("fox");
  assert.equal(await quality(), "standard 20 4 euler default  false");
  await bringLora("lcm-lora-demo");
  assert.equal(await quality(), "fast 4 1 lcm default  false");
  await page.getByText("With lcm-lora-demo, made for few steps: 10 % of Standard's work").waitFor();
  assert.ok(!(await page.locator("#quality button").isVisible()));
  const [fox, lcm] = ["fox", "lcm-lora-demo"].map((name) => page.locator("#loras").getByLabel(name, { exact: true }));
  assert.ok(fox && lcm && (await lcm.isChecked()) && (await fox.isChecked()));

  await choose("Standard");
  assert.equal(await quality(), "standard 20 4 euler default  false");
  assert.ok(!(await lcm.isChecked()) && (await fox.isChecked()));
  await page.getByLabel("Weight of lcm-lora-demo").fill("0.5");
  await choose("Fast");
  assert.equal(await quality(), "fast 4 1 lcm default  false");
  assert.equal(await page.getByLabel("Weight of lcm-lora-demo").inputValue(), "1");
  await page.getByLabel("Weight of lcm-lora-demo").fill("0.5");
  assert.equal(await quality(), " 4 1 lcm default  false");
});

test("a LoRA for few steps that is chosen by hand offers its settings", async () => {
  await bringLora("lcm-lora-demo");
  await bringLora("sdxl_lightning_8step");
  const [lcm, lightning] = ["LCM", "Euler"].map((sampler) => page.locator("#loras button", { hasText: `guidance off, ${sampler}` }));
  assert.ok(lcm && lightning && (await lcm.isVisible()) && (await lightning.isVisible()));
  await page.locator("#loras").getByLabel("lcm-lora-demo", { exact: true }).uncheck();
  assert.ok(!(await lcm.isVisible()));
  await lightning.click();
  assert.equal(await quality(), "fast 8 1 euler default trailing false");
  assert.ok(!(await lightning.isVisible()));
  await choose("Best");
  await choose("Fast");
  assert.equal(await quality(), "fast 4 1 lcm default  false");
});

test("LoRAs whose files are called the same have names of their own", async () => {
  for (const name of ["ink", "fox", "pytorch_lora_weights"]) await bringLora("pytorch_lora_weights", name);
  assert.deepEqual(await page.locator("#loras li").evaluateAll((all) => all.map((item) => /** @type {HTMLElement} */ (item).dataset.name)), ["fox", "ink", "pytorch_lora_weights"]);
  assert.deepEqual([await page.inputValue("#lora-name"), await page.inputValue("#lora-place")], ["", ""]);
});

test("with a model of one's own, Fast leads to the LoRA, and it is chosen when the LoRA is here", async () => {
  const model = tinyModel();
  const manifest = JSON.parse(String(model.get("base/manifest.json")));
  model.set("base/manifest.json", Buffer.from(JSON.stringify({ ...manifest, name: "mine" })));
  model.delete("refiner/manifest.json");
  stub.site.putFolder("/mine/", model);
  stub.site.putMissing("/mine/refiner/manifest.json");
  await page.goto(`${stub.site.url}?model=/mine/`);
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: PATIENCE });
  await choose("Best");
  assert.equal(await quality(), "best 40 5 euler default  false");
  await page.getByText("this model comes without").first().waitFor();

  await choose("Fast");
  await page.getByText("LCM-LoRA is one; it takes 394 MB").waitFor();
  await page.getByRole("button", { name: "Get LCM-LoRA" }).click();
  assert.equal(await page.inputValue("#lora-place"), "latent-consistency/lcm-lora-sdxl");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "lora-place");
  await bringLora("lcm-lora-sdxl");
  assert.equal(await quality(), "fast 4 1 lcm default  false");
});

test("a LoRA that another tab has removed is told, and the picture is drawn without it", async () => {
  await bringLora("ink");
  const other = await page.context().newPage();
  await stub.arrive(other);
  other.on("dialog", (dialog) => void dialog.accept());
  await other.getByRole("button", { name: "Remove: ink" }).click();
  await other.locator("#loras").waitFor({ state: "hidden" });

  await page.bringToFront();
  await page.fill("#prompt", "a lonely lighthouse");
  await page.getByRole("button", { name: "Draw", exact: true }).click();
  await page.locator("#message:visible").waitFor({ timeout: PATIENCE });
  assert.equal(await page.getAttribute("#message", "data-code"), "MissingLora");
  await page.getByRole("button", { name: "Draw it without LoRAs" }).click();
  await page.getByRole("img", { name: "a lonely lighthouse" }).first().waitFor({ timeout: PATIENCE });
  assert.ok(!(await page.isVisible("#message")));
});
