// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { PNG } from "pngjs";

import { settingsOf, withSettings } from "../../www/page/picture-file.js";
import { readText, writeText } from "../../www/page/png-text.js";
import { CodedError } from "../../www/protocol.js";

/** @typedef {import("../../www/page/settings.js").Settings} Settings */

const PICTURE = new Uint8Array(PNG.sync.write(new PNG({ width: 2, height: 2 })));

const MODEL = "https://example.org/a model/";

/** Every field of the request. @type {Required<Settings>} */
const ALL = {
  prompt: "一只猫, (red:1.2) <lora:not a tag\u0000\ud800>\r\n",
  prompt2: "",
  negativePrompt: "",
  promptSyntax: "plain",
  clipSkip: 2,
  seed: Number.MAX_SAFE_INTEGER,
  images: 4,
  steps: 31,
  sampling: { sampler: "unipc", noiseSchedule: "exponential", timestepSpacing: "trailing" },
  guidanceScale: 0.1 + 0.2,
  guidanceRescale: 0.7,
  strength: 1,
  height: 832,
  width: 1216,
  refiner: { switchAt: 1 / 3 },
  skipBase: false,
  loras: [
    { name: "a:b>", weight: -0.5 },
    { name: "", weight: 1e-9 },
  ],
  originalSize: [1024, 1024],
  cropTopLeft: [0, 64],
  targetSize: null,
  negativeSizes: { originalSize: [512, 512], cropTopLeft: [0, 0], targetSize: [1024, 1024] },
  aestheticScore: 6.5,
  negativeAestheticScore: null,
};

/** @param {Uint8Array<ArrayBuffer>} png */
const read = (png) => settingsOf(new Blob([png]));

/** @param {unknown} json */
const readOurs = (json) => read(writeText(PICTURE, { "sdxl-web": JSON.stringify(json) }));

test("all settings come back, exactly", async () => {
  assert.deepEqual(await read(withSettings(PICTURE, ALL, MODEL)), { request: ALL, model: MODEL, unknown: [] });
});

test("so do other refiners, no model, and next to no settings", async () => {
  for (const refiner of [null, { strength: 0.3 }, { strength: 0.3, steps: null }, { strength: 0, steps: 20 }]) {
    const found = await read(withSettings(PICTURE, { ...ALL, refiner }, null));
    assert.deepEqual(found, { request: { ...ALL, refiner }, model: null, unknown: [] });
  }
  assert.deepEqual(await read(withSettings(PICTURE, {}, MODEL)), { request: {}, model: MODEL, unknown: [] });
});

test("other tools find A1111's text, and the last settings replace those before", async () => {
  const texts = await readText(withSettings(withSettings(PICTURE, ALL, MODEL), { prompt: "a cat", steps: 4, seed: 1 }, "demo"));
  assert.deepEqual([...texts.keys()], ["parameters", "sdxl-web"]);
  assert.match(texts.get("parameters") ?? "", /^a cat\nSteps: 4, Sampler: Euler, /);
});

test("without ours, A1111's text is read; without either there is nothing", async () => {
  const text = "a cat\nSteps: 20, Seed: 1, CFG scale: 7, Model: x, Tiling: True";
  assert.deepEqual(await read(writeText(PICTURE, { parameters: text })), {
    request: { prompt: "a cat", negativePrompt: null, promptSyntax: "weighted", loras: [], steps: 20, seed: 1, guidanceScale: 7 },
    model: "x",
    unknown: ["Tiling: True"],
  });
  assert.equal(await read(PICTURE), null);
  assert.equal(await read(writeText(PICTURE, { prompt: '{"3": {"class_type": "KSampler"}}', workflow: "{}" })), null);
});

test("ours is not believed where it is not whole", async () => {
  for (const ours of ["", "{", "null", "[]", '"text"', '{"version":1}', '{"version":2,"model":"x","request":{}}', '{"version":1,"model":"x","request":[]}', "[".repeat(100_000)]) {
    const found = await read(writeText(PICTURE, { "sdxl-web": ours, parameters: "theirs" }));
    assert.equal(found?.request.prompt, "theirs", ours);
    assert.equal(await read(writeText(PICTURE, { "sdxl-web": ours })), null);
  }
});

test("a field of the wrong type, or beyond what the engine draws, is left out and named", async () => {
  /** @type {Record<string, unknown[]>} */
  const wrong = {
    prompt: [null, 1, ["a"], {}],
    prompt2: [1, false],
    negativePrompt: [0, []],
    promptSyntax: ["Weighted", "", null],
    clipSkip: [-1, 0.5, "1", null],
    seed: [-1, 1.5, "7", 2 ** 53, null],
    images: [0, 17, "2"],
    steps: [0, 1001, 2.5, "20", true],
    sampling: [null, "euler", [], 1],
    guidanceScale: [-1, 101, "5", null],
    guidanceRescale: [-0.1, 1.1],
    strength: [2, "0.5"],
    height: [0, 4097, 0.5, "64"],
    width: [-64, null],
    refiner: [{}, { switchAt: 0 }, { switchAt: 1 }, { switchAt: "0.8" }, { strength: 2 }, { strength: 0.5, steps: 0 }, { switchAt: 0.5, strength: 0.5 }, [], true],
    skipBase: [0, "false", null],
    loras: [null, {}, "a", { length: 1 }],
    originalSize: [[1], [1, 2, 3], ["1", "2"], [-1, 0], [2 ** 32, 1], {}],
    cropTopLeft: [[0.5, 0], "0,0"],
    targetSize: [0],
    negativeSizes: [{ originalSize: [1, 1] }, { ...ALL.negativeSizes, targetSize: null }, []],
    aestheticScore: ["6", 1e39],
    negativeAestheticScore: [[]],
    somethingElse: [1],
    constructor: [{}],
  };
  assert.deepEqual(Object.keys(ALL).filter((field) => !(field in wrong)), []);
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const others = Object.fromEntries(Object.entries(ALL).filter(([name]) => name !== field));
      assert.deepEqual(await readOurs({ version: 1, model: MODEL, request: { ...ALL, [field]: value } }), { request: others, model: MODEL, unknown: [field] }, `${field}: ${JSON.stringify(value)}`);
    }
  }
});

test("of sampling and LoRAs, what is sound stays", async () => {
  const sampling = { sampler: "heun", noiseSchedule: "karras", timestepSpacing: "sideways", rho: 7 };
  const loras = [{ name: "a", weight: 1 }, { name: "b" }, { name: 1, weight: 1 }, null, { name: "c", weight: 0, more: 1 }];
  assert.deepEqual(await readOurs({ version: 1, model: 7, request: { sampling, loras } }), {
    request: { sampling: { noiseSchedule: "karras" }, loras: [{ name: "a", weight: 1 }] },
    model: null,
    unknown: ["sampling.sampler", "sampling.timestepSpacing", "sampling.rho", "loras[1]", "loras[2]", "loras[3]", "loras[4]", "model"],
  });
});

test("a prototype cannot be put in by its name", async () => {
  const text = '{"version":1,"model":null,"request":{"__proto__":{"steps":5},"sampling":{"__proto__":{"sampler":"ddim"}}}}';
  assert.deepEqual(await read(writeText(PICTURE, { "sdxl-web": text })), { request: { sampling: {} }, model: null, unknown: ["__proto__", "sampling.__proto__"] });
});

test("what is no PNG file, or a damaged one, is refused; of the first no more than its beginning is read", async () => {
  const whole = withSettings(PICTURE, ALL, MODEL);
  await assert.rejects(read(whole.subarray(0, -1)), { name: "BadPicture" });
  await assert.rejects(settingsOf(new Blob()), { name: "BadPicture" });
  assert.throws(() => withSettings(new Uint8Array(9), ALL, MODEL), { name: "BadPicture" });
  const huge = new Blob(["not a picture"]);
  huge.arrayBuffer = () => assert.fail("all of it was read");
  await assert.rejects(settingsOf(huge), { name: "BadPicture", message: /no PNG/ });
});

test("a file that went away is told as that", async () => {
  const gone = new Blob([PICTURE]);
  gone.arrayBuffer = async () => {
    throw new DOMException("gone", "NotFoundError");
  };
  await assert.rejects(settingsOf(gone), { name: "BadPicture", message: /no longer be read/ });
});

test("whatever is damaged, something is read or refused with a code", async () => {
  let state = 7;
  const random = (/** @type {number} */ below) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
  const text = JSON.stringify({ version: 1, model: MODEL, request: ALL });
  for (let round = 0; round < 1000; round++) {
    const at = random(text.length);
    const damaged = text.slice(0, at) + ['"', "{", "}", "null", "1e999", ",", "[", "-"][random(8)] + text.slice(at + random(6));
    const file = withSettings(PICTURE, ALL, MODEL);
    if (random(2)) file[random(file.length)] = random(256);
    try {
      await read(random(2) ? file : writeText(file, { "sdxl-web": damaged }));
    } catch (error) {
      assert.ok(error instanceof CodedError && error.name === "BadPicture", String(error));
    }
  }
});
