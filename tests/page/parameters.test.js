// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { parseParameters, writeParameters } from "../../www/page/parameters.js";
import { CodedError } from "../../www/protocol.js";

/** @typedef {import("../../www/page/settings.js").Settings} Settings */

const EULER_A = { sampler: "euler_ancestral", noiseSchedule: "default", timestepSpacing: "linspace" };
const KARRAS = { sampler: "dpmpp_2m", noiseSchedule: "karras", timestepSpacing: "linspace" };

/** @type {Record<string, { text: string, request: object, model?: string, unknown?: string[] }>} */
const TEXTS = {
  "an old text, with the schedule in the sampler's name": {
    text: "a desert scene, ((eyeshadow)), detailed\nNegative prompt: ugly, (((deformed))), [blurry]\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 965400086, Size: 512x768, Model hash: 45dee52b",
    request: { prompt: "a desert scene, ((eyeshadow)), detailed", negativePrompt: "ugly, (((deformed))), [blurry]", steps: 20, sampling: KARRAS, guidanceScale: 7, seed: 965400086, width: 512, height: 768 },
  },
  "a new text, with a type of schedule, a refiner and quoted hashes": {
    text: 'a cat\nNegative prompt: a dog\nSteps: 30, Sampler: DPM++ 2M SDE, Schedule type: Exponential, CFG scale: 5.5, Seed: 4294967295, Size: 1344x768, Model hash: 31e35c80fc, Model: sd_xl_base_1.0, VAE hash: 235745af8d, Clip skip: 3, Lora hashes: "a: 1234, b: 5678", Refiner: sd_xl_refiner_1.0 [7440042bbd], Refiner switch at: 0.8, Version: v1.9.4',
    request: {
      prompt: "a cat",
      negativePrompt: "a dog",
      steps: 30,
      sampling: { sampler: "dpmpp_2m_sde", noiseSchedule: "exponential", timestepSpacing: "linspace" },
      guidanceScale: 5.5,
      seed: 4294967295,
      width: 1344,
      height: 768,
      clipSkip: 1,
      refiner: { switchAt: 0.8 },
    },
    model: "sd_xl_base_1.0",
  },
  "LoRA tags of every form, and other networks'": {
    text: "<lora:first:0.8>a cat <lora:second> in the rain, <lora: third : -1.5 > <lora:two weights:0.8:0.6><lora:named:te=1:unet=0.5> <lyco:old:0.25:0.25> <hypernet:h:1> <lora:bad:x>\nSteps: 8, Sampler: LCM, Seed: 1, Size: 1024x1024",
    request: {
      prompt: "a cat  in the rain,",
      steps: 8,
      sampling: { sampler: "lcm", noiseSchedule: "default", timestepSpacing: "linspace" },
      seed: 1,
      width: 1024,
      height: 1024,
      loras: [
        { name: "first", weight: 0.8 },
        { name: "second", weight: 1 },
        { name: "third", weight: -1.5 },
        { name: "two weights", weight: 0.6 },
        { name: "named", weight: 0.5 },
        { name: "old", weight: 0.25 },
      ],
    },
    unknown: ["<lora:two weights:0.8:0.6>", "<lora:named:te=1:unet=0.5>", "<hypernet:h:1>", "<lora:bad:x>"],
  },
  "a second pass, which we do not have": {
    text: "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 123, Size: 832x1216, Denoising strength: 0.4, Clip skip: 2, Hires upscale: 2, Hires steps: 10, Hires upscaler: Latent",
    request: { prompt: "a cat", steps: 20, sampling: EULER_A, guidanceScale: 7, seed: 123, width: 832, height: 1216, clipSkip: 0 },
    unknown: ["Denoising strength: 0.4", "Hires upscale: 2", "Hires steps: 10", "Hires upscaler: Latent"],
  },
  "a picture that was redrawn": {
    text: "a cat\nSteps: 20, Sampler: DDIM, CFG scale: 7, Seed: 123, Size: 1024x1024, Denoising strength: 0.75, RNG: CPU",
    request: {
      prompt: "a cat",
      steps: 20,
      sampling: { sampler: "ddim", noiseSchedule: "default", timestepSpacing: "leading" },
      guidanceScale: 7,
      seed: 123,
      width: 1024,
      height: 1024,
      strength: 0.75,
    },
  },
  "odd spacing and Windows' line ends": {
    text: "  a cat,\r\n\r\n on a mat \r\n  Negative prompt:a dog\r\nmud  \r\n  Steps:20,Sampler :  euler  A ,CFG scale:7 , Seed: 5,  Size: 512 x 512 \r\n\r\n",
    request: { prompt: "a cat,\n\n on a mat", negativePrompt: "a dog\nmud", steps: 20, sampling: EULER_A, guidanceScale: 7, seed: 5, width: 512, height: 512 },
  },
  "a prompt that talks of steps itself": {
    text: "Steps: 3, Stairs: many, Colour: red\na long way\nNegative prompt: Steps: 4, Fog: none, Rain: none\nSteps: 25, Sampler: UniPC, CFG scale: 6, Seed: 9",
    request: {
      prompt: "Steps: 3, Stairs: many, Colour: red\na long way",
      negativePrompt: "Steps: 4, Fog: none, Rain: none",
      steps: 25,
      sampling: { sampler: "unipc", noiseSchedule: "default", timestepSpacing: "leading" },
      guidanceScale: 6,
      seed: 9,
    },
  },
  "no prompt at all": {
    text: "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1",
    request: { prompt: "", steps: 20, sampling: { ...EULER_A, sampler: "euler" }, guidanceScale: 7, seed: 1 },
  },
  "no last line": { text: "Steps: up, a cat\nNegative prompt: a dog", request: { prompt: "Steps: up, a cat", negativePrompt: "a dog" } },
  "nothing at all": { text: "", request: { prompt: "" } },
  "prompts that change while they are drawn": {
    text: "a [cat:dog:0.5] and [red|blue] AND a [plain:0.3] \\[x|y\\] [soft] sky\nSteps: 20, Seed: 1, CFG scale: 7",
    request: { prompt: "a [cat:dog:0.5] and [red|blue] AND a [plain:0.3] \\[x|y\\] [soft] sky", steps: 20, seed: 1, guidanceScale: 7 },
    unknown: ["[cat:dog:0.5]", "[red|blue]", "[plain:0.3]", "AND"],
  },
  "samplers and schedules that there are not": {
    text: "a cat\nSteps: 20, Sampler: DPM++ SDE Karras, Schedule type: Karras, Seed: 1",
    request: { prompt: "a cat", steps: 20, seed: 1 },
    unknown: ["Sampler: DPM++ SDE Karras", "Schedule type: Karras"],
  },
  "a schedule that there is not for this sampler": {
    text: "a cat\nSteps: 20, Sampler: Euler a, Schedule type: Karras, Seed: 1",
    request: { prompt: "a cat", steps: 20, sampling: EULER_A, seed: 1 },
    unknown: ["Schedule type: Karras"],
  },
  "the same, in a sampler's old name": {
    text: "a cat\nSteps: 20, Sampler: Euler a Karras, Seed: 1",
    request: { prompt: "a cat", steps: 20, sampling: EULER_A, seed: 1 },
    unknown: ["Sampler: Euler a Karras"],
  },
  "other spacings, and other tools' spelling": {
    text: "a cat\nSteps: 4, Sampler: euler_ancestral, Schedule type: sgm_uniform, Seed: 1",
    request: { prompt: "a cat", steps: 4, sampling: { ...EULER_A, timestepSpacing: "trailing" }, seed: 1 },
  },
  "numbers that are none, or that no model can do": {
    text: "a cat\nSteps: 100000, Sampler: Euler, CFG scale: seven, Seed: -1, Size: 1024, Clip skip: x, Refiner switch at: 1",
    request: { prompt: "a cat", sampling: { ...EULER_A, sampler: "euler" } },
    unknown: ["Steps: 100000", "CFG scale: seven", "Seed: -1", "Size: 1024", "Clip skip: x", "Refiner switch at: 1"],
  },
  "Civitai's JSON without quotes, and an extension's lines below": {
    text: 'a cat\nSteps: 25, Sampler: Euler a, CFG scale: 4, Seed: 7, Size: 832x1216, Created Date: 2024-05-01T12:34:56.789Z, Civitai resources: [{"type":"checkpoint","modelVersionId":290640},{"type":"lora","weight":0.8}], Civitai metadata: {}\nTemplate: a {cat|dog}',
    request: { prompt: "a cat", steps: 25, sampling: EULER_A, guidanceScale: 4, seed: 7, width: 832, height: 1216 },
    unknown: ["Template: a {cat|dog}"],
  },
  "quoted values with everything in them": {
    text: 'a cat\nSteps: 20, Model: "odd, \\"name\\": x", Seed: 1, Wildcard prompt: "a, b: c", Tiling: True',
    request: { prompt: "a cat", steps: 20, seed: 1 },
    model: 'odd, "name": x',
    unknown: ["Wildcard prompt: a, b: c", "Tiling: True"],
  },
};

for (const [what, { text, request, model = null, unknown = [] }] of Object.entries(TEXTS)) {
  test(`reads ${what}`, () => {
    assert.deepEqual(parseParameters(text), { request: { negativePrompt: null, promptSyntax: "weighted", loras: [], ...request }, model, unknown });
  });
}

test("other tools' JSON under the same keyword is none of it", () => {
  assert.equal(parseParameters('{"sui_image_params": {"prompt": "a cat", "steps": 20}}'), null);
  assert.notEqual(parseParameters("{a|b} cat"), null);
});

/** @type {Settings} */
const OURS = {
  prompt: "a (red:1.3) cat, BREAK\nsecond line",
  negativePrompt: "a dog",
  promptSyntax: "weighted",
  clipSkip: 1,
  seed: Number.MAX_SAFE_INTEGER,
  steps: 30,
  sampling: { sampler: "dpmpp_2m", noiseSchedule: "karras", timestepSpacing: "linspace" },
  guidanceScale: 5.25,
  strength: 0.6,
  width: 1216,
  height: 832,
  refiner: { switchAt: 0.75 },
  loras: [
    { name: "paper cut, v2", weight: 0.8 },
    { name: "b", weight: -1 },
  ],
};

test("writes what A1111 documents", () => {
  assert.equal(
    writeParameters(OURS, "https://example.org/a, b/"),
    `a (red:1.3) cat, BREAK
second line <lora:paper cut, v2:0.8> <lora:b:-1>
Negative prompt: a dog
Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.25, Seed: 9007199254740991, Size: 1216x832, Model: "https://example.org/a, b/", Denoising strength: 0.6, Clip skip: 3, Refiner switch at: 0.75, Version: sdxl-web`,
  );
});

test("our own settings come back", () => {
  assert.deepEqual(parseParameters(writeParameters(OURS, "demo")), { request: OURS, model: "demo", unknown: [] });
});

test("so does every sampler, with every schedule that it has and A1111 has a name for", () => {
  const samplers = /** @type {const} */ (["euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2m_sde", "ddim", "unipc", "lcm"]);
  const spacings = /** @type {const} */ (["leading", "trailing", "linspace"]);
  for (const sampler of samplers) {
    /** @type {import("../../www/page/settings.js").Sampling[]} */
    const samplings = spacings.map((timestepSpacing) => ({ sampler, noiseSchedule: "default", timestepSpacing }));
    if (/^(euler|dpmpp_.*|unipc)$/.test(sampler)) samplings.push({ sampler, noiseSchedule: "karras", timestepSpacing: "linspace" }, { sampler, noiseSchedule: "exponential", timestepSpacing: "linspace" });
    for (const sampling of samplings) assert.deepEqual(parseParameters(writeParameters({ ...OURS, sampling }, null))?.request.sampling, sampling);
  }
});

test("brackets of a plain prompt are written as text, and little is said of what is left out", () => {
  assert.equal(writeParameters({ prompt: "a cat (by [me]) \\o/", steps: 4 }, null), "a cat \\(by \\[me\\]\\) \\\\o/\nSteps: 4, Sampler: Euler, Schedule type: Uniform, Version: sdxl-web");
});

test("a LoRA whose name cannot stand in a tag is left out", () => {
  const text = writeParameters({ ...OURS, loras: [{ name: "a:b", weight: 1 }, { name: "c>", weight: 1 }] }, null);
  assert.ok(!text.includes("<lora"));
});

test("whatever is damaged, something is read or refused with a code", () => {
  let state = 1;
  const random = (/** @type {number} */ below) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
  const pieces = ["\n", "\r", ",", ":", '"', "\\", "<lora:", ">", "[", "|", "Steps: ", "Negative prompt:", "Size: 9x", "\0", "\ud800", "1e999", "__proto__: 1, "];
  const texts = [...Object.values(TEXTS).map(({ text }) => text), writeParameters(OURS, "demo")];
  for (let round = 0; round < 3000; round++) {
    let text = texts[random(texts.length)] ?? "";
    for (let times = random(8); times >= 0; times--) {
      const at = random(text.length + 1);
      text = text.slice(0, at) + (pieces[random(pieces.length)] ?? "") + text.slice(at + random(10));
    }
    try {
      const { request } = parseParameters(text) ?? { request: {} };
      for (const value of Object.values(request)) assert.notEqual(value, undefined);
      assert.equal(Object.getPrototypeOf(request), Object.prototype);
    } catch (error) {
      assert.ok(error instanceof CodedError, String(error));
    }
  }
});

test("a text that is too long for one is refused, before it is looked at", () => {
  assert.throws(() => parseParameters(`Steps: 1, a: 2, b: "${"x".repeat(1e7)}"`), { name: "BadPicture", message: /10000021 characters/ });
});

test("long texts take no longer than they are long", () => {
  const LENGTH = 200_000;
  for (const piece of [" ", "a", ":", '"', "a:\"", 'a:"\\",', ",", "<", "<lora:", "<a:b", "[", "[a|", ":1", "1", "\\", "\n", "Steps: 1,a:,b:\n", "Hires a: 1,", "[[", "[|]", "<a:b>", "x\n", "a: x,", '{"a":']) {
    const started = performance.now();
    for (const before of ["", "Steps: 1, a: 2, b: 3, ", "Steps: 1, a: 2, b: 3\n"]) parseParameters(before + piece.repeat(LENGTH / piece.length));
    assert.ok(performance.now() - started < 5000, `${JSON.stringify(piece)} took ${performance.now() - started} ms`);
  }
});
