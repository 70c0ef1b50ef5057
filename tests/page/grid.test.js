// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { MOST_CELLS, exampleOf, isGrid, readGrid, sizeOf } from "../../www/page/grid.js";
import { numbersIn, wordsIn } from "../../www/page/grid-values.js";
import { UNTOUCHED } from "../../www/page/request.js";
import { layoutOf, linesOf } from "../../www/page/sheet-picture.js";

/** @type {import("../../www/protocol.js").ModelFacts} */
const FACTS = { name: "demo", demo: true, side: 256, multiple: 32, minSide: 64, maxSide: 512, steps: 20, guidance: 4, switchAt: 0.8, refiner: true, bytes: 1, missing: 0 };

/** @type {import("../../www/page/grid.js").GridTyped} */
const TYPED = {
  ...UNTOUCHED,
  prompt: "a red apple",
  negativePrompt: "a cat",
  seed: "7",
  steps: "20",
  guidanceScale: "4.5",
  width: "256",
  height: "128",
  refine: false,
  switchAt: "0.8",
  gridColumns: "",
  gridColumnsValues: "",
  gridRows: "",
  gridRowsValues: "",
};

/** @type {import("../../www/page/grid.js").Around} */
const AROUND = { loras: [{ name: "fox", weight: 1 }, { name: "lcm", weight: 0.5 }], hasPicture: true };

/**
 * @param {string} columns
 * @param {string} columnsValues
 * @param {Partial<import("../../www/page/grid.js").GridTyped>} [more]
 */
function read(columns, columnsValues, more = {}, facts = FACTS, around = AROUND) {
  return readGrid({ ...TYPED, gridColumns: columns, gridColumnsValues: columnsValues, ...more }, facts, around);
}

for (const [text, numbers] of /** @type {[string, string[]][]} */ ([
  ["20", ["20"]],
  [" 20 , 30,,20, ", ["20", "30"]],
  ["20，30", ["20", "30"]],
  ["20-40 (+10)", ["20", "30", "40"]],
  ["20-45(10)", ["20", "30", "40"]],
  ["1-5", ["1", "2", "3", "4", "5"]],
  ["3-1", ["3", "2", "1"]],
  ["10-5 (-3)", ["10", "7"]],
  ["0-0.3 (+0.1)", ["0", "0.1", "0.2", "0.3"]],
  ["-1-1", ["-1", "0", "1"]],
  ["-0.5--1.5", ["-0.5", "-1.5"]],
  ["0-1 [5]", ["0", "0.25", "0.5", "0.75", "1"]],
  ["5, 1-2, .5", ["5", "1", "2", ".5"]],
  ["9007199254740990-9007199254740991", ["9007199254740990", "9007199254740991"]],
  ["-1", ["-1"]],
  ["ten", ["ten"]],
])) {
  test(`numbers written "${text}"`, () => {
    assert.deepEqual(numbersIn(text, MOST_CELLS), { values: numbers.map((value) => ({ value, shown: value })), problem: null });
  });
}

for (const [text, words] of /** @type {[string, RegExp][]} */ ([
  ["", /at least one value/],
  [" , ,", /at least one value/],
  ["1-1", /no range/],
  ["0.2-0.8", /no range/],
  ["1-5 (0)", /no range/],
  ["1-5 (-1)", /no range/],
  ["1-5 [1]", /no range/],
  ["1-5 [0]", /no range/],
  ["1-1000000000000", /1000000000000 pictures are too many/],
  ["0-1 [99999999999]", /99999999999 pictures are too many/],
  [`1-${"9".repeat(400)}`, /no range/],
])) {
  test(`numbers written "${text.slice(0, 20)}" are told`, () => {
    const { values, problem } = numbersIn(text, MOST_CELLS);
    assert.deepEqual(values, []);
    assert.match(problem ?? "", words);
  });
}

test("any text is read in no time", () => {
  for (const text of ["1".repeat(2000), `${"1".repeat(2000)}-`, '"'.repeat(2000), " ".repeat(2000), `"${" ".repeat(1998)}`, "1-1 (".repeat(400)]) {
    const began = performance.now();
    numbersIn(text, MOST_CELLS);
    wordsIn(text);
    assert.ok(performance.now() - began < 200, text.slice(0, 10));
  }
});

test("words may be in quotes, with commas or nothing in them", () => {
  assert.deepEqual(wordsIn('apple, "red, round" , "",5" tall').values.map(({ value }) => value), ["apple", "red, round", "", '5" tall']);
});

test("every combination is a request, row by row, of one seed", () => {
  const { requests, grid, problems } = read("steps", "10-20 (+10)", { gridRows: "guidanceScale", gridRowsValues: "3, 5", images: "nonsense" });
  assert.deepEqual(problems, {});
  assert.deepEqual([grid?.columns, grid?.rows], [["Steps: 10", "Steps: 20"], ["Guidance: 3", "Guidance: 5"]]);
  assert.deepEqual(grid?.names, ["Steps: 10, Guidance: 3", "Steps: 20, Guidance: 3", "Steps: 10, Guidance: 5", "Steps: 20, Guidance: 5"]);
  assert.deepEqual(requests.map(({ steps, guidanceScale, seed }) => [steps, guidanceScale, seed]), [[10, 3, 7], [20, 3, 7], [10, 5, 7], [20, 5, 7]]);
});

test("one axis is enough, and what its field says then does not count", () => {
  const { requests, grid } = read("", "", { gridRows: "seed", gridRowsValues: "1-3", seed: "" });
  assert.deepEqual(grid, { columns: [""], rows: ["Seed: 1", "Seed: 2", "Seed: 3"], names: ["Seed: 1", "Seed: 2", "Seed: 3"] });
  assert.deepEqual(requests.map(({ seed }) => seed), [1, 2, 3]);
});

test("samplers and schedules go by the names that the form shows", () => {
  const { requests, grid } = read("sampler", "dpm++ 2m, Euler", { gridRows: "noiseSchedule", gridRowsValues: "as trained, Karras" });
  assert.deepEqual(grid?.columns, ["Sampler: DPM++ 2M", "Sampler: Euler"]);
  assert.deepEqual(requests.map(({ sampling }) => `${sampling?.sampler} ${sampling?.noiseSchedule}`), ["dpmpp_2m default", "euler default", "dpmpp_2m karras", "euler karras"]);
});

test("the first of several words is replaced, in both prompts, by what may look like a pattern", () => {
  const { requests } = read("words", "a, $&, \"\"");
  assert.deepEqual(requests.map(({ prompt, negativePrompt }) => [prompt, negativePrompt]), [["a red apple", "a cat"], ["$& red $&pple", "$& c$&t"], ["red pple", "ct"]]);
});

test("words on both axes are replaced one after the other", () => {
  const { requests } = read("words", "red, green", { gridRows: "words", gridRowsValues: "apple, pear" });
  assert.deepEqual(requests.map(({ prompt }) => prompt), ["a red apple", "a green apple", "a red pear", "a green pear"]);
});

test("an axis of the refiner has it take part in its way", () => {
  assert.deepEqual(read("switchAt", "0.7, 0.8").requests.map(({ refiner }) => refiner), [{ switchAt: 0.7 }, { switchAt: 0.8 }]);
  assert.deepEqual(read("refinerStrength", "0.2-0.3 (+0.1)").requests.map(({ refiner }) => refiner), [{ strength: 0.2 }, { strength: 0.3 }]);
});

test("strengths of a start picture and weights of all chosen LoRAs are in the requests; else they are not", () => {
  const { requests } = read("strength", "0.5, 1", { gridRows: "loraWeight", gridRowsValues: "-1" });
  const loras = [{ name: "fox", weight: -1 }, { name: "lcm", weight: -1 }];
  assert.deepEqual(requests.map(({ strength, loras }) => ({ strength, loras })), [{ strength: 0.5, loras }, { strength: 1, loras }]);
  const [plain] = read("steps", "10").requests;
  assert.ok(plain && !("strength" in plain) && !("loras" in plain));
});

for (const [what, columns, values, more, words] of /** @type {[string, string, string, object, RegExp][]} */ ([
  ["a number out of bounds", "steps", "20, 200", {}, /^200: .*from 1 to 150/],
  ["what is no number", "guidanceScale", "4, four", {}, /^four: .*from 1/],
  ["a seed that is none", "seed", "-1", {}, /^-1: .*whole number/],
  ["half a layer", "clipSkip", "0-1 [3]", {}, /^0\.5: .*whole number/],
  ["a name that there is not", "sampler", "Euler, Eular", {}, /“Eular” is none of: Euler, Euler ancestral/],
  ["words that are not there", "words", "dog, fox", {}, /“dog” is not in the prompt/],
  ["no words at all", "words", '"", fox', {}, /“” is not in the prompt/],
  ["too many pictures", "seed", "1-9", { gridRows: "steps", gridRowsValues: "1-9" }, /81 pictures are too many/],
  ["a strength that leaves no step", "strength", "0.5, 0.04", {}, /^0\.04: .*from 0\.05 to 1/],
  ["a strength that is none", "strength", "much", {}, /^much: A number/],
  ["a weight that is none", "loraWeight", "1, 1e9", {}, /^1e9: .*from -5 to 5/],
])) {
  test(`${what}: told beside the columns, and nothing is drawn`, () => {
    const { requests, grid, problems } = read(columns, values, more);
    assert.deepEqual([requests, grid, Object.keys(problems)], [[], null, ["gridColumnsValues"]]);
    assert.match(problems.gridColumnsValues ?? "", words);
  });
}

for (const [what, columns, rows, words] of [
  ["the same twice", "steps", "steps", /columns have this already/],
  ["the refiner in both ways", "switchAt", "refinerStrength", /one of the two/],
]) {
  test(`${what}: told beside the rows`, () => {
    const { problems } = read(String(columns), "0.5", { gridRows: String(rows), gridRowsValues: "0.5" });
    assert.deepEqual(Object.keys(problems), ["gridRowsValues"]);
    assert.match(problems.gridRowsValues ?? "", /** @type {RegExp} */ (words));
  });
}

test("what there is not cannot be varied", () => {
  const none = { loras: [], hasPicture: false };
  assert.match(read("strength", "0.5", {}, FACTS, none).problems.gridColumnsValues ?? "", /start picture first/);
  assert.match(read("loraWeight", "1", {}, FACTS, none).problems.gridColumnsValues ?? "", /LoRA first/);
  assert.match(read("switchAt", "0.5", {}, { ...FACTS, refiner: false }).problems.gridColumnsValues ?? "", /without a refiner/);
});

test("a sampler that does not go with the form's noise schedule, or with one of the grid's, is told before anything is drawn", () => {
  assert.deepEqual(Object.keys(read("sampler", "Euler, DDIM", { noiseSchedule: "karras" }).problems), ["noiseSchedule"]);
  assert.match(read("sampler", "Euler, DDIM", { gridRows: "noiseSchedule", gridRowsValues: "As trained, Karras" }).problems.gridRowsValues ?? "", /^Karras: .*DDIM/);
  assert.deepEqual(Object.keys(read("sampler", "LCM", { timestepSpacing: "leading" }).problems), ["timestepSpacing"]);
});

test("other fields are looked at as ever", () => {
  assert.deepEqual(Object.keys(read("steps", "10", { width: "100", prompt: " " }).problems).sort(), ["prompt", "width"]);
});

test("every example is sound, and is counted as it is typed", () => {
  for (const parameter of ["steps", "guidanceScale", "seed", "sampler", "noiseSchedule", "guidanceRescale", "clipSkip", "switchAt", "refinerStrength", "strength", "loraWeight"]) {
    const { text } = exampleOf(parameter);
    const { requests, problems } = read(parameter, text);
    assert.deepEqual(problems, {}, parameter);
    assert.equal(sizeOf({ ...TYPED, gridColumns: parameter, gridColumnsValues: text }).columns, requests.length);
  }
  assert.ok(!isGrid(TYPED) && isGrid({ ...TYPED, gridRows: "seed" }));
});

test("a saved sheet has its pictures as they are where there is room, and is never too large, nor its letters too small", () => {
  const axis = (/** @type {number} */ count) => Array.from({ length: count }, (_, at) => `Seed: ${at}`);
  const small = layoutOf({ columns: axis(2), rows: axis(2) }, { width: 128, height: 64 });
  assert.deepEqual(small.cell, { width: 128, height: 64 });
  for (const [columns, rows] of [[1, 1], [64, 1], [1, 64], [8, 8]]) {
    for (const [width, height] of [[64, 64], [1024, 1024], [4096, 512], [512, 4096]]) {
      const layout = layoutOf({ columns: axis(columns ?? 0), rows: axis(rows ?? 0) }, { width: width ?? 0, height: height ?? 0 });
      assert.ok(layout.width <= 8192 && layout.height <= 8192 && layout.width * layout.height <= 2 ** 25 && layout.letters >= 14, JSON.stringify(layout));
    }
  }
  const plain = layoutOf({ columns: [""], rows: axis(2) }, { width: 128, height: 128 });
  assert.equal(plain.top, plain.gap);
});

test("headers are broken into lines, of which there are three at most", () => {
  const measure = (/** @type {string} */ text) => text.length;
  assert.deepEqual(linesOf("Sampler: DPM++ 2M SDE", 12, measure), ["Sampler:", "DPM++ 2M SDE"]);
  assert.deepEqual(linesOf("one two three four five", 5, measure), ["one", "two", "three …"]);
  assert.deepEqual(linesOf("indivisible", 5, measure), ["indivisible"]);
});
