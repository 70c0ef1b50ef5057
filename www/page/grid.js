// @ts-check
/** A grid of pictures: what was typed for its columns and rows -> a request for each cell, or what is wrong, field by field. */

import { choicesOf } from "./advanced-settings.js";
import { namesIn, namesOf, numbersIn, wordsIn } from "./grid-values.js";
import { boundsProblem, readRequest, toNumber } from "./request.js";
import { say } from "./text.js";

/**
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 * @typedef {import("./request.js").FormRequest} FormRequest
 * @typedef {import("./request.js").Typed} Typed
 * @typedef {import("./grid-values.js").Value} Value
 * @typedef {import("./text.js").Key} Key
 * @typedef {"gridColumns" | "gridRows"} AxisName
 * @typedef {`${AxisName}Values`} GridField
 * @typedef {Typed & Record<AxisName | GridField, string>} GridTyped
 * @typedef {Partial<Record<import("./request.js").Field | GridField, string>>} Problems
 * @typedef {{ loras: { name: string, weight: number }[], hasPicture: boolean }} Around  what is chosen besides the form's fields
 */

/**
 * @typedef {{ columns: string[], rows: string[], names: string[] }} Headers  an axis that nothing was chosen for has one, which is
 *   empty; names are the cells', row by row
 * @typedef {{ requests: FormRequest[], grid: Headers | null, problems: Problems }} ReadGrid  the requests row by row
 * @typedef {{ parameter: string, field: GridField, values: Value[], problem: string | null }} Axis
 */

/**
 * What an axis can be of; its name is that of the form's field where there is one.
 * @typedef {object} Parameter
 * @property {Key} label
 * @property {string} [example]  of numbers
 * @property {import("./grid-values.js").Choices} [choices]
 * @property {Partial<Typed>} [goesWith]
 */

export const MOST_CELLS = 64;

/** LoRAs are made for 1; some are used the other way round. */
const WEIGHT = { least: -5, most: 5, whole: false, optional: false };

/** @type {Record<string, Parameter>} */
const PARAMETERS = {
  steps: { label: "steps", example: "10-30 (+10)" },
  guidanceScale: { label: "guidance", example: "3-7 (+2)" },
  seed: { label: "seed", example: "1-4" },
  words: { label: "gridWords" },
  sampler: { label: "sampler", choices: choicesOf("sampler") },
  noiseSchedule: { label: "noiseSchedule", choices: choicesOf("noiseSchedule") },
  guidanceRescale: { label: "guidanceRescale", example: "0, 0.35, 0.7" },
  clipSkip: { label: "clipSkip", example: "0-2" },
  switchAt: { label: "gridSwitch", example: "0.7-0.9 (+0.1)", goesWith: { refine: true, refinerMode: "ensemble" } },
  refinerStrength: { label: "refinerStrength", example: "0.2-0.4 (+0.1)", goesWith: { refine: true, refinerMode: "sdedit" } },
  strength: { label: "strength", example: "0.4-0.8 (+0.2)" },
  loraWeight: { label: "gridLoraWeight", example: "0.5-1 (+0.25)" },
};

/** For a menu. @type {[parameter: string, label: Key][]} */
export const OFFERED = Object.entries(PARAMETERS).map(([name, { label }]) => [name, label]);

/**
 * How a parameter's values may be written, for who has not written any.
 * @param {string} parameter
 * @returns {{ text: string, hint: string }}
 */
export function exampleOf(parameter) {
  const { example = "", choices } = PARAMETERS[parameter] ?? {};
  if (choices) return { text: namesOf(choices), hint: say("gridNamesHint", { names: namesOf(choices) }) };
  return { text: example, hint: say(parameter === "words" ? "gridWordsHint" : "gridNumbersHint") };
}

/** @param {Record<AxisName, string>} typed */
export function isGrid({ gridColumns, gridRows }) {
  return gridColumns !== "" || gridRows !== "";
}

/** How many columns and rows there are, as far as that can be told. @param {Record<AxisName | GridField, string>} typed */
export function sizeOf(typed) {
  return { columns: axisOf("gridColumns", typed).values.length, rows: axisOf("gridRows", typed).values.length };
}

/**
 * @param {GridTyped} typed
 * @param {ModelFacts} facts
 * @param {Around} around
 * @returns {ReadGrid}
 */
export function readGrid(typed, facts, around) {
  /** @type {Problems} */
  const problems = {};
  const note = (/** @type {keyof Problems} */ field, /** @type {string | null} */ problem) => {
    if (problem) problems[field] ??= problem;
  };
  const [columns, rows] = [axisOf("gridColumns", typed), axisOf("gridRows", typed)];
  for (const axis of [columns, rows]) note(axis.field, axis.problem ?? misfit(axis, typed, facts, around));
  note(columns.field, sizeProblem(columns.values.length * rows.values.length));
  note(rows.field, clash(columns, rows));
  if (Object.keys(problems).length > 0) return { requests: [], grid: null, problems };

  const requests = rows.values.flatMap((row) =>
    columns.values.map((column) => {
      const cell = /** @type {[Axis, Value][]} */ ([[columns, column], [rows, row]]);
      /** @type {Typed} */
      const varied = cell.reduce((before, [axis, value]) => ({ ...before, ...variation(axis, value, before) }), { ...typed, images: "1" });
      const { request, problems: found } = readRequest(varied, facts);
      for (const [field, problem] of /** @type {[import("./request.js").Field, string][]} */ (Object.entries(found))) {
        const of = cell.find(([{ parameter }]) => parameter === field);
        if (of) note(of[0].field, valueProblem(of[1], problem));
        else note(field, problem);
      }
      for (const [axis, value] of cell) note(axis.field, outsideProblem(axis, value));
      return request && Object.assign(request, ...cell.map(([axis, value]) => outside(axis, value, around)));
    }),
  );
  if (Object.keys(problems).length > 0) return { requests: [], grid: null, problems };
  return { requests, grid: headers(columns, rows), problems };
}

/**
 * @param {AxisName} name
 * @param {Record<AxisName | GridField, string>} typed
 * @returns {Axis}
 */
function axisOf(name, typed) {
  const parameter = typed[name];
  /** @type {GridField} */
  const field = `${name}Values`;
  if (!parameter) return { parameter, field, values: [{ value: "", shown: "" }], problem: null };
  const { choices } = PARAMETERS[parameter] ?? {};
  const read = choices ? namesIn(typed[field], choices) : parameter === "words" ? wordsIn(typed[field]) : numbersIn(typed[field], MOST_CELLS);
  return { parameter, field, ...read };
}

/**
 * What the axis needs and there is not.
 * @param {Axis} axis
 * @param {Typed} typed
 * @param {ModelFacts} facts
 * @param {Around} around
 */
function misfit({ parameter, values: [first] }, { prompt, negativePrompt }, facts, around) {
  if (PARAMETERS[parameter]?.goesWith && !facts.refiner) return say("noRefinerHint");
  if (parameter === "strength" && !around.hasPicture) return say("gridNeedsPicture");
  if (parameter === "loraWeight" && around.loras.length === 0) return say("gridNeedsLora");
  const sought = first?.value ?? "";
  const isThere = sought !== "" && [prompt, negativePrompt].some((text) => text.includes(sought));
  return parameter === "words" && !isThere ? say("gridWordsMissing", { value: sought }) : null;
}

/** @param {number} count */
function sizeProblem(count) {
  return count > MOST_CELLS ? say("gridTooMany", { count, most: MOST_CELLS }) : null;
}

/**
 * @param {Axis} columns
 * @param {Axis} rows
 */
function clash(columns, rows) {
  const isSame = rows.parameter !== "" && columns.parameter === rows.parameter;
  if (isSame && (rows.parameter !== "words" || columns.values[0]?.value === rows.values[0]?.value)) return say("gridTwice");
  const [one, other] = [columns, rows].map(({ parameter }) => PARAMETERS[parameter]?.goesWith?.refinerMode);
  return one && other && one !== other ? say("gridTwoRefiners") : null;
}

/**
 * What is typed otherwise for a value.
 * @param {Axis} axis
 * @param {Value} value
 * @param {Typed} typed
 * @returns {Partial<Typed>}
 */
function variation({ parameter, values: [first] }, { value }, { prompt, negativePrompt }) {
  if (parameter === "words") {
    const replaced = (/** @type {string} */ text) => text.replaceAll(first?.value ?? "", () => value);
    return { prompt: replaced(prompt), negativePrompt: replaced(negativePrompt) };
  }
  return parameter === "" || parameter in OUTSIDE ? {} : { ...PARAMETERS[parameter]?.goesWith, [parameter]: value };
}

/** What the form has no field for, but a request does. @type {Record<string, (value: number, around: Around) => Pick<FormRequest, "loras">>} */
const OUTSIDE = {
  loraWeight: (weight, { loras }) => ({ loras: loras.map(({ name }) => ({ name, weight })) }),
};

/**
 * @param {Axis} axis
 * @param {Value} value
 * @param {Around} around
 */
function outside({ parameter }, { value }, around) {
  return OUTSIDE[parameter]?.(toNumber(value), around) ?? {};
}

/**
 * @param {Axis} axis
 * @param {Value} value
 */
function outsideProblem({ parameter }, value) {
  const problem = parameter === "loraWeight" && boundsProblem(toNumber(value.value), WEIGHT);
  return problem ? valueProblem(value, problem) : null;
}

/**
 * @param {Value} value
 * @param {string} problem
 */
function valueProblem({ shown }, problem) {
  return say("gridValueProblem", { value: shown, problem });
}

/**
 * @param {Axis[]} axes  columns and rows
 * @returns {Headers}
 */
function headers(...axes) {
  const [columns = [], rows = []] = axes.map(({ parameter, values }) => {
    const { label } = PARAMETERS[parameter] ?? {};
    return values.map(({ shown }) => (label ? say("gridHeader", { name: say(label), value: shown }) : ""));
  });
  return { columns, rows, names: rows.flatMap((row) => columns.map((column) => [column, row].filter(Boolean).join(say("comma")))) };
}
