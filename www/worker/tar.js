// @ts-check
/** Tar archives of plain files (POSIX ustar), written and read without holding a file's content in memory. */

import { CodedError } from "../protocol.js";

const BLOCK = 512;
const NAME_BYTES = 100;
const MODE = "0000644";

/**
 * @param {{ path: string, content: Blob }[]} files  paths of at most 100 ASCII characters
 * @returns {Blob}
 */
export function tar(files) {
  const parts = files.flatMap(({ path, content }) => [header(path, content.size), content, new Uint8Array(-content.size & (BLOCK - 1))]);
  return new Blob([...parts, new Uint8Array(2 * BLOCK)], { type: "application/x-tar" });
}

/**
 * The files of an archive, as slices of it.
 * @param {Blob} archive
 * @returns {Promise<Map<string, Blob>>}
 */
export async function untar(archive) {
  /** @type {Map<string, Blob>} */
  const files = new Map();
  for (let at = 0; at + BLOCK <= archive.size; ) {
    const block = new Uint8Array(await archive.slice(at, at + BLOCK).arrayBuffer());
    if (block.every((byte) => byte === 0)) return files;
    const size = parseInt(text(block, 124, 12), 8);
    const sum = parseInt(text(block, 148, 8), 8);
    if (sum !== checksum(block) || !Number.isSafeInteger(size) || at + BLOCK + size > archive.size) {
      throw new CodedError("BadArchive", `The archive is damaged at byte ${at}.`);
    }
    const type = text(block, 156, 1);
    if (type === "0" || type === "") files.set(text(block, 0, NAME_BYTES), archive.slice(at + BLOCK, at + BLOCK + size));
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw new CodedError("BadArchive", "The archive was cut off.");
}

/**
 * @param {string} path
 * @param {number} size
 */
function header(path, size) {
  const block = new Uint8Array(BLOCK);
  const put = (/** @type {number} */ at, /** @type {string} */ value) => block.set(new TextEncoder().encode(value), at);
  if (path.length > NAME_BYTES) throw new CodedError("BadArchive", `The name ${path} is too long for an archive.`);
  put(0, path);
  put(100, MODE);
  put(108, "0000000");
  put(116, "0000000");
  put(124, size.toString(8).padStart(11, "0"));
  put(136, "00000000000");
  put(156, "0");
  put(257, "ustar");
  put(263, "00");
  put(148, `${checksum(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** The sum of a header's bytes, with its own field as spaces. @param {Uint8Array} block */
function checksum(block) {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0);
}

/**
 * @param {Uint8Array} block
 * @param {number} at
 * @param {number} length
 */
function text(block, at, length) {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end)).trim();
}
