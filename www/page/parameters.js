// @ts-check
/**
 * The text that A1111's web UI keeps under "parameters" in its pictures: the prompt; "Negative prompt:" and what follows; and one line
 * of `Name: value` with commas between, which begins with the steps. LoRAs stand in the prompt, as `<lora:name:weight>`.
 */

import { CodedError } from "../protocol.js";
import { namesOf, samplingOf } from "./sampler-names.js";
import { isRecord, soundSettings } from "./settings.js";

/**
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {import("./settings.js").FoundSettings} FoundSettings
 * @typedef {Map<string, { label: string, value: string }>} Pairs  by label in small letters
 */

/** Characters. Real texts have a few thousand; regular expressions run out of stack at some millions. */
const MOST = 2 ** 18;

const NEGATIVE = "Negative prompt:";

/** Fewer pairs than this are a line of a prompt with colons in it. */
const LEAST_PAIRS = 3;

/** Up to each comma that is not between quotes, with what stands before the colon, and behind it if that is quoted. */
const PIECES = /([^:,]*)(?::\s*("(?:\\.|[^"\\])*")(?=\s*(?:,|$)))?[^,]*(?:,|$)/g;
/** Values with commas in them are not always quoted, such as the JSON that Civitai writes: they go on with what is no label. */
const LABEL = /^[\p{L}\p{N}][^"{}[\]]*$/u;

/** What says nothing about how to draw, or says again what another name does. */
const ASIDES = ["version", "hashes", "model hash", "vae hash", "lora hashes", "batch size", "batch pos", "created date", "civitai resources", "civitai metadata"];

/** Its clip skip counts the last layer as 1; SDXL always leaves that one out, so that 2 is our 0, and so is 1, which does nothing there. */
const CLIP_SKIP_OFFSET = 2;

/**
 * @param {Settings} settings   a `strength` among them says that a picture was redrawn
 * @param {string | null} model
 */
export function writeParameters(settings, model) {
  const { sampler, schedule } = namesOf(settings.sampling ?? {});
  const { width, height, refiner } = settings;
  const tags = (settings.loras ?? []).filter(({ name }) => !/[<>:\n]/.test(name)).map(({ name, weight }) => `<lora:${name}:${weight}>`);
  const prompt = [asWeighted(settings.prompt ?? "", settings), ...tags].filter(Boolean).join(" ");
  const negative = settings.negativePrompt ? [`${NEGATIVE} ${asWeighted(settings.negativePrompt, settings)}`] : [];
  /** @type {[string, string | number | null | undefined][]} */
  const pairs = [
    ["Steps", settings.steps],
    ["Sampler", sampler],
    ["Schedule type", schedule],
    ["CFG scale", settings.guidanceScale],
    ["Seed", settings.seed],
    ["Size", width && height ? `${width}x${height}` : null],
    ["Model", model],
    ["Denoising strength", settings.strength],
    ["Clip skip", settings.clipSkip ? settings.clipSkip + CLIP_SKIP_OFFSET : null],
    ["Refiner switch at", refiner && "switchAt" in refiner ? refiner.switchAt : null],
    ["Version", "sdxl-web"],
  ];
  const line = pairs.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => `${name}: ${quoted(String(value))}`);
  return [prompt, ...negative, line.join(", ")].join("\n");
}

/**
 * @param {string} text
 * @returns {FoundSettings | null}  null for what other tools keep under this keyword, which is JSON
 */
export function parseParameters(text) {
  if (text.length > MOST) {
    const problem = `The picture's "parameters" are ${text.length} characters long, more than the ${MOST} that are read.`;
    throw new CodedError("BadPicture", `${problem} Choose another picture.`, { length: text.length });
  }
  if (isJson(text)) return null;
  const lines = text.split(/\r?\n/);
  const negativeAt = lines.findIndex((line) => line.trimStart().startsWith(NEGATIVE));
  const settingsAt = lines.findLastIndex((line, at) => at > negativeAt && areSettings(pairsOf(line)));
  const end = settingsAt < 0 ? lines.length : settingsAt;
  const promptEnd = negativeAt < 0 ? end : negativeAt;
  const { prompt, loras, otherTags } = withoutTags(lines.slice(0, promptEnd).join("\n"));
  const negative = negativeAt < 0 ? "" : lines.slice(negativeAt, end).join("\n").trimStart().slice(NEGATIVE.length).trim();
  // Extensions write lines of their own below.
  const below = lines.slice(end + 1).map((line) => line.trim()).filter(Boolean);

  /** @type {FoundSettings} */
  const found = { request: { prompt, negativePrompt: negative || null, promptSyntax: "weighted", loras }, model: null, unknown: [] };
  const pairs = pairsOf(lines[end] ?? "");
  const inLine = [];
  for (const [key, { label, value }] of pairs) {
    if (key === "model") found.model = value;
    else {
      const { settings, isWhole } = settingOf(key, value, pairs);
      Object.assign(found.request, settings);
      if (!isWhole) inLine.push(`${label}: ${value}`);
    }
  }
  found.unknown = [...otherTags, ...edits(prompt), ...edits(negative), ...inLine, ...below];
  return found;
}

/**
 * @param {string} key
 * @param {string} value
 * @param {Pairs} pairs
 * @returns {{ settings: Settings, isWhole: boolean }}  what is said in our words, and whether that is all
 */
function settingOf(key, value, pairs) {
  const schedule = pairs.get("schedule type")?.value ?? null;
  if (key === "sampler") {
    const { sampling, known } = samplingOf(value, schedule);
    return { settings: sampling ? { sampling } : {}, isWhole: sampling !== null && (known || schedule !== null) };
  }
  if (key === "schedule type") return { settings: {}, isWhole: samplingOf(pairs.get("sampler")?.value ?? "", value).known };
  if (key === "refiner") return { settings: {}, isWhole: pairs.has("refiner switch at") };
  if (key === "rng") return { settings: {}, isWhole: value.toUpperCase() === "CPU" };
  const { settings, wrong } = soundSettings(claims(key, value, pairs));
  if (wrong.length > 0) return { settings: {}, isWhole: false };
  return { settings, isWhole: Object.keys(settings).length > 0 || ASIDES.includes(key) };
}

/**
 * A pair in our words, not checked.
 * @param {string} key
 * @param {string} value
 * @param {Pairs} pairs
 * @returns {Record<string, unknown>}
 */
function claims(key, value, pairs) {
  switch (key) {
    case "steps":
      return { steps: toNumber(value) };
    case "seed":
      return { seed: toNumber(value) };
    case "cfg scale":
      return { guidanceScale: toNumber(value) };
    case "size": {
      const [width, height, ...more] = value.split("x").map(toNumber);
      return more.length === 0 ? { width, height } : {};
    }
    case "denoising strength":
      // With these, it is the strength of a second pass that we do not have.
      return [...pairs.keys()].some((name) => name.startsWith("hires") || name === "first pass size") ? {} : { strength: toNumber(value) };
    case "clip skip":
      return { clipSkip: Math.max(0, toNumber(value) - CLIP_SKIP_OFFSET) };
    case "refiner switch at":
      return { refiner: { switchAt: toNumber(value) } };
    default:
      return {};
  }
}

/** @param {Pairs} pairs */
function areSettings(pairs) {
  return pairs.size >= LEAST_PAIRS && Number.isInteger(toNumber(pairs.get("steps")?.value ?? ""));
}

/**
 * @param {string} line
 * @returns {Pairs}
 */
function pairsOf(line) {
  /** @type {Pairs} */
  const pairs = new Map();
  let last = { label: "", value: "" };
  for (const [piece, before = "", quotedValue] of line.matchAll(PIECES)) {
    const text = piece.replace(/,$/, "");
    const label = before.trim();
    if (text.length > before.length && LABEL.test(label)) {
      last = { label, value: quotedValue ? unquoted(quotedValue) : text.slice(before.length + 1).trim() };
      pairs.set(label.toLowerCase(), last);
    } else if (text) last.value += `,${text}`;
  }
  return pairs;
}

/**
 * LoRAs leave the prompt, and so does what else stands in such tags, which is for other networks.
 * @param {string} text
 * @returns {{ prompt: string, loras: { name: string, weight: number }[], otherTags: string[] }}  without what we cannot do, or not wholly
 */
function withoutTags(text) {
  /** @type {{ name: string, weight: number }[]} */
  const loras = [];
  /** @type {string[]} */
  const otherTags = [];
  const prompt = text.replaceAll(/<(\w{1,20}):([^<>]+)>/g, (tag, kind, content) => {
    const [name = "", encoders = "1", unet = encoders] = String(content).split(":").map((part) => part.trim().replace(/^(te|unet)=/, ""));
    const weight = toNumber(unet);
    const isLora = kind === "lora" || kind === "lyco";
    if (isLora && name && Number.isFinite(weight)) loras.push({ name, weight });
    // We have one weight for the text encoders and the UNet, which counts more.
    if (!isLora || !name || toNumber(encoders) !== weight) otherTags.push(tag);
    return "";
  });
  return { prompt: prompt.trim(), loras, otherTags };
}

/** Prompts that change while they are drawn, `[from:to:when]` and `[one|other]`, and those in several parts. @param {string} prompt */
function edits(prompt) {
  const changing = prompt.match(/(?<!\\)\[[^[\]]*\]/g) ?? [];
  return [...changing.filter((part) => part.includes("|") || /:\s*[\d.]+\s*\]$/.test(part)), ...(/\bAND\b/.test(prompt) ? ["AND"] : [])];
}

/**
 * There every prompt is read with its weights, so that what is meant as text needs a backslash.
 * @param {string} prompt
 * @param {Settings} settings
 */
function asWeighted(prompt, { promptSyntax }) {
  return promptSyntax === "weighted" ? prompt : prompt.replaceAll(/[\\()[\]]/g, "\\$&");
}

/** @param {string} text */
function toNumber(text) {
  const LONGEST = 32;
  return text.length <= LONGEST && /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : NaN;
}

/** @param {string} value */
function quoted(value) {
  return /[,:\n"]/.test(value) ? JSON.stringify(value) : value;
}

/** By hand: a file could be full of quotes that JSON.parse would throw at, which is slow. @param {string} value */
function unquoted(value) {
  return value.slice(1, -1).replaceAll(/\\(.)/gs, (_, letter) => (letter === "n" ? "\n" : letter));
}

/** @param {string} text */
function isJson(text) {
  try {
    return isRecord(JSON.parse(text));
  } catch {
    return false;
  }
}
