// @ts-check
/** A picture's settings in its own file: in A1111's words for other tools, and exactly for this page. */

import { CodedError } from "../protocol.js";
import { parseParameters, writeParameters } from "./parameters.js";
import { SIGNATURE_BYTES, isPng, readText, writeText } from "./png-text.js";
import { isRecord, soundSettings } from "./settings.js";

/**
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {import("./settings.js").FoundSettings} FoundSettings
 */

const THEIRS = "parameters";
const OURS = "sdxl-web";
const VERSION = 1;

/**
 * @param {Uint8Array<ArrayBuffer>} png
 * @param {Settings} settings
 * @param {string | null} model
 */
export function withSettings(png, settings, model) {
  return writeText(png, { [THEIRS]: writeParameters(settings, model), [OURS]: JSON.stringify({ version: VERSION, model, request: settings }) });
}

/**
 * @param {Blob} file
 * @returns {Promise<FoundSettings | null>}  null where a sound picture has none
 */
export async function settingsOf(file) {
  const texts = await readText(await bytesOf(file));
  const theirs = texts.get(THEIRS);
  return readOurs(texts.get(OURS) ?? "") ?? (theirs === undefined ? null : parseParameters(theirs));
}

/**
 * @param {string} text
 * @returns {FoundSettings | null}
 */
function readOurs(text) {
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(json) || json.version !== VERSION || !isRecord(json.request)) return null;
  const { settings, wrong } = soundSettings(json.request);
  const isNamed = typeof json.model === "string";
  return { request: settings, model: isNamed ? String(json.model) : null, unknown: isNamed || json.model === null ? wrong : [...wrong, "model"] };
}

/** Only of what begins as a PNG file does, all bytes are read. @param {Blob} file */
async function bytesOf(file) {
  try {
    const start = new Uint8Array(await file.slice(0, SIGNATURE_BYTES).arrayBuffer());
    return isPng(start) ? new Uint8Array(await file.arrayBuffer()) : start;
  } catch (cause) {
    throw new CodedError("BadPicture", "The picture can no longer be read; it was changed, moved or removed. Choose it again.", {}, { cause });
  }
}
