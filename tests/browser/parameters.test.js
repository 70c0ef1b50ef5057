// @ts-check
/**
 * Pictures of A1111's web UI, dropped on the page: what they say is in the form, and what the page cannot do is told. They are written here,
 * byte by byte, as that program's documentation and the PNG specification have it; the stub engine draws.
 */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";

import { PNG } from "pngjs";

import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";
import { tinyModel } from "./tiny-model.js";

const PATIENCE = 30_000;
const KEYWORD = "parameters";
/** Of a PNG: its signature and its first chunk. */
const HEADER_BYTES = 8 + 25;

/** @typedef {"tEXt" | "zTXt" | "iTXt" | "iTXt, packed"} Kind */

/** @type {Record<string, { kind: Kind, text: string[], form: Record<string, string | boolean>, told: RegExp[], untold?: RegExp }>} */
const PICTURES = {
  "of version 1.10, with LoRAs and a second pass": {
    kind: "tEXt",
    text: [
      "a lighthouse at dusk, (volumetric fog:1.2), oil painting <lora:paper cut v2:0.8> <lora:add-detail:1.5>",
      "Negative prompt: lowres, [jpeg artifacts]",
      'Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 3141592653, Size: 832x1216, Model hash: 31e35c80fc, Model: sd_xl_base_1.0, VAE hash: 235745af8d, VAE: sdxl_vae.safetensors, Denoising strength: 0.35, Clip skip: 2, Hires Module 1: Use same choices, Hires upscale: 1.5, Hires steps: 12, Hires upscaler: 4x-UltraSharp, Lora hashes: "paper cut v2: 0f1e2d3c4b5a, add-detail: 7c6bad76eb54", Version: v1.10.1',
    ],
    form: {
      prompt: "a lighthouse at dusk, (volumetric fog:1.2), oil painting",
      negativePrompt: "lowres, [jpeg artifacts]",
      steps: "28",
      sampler: "dpmpp_2m",
      noiseSchedule: "karras",
      timestepSpacing: "linspace",
      guidanceScale: "6.5",
      seed: "3141592653",
      width: "832",
      height: "1216",
      clipSkip: "0",
      promptSyntax: "weighted",
      lock: true,
    },
    told: [/Denoising strength: 0\.35/, /Hires upscale: 1\.5/, /Hires steps: 12/, /Hires upscaler: 4x-UltraSharp/, /Not on this device: paper cut v2, add-detail/],
    untold: /hash|Version|Clip skip|Schedule type/,
  },
  "of the first versions, with a negative prompt of several lines and a schedule in the sampler's name": {
    kind: "tEXt",
    text: [
      "portrait of a caf\u00e9 owner, 85mm",
      "sitting by the window",
      "Negative prompt: cartoon,",
      "Steps: none, of all, things: here",
      "blurry",
      "Steps: 20, Sampler: DPM++ 2M SDE Exponential, CFG scale: 7, Seed: 42, Size: 1024x1024, Model hash: e6bb9ea85b, ENSD: 31337, Eta: 0.67",
    ],
    form: {
      prompt: "portrait of a caf\u00e9 owner, 85mm\nsitting by the window",
      negativePrompt: "cartoon,\nSteps: none, of all, things: here\nblurry",
      steps: "20",
      sampler: "dpmpp_2m_sde",
      noiseSchedule: "exponential",
      guidanceScale: "7",
      seed: "42",
      width: "1024",
      height: "1024",
    },
    told: [/ENSD: 31337/, /Eta: 0\.67/],
    untold: /Not on this device|Sampler|Model hash/,
  },
  "with a refiner, letters of other scripts and quoted values": {
    kind: "iTXt",
    text: [
      "\u4e00\u53ea\u732b\uff0c\u6c34\u58a8\u753b BREAK \ud83d\udc31",
      'Steps: 40, Sampler: Euler a, Schedule type: Automatic, CFG scale: 5, Seed: 7, Size: 1216x832, Model: "mine, \\"v2\\": final", Refiner: sd_xl_refiner_1.0 [7440042bbd], Refiner switch at: 0.75, Wildcard prompt: "a, b: c", Style Selector Style: "None, really", Version: 1.7.0',
    ],
    form: {
      prompt: "\u4e00\u53ea\u732b\uff0c\u6c34\u58a8\u753b BREAK \ud83d\udc31",
      negativePrompt: "",
      steps: "40",
      sampler: "euler_ancestral",
      noiseSchedule: "default",
      guidanceScale: "5",
      seed: "7",
      width: "1216",
      height: "832",
      refine: true,
      refinerMode: "ensemble",
      switchAt: "0.75",
    },
    told: [/Wildcard prompt: a, b: c/, /Style Selector Style: None, really/, /drawn with the model mine, "v2": final; here \w+ draws/],
    untold: /Refiner/,
  },
  "drawn from another picture, spaced by hand, with Windows' line ends": {
    kind: "zTXt",
    text: ["  a bridge,\r\n\r\n in  snow \r\nNegative prompt:people\r\n  Steps:16 ,Sampler :  Euler,CFG scale:4.0 , Seed:  5,  Size: 1024 x 768,Denoising strength:0.6, Mask blur: 4 , RNG: CPU\r\n"],
    form: { prompt: "a bridge,\n\n in  snow", negativePrompt: "people", steps: "16", sampler: "euler", guidanceScale: "4", seed: "5", width: "1024", height: "768" },
    told: [/Mask blur: 4/, /drawn from another picture/],
    untold: /RNG|Denoising/,
  },
  "with prompts that change, a sampler that there is not here, and numbers that are none": {
    kind: "iTXt, packed",
    text: [
      "a [cat:dog:0.5] AND a [red|blue] hat <hypernet:anime:1> <lora:two weights:0.8:0.4>",
      "Steps: 24, Sampler: DPM++ 3M SDE, Schedule type: Beta, CFG scale: high, Seed: 9, Size: 896x1152, Version: v1.10.0",
      "Template: a [{cat|dog}]",
    ],
    form: { prompt: "a [cat:dog:0.5] AND a [red|blue] hat", steps: "24", sampler: "euler", guidanceScale: "4", seed: "9", width: "896", height: "1152" },
    told: [/\[cat:dog:0\.5\]/, /AND/, /\[red\|blue\]/, /<hypernet:anime:1>/, /<lora:two weights:0\.8:0\.4>/, /Sampler: DPM\+\+ 3M SDE/, /Schedule type: Beta/, /CFG scale: high, and 1 more/],
    untold: /Version/,
  },
};

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Site} */
let site;
/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {import("playwright-core").Page} */
let page;
/** @type {string} */
let folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "a1111-"));
  browser = await launch();
  site = await Site.start();
  site.putStubEngine();
  site.putFolder("/www/models/demo/", tinyModel({ side: 1024 }));
  ({ context } = await openContext(browser));
});

after(async () => {
  await browser?.close();
  await site?.close();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * @param {Kind} kind
 * @param {string} text
 */
function pictureWith(kind, text) {
  const plain = PNG.sync.write(new PNG({ width: 8, height: 8 }));
  return Buffer.concat([plain.subarray(0, HEADER_BYTES), textChunk(kind, text), plain.subarray(HEADER_BYTES)]);
}

/**
 * @param {Kind} kind
 * @param {string} text
 */
function textChunk(kind, text) {
  const latin1 = Buffer.from(text, "latin1");
  const utf8 = Buffer.from(text, "utf8");
  const bodies = {
    tEXt: [latin1],
    zTXt: [[0], deflateSync(latin1)],
    iTXt: [[0, 0, 0, 0], utf8],
    "iTXt, packed": [[1, 0, 0, 0], deflateSync(utf8)],
  };
  const typed = Buffer.concat([kind.slice(0, 4), `${KEYWORD}\0`, ...bodies[kind]].map((part) => Buffer.from(/** @type {string} */ (part))));
  const chunk = Buffer.alloc(typed.length + 8);
  chunk.writeUInt32BE(typed.length - 4);
  typed.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(typed), typed.length + 4);
  return chunk;
}

/** As from another window. @param {string} path */
async function drop(path) {
  const { x, y } = (await page.locator("#picture").boundingBox()) ?? assert.fail("there is nothing to drop it on");
  const session = await context.newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of /** @type {const} */ (["dragEnter", "dragOver", "drop"])) await session.send("Input.dispatchDragEvent", { type, x: x + 20, y: y + 20, data });
}

for (const [what, { kind, text, form, told, untold }] of Object.entries(PICTURES)) {
  test(`a picture ${what} (${kind})`, async () => {
    page = await context.newPage();
    await page.goto(site.url);
    await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: PATIENCE });
    const path = join(folder, "picture.png");
    writeFileSync(path, pictureWith(kind, text.join("\n")));
    await drop(path);

    const note = page.locator("[data-part=told]", { hasText: "are in the form" });
    await note.waitFor({ timeout: PATIENCE });
    const said = await note.innerText();
    for (const pattern of told) assert.match(said, pattern);
    if (untold) assert.doesNotMatch(said, untold);
    const found = Object.fromEntries(
      await Promise.all(
        Object.entries(form).map(async ([name, value]) => {
          const field = page.locator(`#prompt-form [name=${name}]`);
          return [name, typeof value === "boolean" ? await field.isChecked() : await field.inputValue()];
        }),
      ),
    );
    assert.deepEqual(found, form);

    await page.locator("#prompt-form button[type=submit]").click();
    await page.locator("#picture[data-state=picture]").waitFor({ timeout: PATIENCE });
    const drawn = `${form.width} × ${form.height} · seed ${form.seed} · ${form.steps} steps · guidance ${form.guidanceScale}`;
    assert.ok((await page.innerText("#picture figcaption")).includes(drawn), await page.innerText("#picture figcaption"));
    await page.close();
  });
}
