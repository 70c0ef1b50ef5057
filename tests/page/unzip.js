// @ts-check
/** Reads a zip as programs do: from the directory at its end. Files are stored, not packed. */

import assert from "node:assert/strict";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;

/**
 * @param {Uint8Array<ArrayBuffer>} zip
 * @returns {Map<string, Uint8Array>}
 */
export function unzip(zip) {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const u16 = (/** @type {number} */ at) => view.getUint16(at, true);
  const u32 = (/** @type {number} */ at) => view.getUint32(at, true);
  const end = zip.length - END_BYTES;
  assert.equal(u32(end), END);
  const files = new Map();
  let at = u32(end + 16);
  for (let left = u16(end + 10); left > 0; left--) {
    assert.equal(u32(at), ENTRY);
    assert.equal(u16(at + 10), 0, "packed");
    const nameEnd = at + ENTRY_BYTES + u16(at + 28);
    const name = new TextDecoder().decode(zip.subarray(at + ENTRY_BYTES, nameEnd));
    const local = u32(at + 42);
    assert.equal(u32(local), LOCAL);
    const from = local + LOCAL_BYTES + u16(local + 26) + u16(local + 28);
    const file = zip.subarray(from, from + u32(at + 20));
    assert.equal(crc32(file), u32(at + 16), name);
    files.set(name, file);
    at = nameEnd + u16(at + 30) + u16(at + 32);
  }
  return files;
}

/** Node has one only since 20.15. @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
