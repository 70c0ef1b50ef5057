// @ts-check
/** How the values of a grid's axis are written: with commas between, numbers in ranges too, and in quotes what has a comma in it. */

import { say } from "./text.js";

/**
 * @typedef {{ value: string, shown: string }} Value  as a field of the form has it, and for people
 * @typedef {[id: string, name: import("./text.js").Key][]} Choices
 */

const PIECE = /\s*(?:"([^"]*)"\s*(?=[,，]|$)|([^,，]+))/g;

const UNSIGNED = String.raw`(?:\d+(?:\.\d*)?|\.\d+)`;

/** From, to, and by what, as `(+10)`, or how many, as `[5]`: so A1111's users write them. */
const RANGE = new RegExp(String.raw`^([+-]?${UNSIGNED})\s*-\s*([+-]?${UNSIGNED})\s*(?:\(\s*([+-]?${UNSIGNED})\s*\)|\[\s*(\d+)\s*\])?$`);

/** Sums of steps such as 0.1 are off by less than that. */
const DECIMALS = 6;
const TOLERANCE = 1e-6;

/**
 * @param {string} text
 * @param {number} most
 * @returns {{ values: Value[], problem: string | null }}
 */
export function numbersIn(text, most) {
  const values = [];
  for (const piece of piecesOf(text)) {
    const { numbers, problem } = spread(piece, most);
    if (problem) return { values: [], problem };
    values.push(...numbers);
  }
  return distinct(values.map((value) => ({ value, shown: value })));
}

/**
 * @param {string} text
 * @param {Choices} choices
 * @returns {{ values: Value[], problem: string | null }}
 */
export function namesIn(text, choices) {
  const values = [];
  for (const piece of piecesOf(text)) {
    const found = choices.find(([id, name]) => [id, say(name)].some((each) => each.toLowerCase() === piece.toLowerCase()));
    if (!found) return { values: [], problem: say("gridNoSuchName", { value: piece, names: namesOf(choices) }) };
    values.push({ value: found[0], shown: say(found[1]) });
  }
  return distinct(values);
}

/**
 * @param {string} text
 * @returns {{ values: Value[], problem: string | null }}
 */
export function wordsIn(text) {
  return distinct(piecesOf(text).map((value) => ({ value, shown: value })));
}

/** @param {Choices} choices */
export function namesOf(choices) {
  return choices.map(([, name]) => say(name)).join(say("comma"));
}

/** @param {string} text */
function piecesOf(text) {
  const pieces = [...text.matchAll(PIECE)].map(([, quoted, plain = ""]) => ({ isQuoted: quoted !== undefined, text: quoted ?? plain.trim() }));
  return pieces.filter(({ isQuoted, text }) => isQuoted || text).map(({ text }) => text);
}

/**
 * @param {string} piece  what is no range stays as it is
 * @param {number} most
 * @returns {{ numbers: string[], problem: string | null }}
 */
function spread(piece, most) {
  const range = RANGE.exec(piece);
  if (!range) return { numbers: [piece], problem: null };
  const [from, to, by, parts] = range.slice(1).map((text) => (text === undefined ? undefined : Number(text)));
  const way = Number(to) - Number(from);
  const step = by ?? (parts === undefined ? Math.sign(way) : way / (parts - 1));
  const count = parts ?? Math.floor(way / step + TOLERANCE) + 1;
  if (!(count > 1 && Number.isFinite(count))) return { numbers: [], problem: say("gridNoRange", { value: piece }) };
  if (count > most) return { numbers: [], problem: say("gridTooMany", { count, most }) };
  return { numbers: Array.from({ length: count }, (_, at) => String(Number((Number(from) + at * step).toFixed(DECIMALS)))), problem: null };
}

/** @param {Value[]} values */
function distinct(values) {
  const found = [...new Map(values.map((each) => [each.value, each])).values()];
  return { values: found, problem: found.length > 0 ? null : say("gridNoValues") };
}
