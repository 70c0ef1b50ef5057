// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { fileName } from "../../www/page/image-view.js";
import { UNTOUCHED, readRequest, rollSeed, typedOf } from "../../www/page/request.js";

/** @type {import("../../www/protocol.js").ModelFacts} */
const FACTS = {
  name: "demo",
  demo: true,
  side: 256,
  multiple: 32,
  minSide: 64,
  maxSide: 512,
  steps: 20,
  guidance: 4,
  switchAt: 0.8,
  refiner: true,
  bytes: 1,
  missing: 0,
};

/** @type {import("../../www/page/request.js").Typed} */
const TYPED = {
  ...UNTOUCHED,
  prompt: " a red circle ",
  negativePrompt: "  ",
  seed: "7",
  steps: "20",
  guidanceScale: "4.5",
  width: "256",
  height: "128",
  refine: true,
  switchAt: "0.8",
};

test("what was typed becomes the engine's request", () => {
  assert.deepEqual(readRequest(TYPED, FACTS), {
    problems: {},
    images: 1,
    request: {
      prompt: "a red circle",
      negativePrompt: null,
      promptSyntax: "weighted",
      clipSkip: 0,
      seed: 7,
      steps: 20,
      sampling: { sampler: "euler", noiseSchedule: "default", timestepSpacing: null },
      guidanceScale: 4.5,
      guidanceRescale: 0,
      width: 256,
      height: 128,
      refiner: { switchAt: 0.8 },
      originalSize: null,
      cropTopLeft: null,
      targetSize: null,
      aestheticScore: null,
      negativeAestheticScore: null,
    },
  });
});

const EVERYTHING = {
  ...TYPED,
  negativePrompt: "blurry",
  images: "4",
  guidanceRescale: "0.7",
  clipSkip: "1",
  refinerMode: "sdedit",
  refinerStrength: "0.25",
  aestheticScore: "7",
  negativeAestheticScore: "2",
  originalWidth: "1024",
  originalHeight: "768",
  cropTop: "0",
  cropLeft: "16",
  targetWidth: "512",
  targetHeight: "256",
  sampler: "dpmpp_2m",
  noiseSchedule: "karras",
  timestepSpacing: "trailing",
  promptSyntax: "plain",
};

test("every setting arrives, sizes as height and width", () => {
  const { request, images } = readRequest(EVERYTHING, FACTS);
  assert.equal(images, 4);
  assert.deepEqual(request?.refiner, { strength: 0.25 });
  assert.deepEqual(request?.sampling, { sampler: "dpmpp_2m", noiseSchedule: "karras", timestepSpacing: "trailing" });
  assert.deepEqual([request?.originalSize, request?.cropTopLeft, request?.targetSize], [[768, 1024], [0, 16], [256, 512]]);
  assert.deepEqual([request?.aestheticScore, request?.negativeAestheticScore, request?.guidanceRescale, request?.clipSkip], [7, 2, 0.7, 1]);
});

test("a request goes back into the form as it was typed", () => {
  for (const typed of [TYPED, EVERYTHING, { ...TYPED, refine: false }]) {
    const { request } = readRequest(typed, FACTS);
    assert.ok(request);
    const again = readRequest({ ...EVERYTHING, ...typedOf(request) }, FACTS);
    assert.deepEqual(again.request, request);
  }
});

test("one of two numbers that belong together is not enough", () => {
  const { request, problems } = readRequest({ ...TYPED, originalWidth: "512", cropTop: "1" }, FACTS);
  assert.equal(request, null);
  assert.deepEqual(Object.keys(problems).sort(), ["cropLeft", "originalHeight"]);
});

test("a negative prompt is passed on when there is one", () => {
  assert.equal(readRequest({ ...TYPED, negativePrompt: " blurry " }, FACTS).request?.negativePrompt, "blurry");
});

test("without a refiner, switched off or not there, its number is not looked at", () => {
  assert.equal(readRequest({ ...TYPED, refine: false, switchAt: "" }, FACTS).request?.refiner, null);
  assert.equal(readRequest({ ...TYPED, switchAt: "9" }, { ...FACTS, refiner: false }).request?.refiner, null);
});

for (const [field, value, words] of /** @type {[import("../../www/page/request.js").Field, string, RegExp][]} */ ([
  ["prompt", "   ", /what to draw/],
  ["seed", "", /whole number/],
  ["seed", "-1", /from 0/],
  ["seed", "1.5", /whole number/],
  ["seed", "9007199254740993", /whole number/],
  ["steps", "0", /from 1/],
  ["steps", "151", /to 150/],
  ["steps", "ten", /whole number/],
  ["guidanceScale", "0.5", /from 1/],
  ["guidanceScale", "31", /to 30/],
  ["width", "", /multiple of 32/],
  ["width", "100", /96 or 128/],
  ["width", "32", /From 64 to 512/],
  ["height", "544", /From 64 to 512/],
  ["height", "511", /480 or 512/],
  ["images", "0", /from 1 to 16/],
  ["images", "", /from 1 to 16/],
  ["guidanceRescale", "2", /from 0 to 1/],
  ["clipSkip", "0.5", /whole number/],
  ["aestheticScore", "11", /or nothing/],
  ["switchAt", "0", /between 0 and 1/],
  ["switchAt", "1", /between 0 and 1/],
  ["switchAt", "", /between 0 and 1/],
])) {
  test(`${field} "${value}" is told beside its field, and nothing is drawn`, () => {
    const { request, problems } = readRequest({ ...TYPED, [field]: value }, FACTS);
    assert.equal(request, null);
    assert.deepEqual(Object.keys(problems), [field]);
    assert.match(problems[field] ?? "", words);
  });
}

for (const [steps, strength, least] of /** @type {[string, string, string | null][]} */ ([
  ["4", "0.2", "0.25"],
  ["4", "0.25", null],
  ["3", "0.33", "0.34"],
  ["150", "0", "0.01"],
  ["20", "1.1", "0.05"],
  ["20", "", "0.05"],
])) {
  test(`of ${steps} steps a strength of "${strength}" ${least ? "is told to leave none" : "leaves one"}`, () => {
    for (const more of [{ strength }, { refinerMode: "sdedit", refinerStrength: strength }]) {
      const field = "strength" in more ? "strength" : "refinerStrength";
      const { request, problems } = readRequest({ ...TYPED, steps, ...more }, FACTS);
      assert.deepEqual(problems, least ? { [field]: `A number from ${least} to 1.` } : {});
      if (request && field === "strength") assert.equal(request.strength, Number(strength));
    }
  });
}

test("every wrong field is told at once", () => {
  const { problems } = readRequest({ ...TYPED, prompt: "", steps: "x", width: "1" }, FACTS);
  assert.deepEqual(Object.keys(problems).sort(), ["prompt", "steps", "width"]);
});

test("the dice give whole 32-bit seeds, both ends included", () => {
  assert.equal(rollSeed(() => 0), 0);
  assert.equal(rollSeed(() => 1 - 2 ** -53), 2 ** 32 - 1);
});

test("a picture's file is named for its prompt and seed", () => {
  const named = (/** @type {string} */ prompt) => fileName(/** @type {any} */ ({ prompt, seed: 7 }));
  assert.equal(named("A large, red circle!"), "a-large-red-circle-7.png");
  assert.equal(named("../../etc/passwd"), "etc-passwd-7.png");
  assert.equal(named("猫"), "猫-7.png");
  assert.equal(named("???"), "picture-7.png");
  assert.ok(named("word ".repeat(100)).length < 60);
});
