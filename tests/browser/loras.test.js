// @ts-check
/** LoRAs into the page by address and by file, drawn with, kept, and removed; and a packed model by its address. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { launch, openContext } from "./browser.js";
import { demoManifest } from "./demo-checkpoint.js";
import { Mirror } from "./mirror.js";
import { pixelsShown } from "./pixels.js";
import { Site } from "./site.js";

const START_MS = 60_000;
const DONE_MS = 180_000;
const RANK = 2;
const DEMO = new URL("../../www/models/demo/", import.meta.url);

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Site} */
let site;
/** @type {Mirror} */
let mirror;
/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {import("playwright-core").Page} */
let page;

before(async () => {
  browser = await launch();
  mirror = new Mirror();
  mirror.files.set("/loras/fox.safetensors", lora({ "modelspec.trigger_phrase": "foxy, in snow" }));
  await mirror.listen();
});

after(async () => {
  mirror?.close();
  await browser?.close();
});

beforeEach(async () => {
  mirror.reset();
  site = await Site.start();
  await open();
});

afterEach(async () => {
  await context.close();
  await site.close();
});

/** @param {import("playwright-core").BrowserContextOptions} [options] */
async function open(options) {
  await context?.close();
  ({ context } = await openContext(browser, options));
  page = await context.newPage();
  page.on("dialog", (dialog) => void dialog.accept());
  await page.goto(site.url);
  await ready();
}

async function ready() {
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: START_MS });
}

/** For every query of the demo's attentions, numbers of its own. @param {Record<string, string>} metadata */
function lora(metadata) {
  const { tensors = [] } = demoManifest("base").components.unet ?? {};
  const queries = tensors.filter(({ name }) => name.endsWith(".to_q.weight"));
  assert.ok(queries.length > 4);
  const factors = queries.flatMap(({ name, shape: [out = 0, input = 0] }) => {
    const layer = `unet.${name.slice(0, -".weight".length)}`;
    return [
      { name: `${layer}.lora_A.weight`, shape: [RANK, input] },
      { name: `${layer}.lora_B.weight`, shape: [out, RANK] },
    ];
  });
  /** @type {Record<string, object>} */
  const header = { __metadata__: metadata };
  let at = 0;
  const values = factors.map(({ name, shape: [rows = 0, columns = 0] }) => {
    const numbers = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 1.7 + at));
    header[name] = { dtype: "F32", shape: [rows, columns], data_offsets: [at, at + numbers.byteLength] };
    at += numbers.byteLength;
    return Buffer.from(numbers.buffer);
  });
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...values]);
}

async function ended() {
  await page.waitForSelector("#progress", { state: "hidden", timeout: DONE_MS });
  assert.ok(!(await page.isVisible("#message")), await page.innerText("#message"));
}

/** @param {string} prompt */
async function draw(prompt = "a red apple, 3d emoji") {
  const fields = { "#prompt": prompt, "#seed": 7, "#steps": 1, "#guidanceScale": 4, "#width": 128, "#height": 128 };
  for (const [field, value] of Object.entries(fields)) await page.fill(field, String(value));
  await page.locator("[name=refine]").setChecked(false);
  await page.locator("#prompt-form button[type=submit]").click();
  await ended();
  return pixelsShown(page);
}

test("by address: it is drawn with as strongly as asked, its words are at hand, it works offline, and it goes when it is removed", async () => {
  await open({ serviceWorkers: "allow" });
  const without = await draw();
  await page.locator("#get-lora > summary").click();
  await page.fill("#lora-place", `${mirror.url}/loras/fox.safetensors`);
  await page.click("#lora-form button[type=submit]");
  await ended();
  assert.equal(await page.inputValue("#lora-place"), "");
  await page.locator("#loras").getByLabel("fox", { exact: true }).and(page.locator(":checked")).waitFor();
  const used = await draw();
  assert.notEqual(used, without);

  await page.getByLabel("Weight of fox").fill("0");
  assert.equal(await draw(), without);
  await page.getByLabel("Weight of fox").fill("0.5");
  const half = await draw();
  assert.ok(half !== used && half !== without);

  await page.getByRole("button", { name: "Add to the prompt: foxy" }).click();
  assert.equal(await page.inputValue("#prompt"), "a red apple, 3d emoji, foxy");

  await page.evaluate(() => navigator.serviceWorker.ready.then(() => null));
  await context.setOffline(true);
  mirror.headers = [];
  await page.reload();
  await ready();
  await page.locator("#loras").getByLabel("fox", { exact: true }).check();
  assert.equal(await draw(), used);
  await page.getByRole("button", { name: "Remove: fox" }).click();
  await page.waitForSelector("#loras", { state: "hidden" });
  assert.equal(await draw(), without);
  assert.deepEqual(mirror.headers, []);
});

test("by file, and what is no LoRA, or one for another model, is refused with its name", async () => {
  const bring = async (/** @type {string} */ name, /** @type {Buffer} */ buffer) => {
    await page.locator("#lora-form input[type=file]").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
    await page.click("#lora-form button[type=submit]");
    await page.waitForSelector("#progress", { state: "hidden", timeout: DONE_MS });
  };
  await page.locator("#get-lora > summary").click();
  const weights = mirror.files.get("/base/vae/diffusion_pytorch_model.safetensors");
  assert.ok(weights);
  await bring("vae.safetensors", weights);
  const message = page.locator("#message:visible");
  assert.match(await message.innerText(), /vae.*is not a LoRA's tensor/s);

  const elsewhere = lora({ ss_base_model_version: "sd_v1" });
  await bring("small.safetensors", Buffer.from(elsewhere.toString("latin1").replaceAll("unet.", "unex."), "latin1"));
  await page.locator("#loras").getByLabel("small", { exact: true }).waitFor();
  await page.fill("#prompt", "a cat");
  await page.locator("#prompt-form button[type=submit]").click();
  await message.waitFor({ timeout: DONE_MS });
  assert.match(await message.innerText(), /made for sd_v1/);
  await page.getByRole("button", { name: "Remove: small" }).click();

  await bring("mine.safetensors", lora({}));
  await page.locator("#loras").getByLabel("mine", { exact: true }).waitFor();
  await draw();
  assert.deepEqual(mirror.headers, []);
});

test("one for few steps is known by its name, and Fast sets what it was made for", async () => {
  await page.locator("#get-lora > summary").click();
  await page.locator("#lora-form input[type=file]").setInputFiles({ name: "lcm-lora-demo.safetensors", mimeType: "application/octet-stream", buffer: lora({}) });
  await page.click("#lora-form button[type=submit]");
  await page.getByRole("button", { name: "Use its settings: 4 steps, guidance off, LCM" }).waitFor({ timeout: DONE_MS });
  await page.getByRole("radio", { name: "Fast" }).click();
  assert.ok(await page.getByRole("radio", { name: "Fast" }).isChecked());
  assert.deepEqual(await Promise.all(["#steps", "#guidanceScale", "#sampler"].map((field) => page.inputValue(field))), ["4", "1", "lcm"]);
  assert.ok(await page.getByRole("checkbox", { name: "lcm-lora-demo" }).isChecked());

  for (const [field, value] of Object.entries({ "#prompt": "a red apple, 3d emoji", "#seed": "7", "#width": "128", "#height": "128" })) await page.fill(field, value);
  await page.locator("#prompt-form button[type=submit]").click();
  await ended();
  assert.match(await page.innerText("#picture figcaption"), /seed 7 · 4 steps · guidance 1/);
  await page.locator("#gallery li > button").first().click();
  assert.match(await page.innerText("#gallery dialog"), /LCM.*lcm-lora-demo/s);
});

test("a packed model's address is one like any other", async () => {
  for (const path of readdirSync(DEMO, { recursive: true, encoding: "utf8" })) {
    if (/\.\w+$/.test(path)) mirror.files.set(`/packed/${path}`, readFileSync(new URL(path, DEMO)));
  }
  await page.locator("#get-model > summary").click();
  await page.fill("#import-base", `${mirror.url}/packed/base/manifest.json`);
  await page.click("#import-form button[type=submit]");
  await ended();
  assert.equal(new URL(page.url()).searchParams.get("model"), `${mirror.url}/packed/`);
  await page.getByText("stored on this device: works without a network").waitFor();
});
