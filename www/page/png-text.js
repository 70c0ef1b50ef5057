// @ts-check
/** Text in PNG files, in the chunks tEXt, zTXt and iTXt (PNG 1.2, section 4.2.3). Every chunk is checked before one is believed. */

import { CodedError } from "../protocol.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/** @typedef {{ type: string, data: Bytes, whole: Bytes, end: number }} Chunk */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
export const SIGNATURE_BYTES = SIGNATURE.length;

const HEADER = "IHDR";
const HEADER_BYTES = 13;
const END = "IEND";
const TEXT_TYPES = ["tEXt", "zTXt", "iTXt"];

/** Length and type before a chunk's data, and the CRC after it. */
const BEFORE = 8;
const AROUND = 12;

/** What all packed texts of a file may unpack to: a few bytes can claim to be gigabytes. */
const MOST_UNPACKED = 4 * 1024 * 1024;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** @param {Uint8Array} bytes  at least the first {@link SIGNATURE_BYTES} of a file */
export function isPng(bytes) {
  return SIGNATURE.every((byte, at) => bytes[at] === byte);
}

/**
 * The same picture with these texts in place of all that had their keywords.
 * @param {Bytes} png
 * @param {Record<string, string>} texts  by keyword: 1 to 79 characters of Latin-1
 * @returns {Bytes}
 */
export function writeText(png, texts) {
  /** @type {Uint8Array[]} */
  const parts = [];
  for (const { type, data, whole, end } of chunks(png)) {
    if (type === HEADER) parts.push(png.subarray(0, end), ...Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text)));
    else if (!TEXT_TYPES.includes(type) || !Object.hasOwn(texts, cut(data)?.keyword ?? "")) parts.push(whole);
  }
  return joined(parts);
}

/**
 * @param {Bytes} png
 * @returns {Promise<Map<string, string>>}  by keyword; the last of those that share one, as PIL reads them
 */
export async function readText(png) {
  /** @type {Map<string, string>} */
  const texts = new Map();
  let most = MOST_UNPACKED;
  for (const chunk of chunks(png)) {
    if (!TEXT_TYPES.includes(chunk.type)) continue;
    const { keyword, packed, bytes, decode } = partsOf(chunk);
    const unpacked = packed ? await inflate(bytes, most, keyword) : bytes;
    if (packed) most -= unpacked.length;
    texts.set(keyword, decode(unpacked, keyword));
  }
  return texts;
}

/**
 * @param {Bytes} png
 * @returns {Generator<Chunk, void>}
 */
function* chunks(png) {
  if (!isPng(png)) throw new CodedError("BadPicture", "This is no PNG file. Settings are kept in PNG files only: choose the picture as it was first saved.");
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  for (let at = SIGNATURE_BYTES; at + AROUND <= png.length; ) {
    const length = view.getUint32(at);
    const end = at + AROUND + length;
    const type = latin1(png.subarray(at + 4, at + BEFORE));
    const isFirst = at === SIGNATURE_BYTES;
    if (end > png.length) throw damaged(`its part "${type}" claims ${length} bytes, the file ends sooner`, { at, type });
    if (crcOf(png.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) throw damaged(`its part "${type}" at byte ${at} has changed`, { at, type });
    if (isFirst !== (type === HEADER) || (isFirst && length !== HEADER_BYTES)) throw damaged(`"${type}" is not what stands at byte ${at} of a picture`, { at, type });
    yield { type, data: png.subarray(at + BEFORE, end - 4), whole: png.subarray(at, end), end };
    if (type === END) return;
    at = end;
  }
  throw damaged("it was cut off", { length: png.length });
}

/**
 * @param {string} problem
 * @param {Record<string, unknown>} details
 * @param {ErrorOptions} [options]
 */
function damaged(problem, details, options) {
  return new CodedError("BadPicture", `The PNG file is damaged: ${problem}. Copy it again from where it came.`, details, options);
}

/**
 * Where the text of a chunk lies, and how it is written.
 * @param {Chunk} chunk
 * @returns {{ keyword: string, packed: boolean, bytes: Bytes, decode: (bytes: Bytes, keyword: string) => string }}
 */
function partsOf({ type, data }) {
  const { keyword, rest } = cut(data) ?? {};
  const bad = () => damaged(`a part "${type}" is no text`, { type, keyword });
  if (keyword === undefined || !rest) throw bad();
  if (type === "tEXt") return { keyword, packed: false, bytes: rest, decode: latin1 };
  if (type === "zTXt") {
    if (rest[0] !== 0) throw bad();
    return { keyword, packed: true, bytes: rest.subarray(1), decode: latin1 };
  }
  const [flag, method] = rest;
  // A language and the keyword in that language stand before the text.
  const language = cut(rest.subarray(2));
  const translated = language && cut(language.rest);
  if (!translated || (flag !== 0 && !(flag === 1 && method === 0))) throw bad();
  return { keyword, packed: flag === 1, bytes: translated.rest, decode: utf8 };
}

/** What stands before the first zero byte, and what after it. @param {Bytes} data */
function cut(data) {
  const at = data.indexOf(0);
  return at < 0 ? null : { keyword: latin1(data.subarray(0, at)), rest: data.subarray(at + 1) };
}

/**
 * @param {Bytes} packed
 * @param {number} most
 * @param {string} keyword
 */
async function inflate(packed, most, keyword) {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  /** @type {Uint8Array[]} */
  const parts = [];
  for (let length = 0; ; ) {
    const { done, value } = await reader.read().catch((cause) => {
      throw damaged(`its text "${keyword}" cannot be unpacked`, { keyword }, { cause });
    });
    if (done) return joined(parts);
    length += value.length;
    parts.push(value);
    if (length > most) {
      // It may fail by itself meanwhile, which changes nothing.
      reader.cancel().catch(() => {});
      throw new CodedError("BadPicture", `The PNG file's text "${keyword}" is too large: more than ${most} bytes when unpacked. Choose another picture.`, { keyword });
    }
  }
}

/**
 * @param {string} keyword
 * @param {string} text
 */
function textChunk(keyword, text) {
  // A zero byte would end the text for some readers.
  const clean = text.replaceAll("\0", "");
  const isLatin1 = !/[^\0-\u00ff]/.test(clean);
  if (isLatin1) return chunk("tEXt", [bytesOf(keyword), new Uint8Array(1), bytesOf(clean)]);
  // Of zero bytes: the keyword's end, not packed, by no method, in no language, without the keyword in it.
  return chunk("iTXt", [bytesOf(keyword), new Uint8Array(5), new TextEncoder().encode(clean)]);
}

/**
 * @param {string} type
 * @param {Uint8Array[]} data
 */
function chunk(type, data) {
  const typed = joined([bytesOf(type), ...data]);
  const whole = new Uint8Array(typed.length + BEFORE);
  const view = new DataView(whole.buffer);
  view.setUint32(0, typed.length - type.length);
  whole.set(typed, 4);
  view.setUint32(whole.length - 4, crcOf(typed));
  return whole;
}

/** @param {Uint8Array} bytes */
function crcOf(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Latin-1 itself: what TextDecoder calls so is Windows-1252. @param {Uint8Array} bytes */
function latin1(bytes) {
  const STRIDE = 8192;
  let text = "";
  for (let at = 0; at < bytes.length; at += STRIDE) text += String.fromCharCode(...bytes.subarray(at, at + STRIDE));
  return text;
}

/** @param {string} text  of Latin-1 */
function bytesOf(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/**
 * @param {Uint8Array} bytes
 * @param {string} keyword
 */
function utf8(bytes, keyword) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw damaged(`its text "${keyword}" is not UTF-8`, { keyword }, { cause });
  }
}

/** @param {Uint8Array[]} parts */
function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
