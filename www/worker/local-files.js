// @ts-check
/** Files that the user chose, read in slices. */

import { CodedError } from "../protocol.js";

export class LocalFiles {
  #files;

  /** @param {Map<string, File>} files  by their path below the folder that was chosen */
  constructor(files) {
    this.#files = files;
  }

  /** @param {string} path */
  name(path) {
    return path || "the chosen files";
  }

  /** @param {string} path */
  async facts(path) {
    const file = this.#files.get(path);
    return file ? { length: file.size, version: String(file.lastModified) } : null;
  }

  /** @param {string} path */
  async readWhole(path) {
    const file = this.#files.get(path);
    return file ? bytesOf(file, path) : null;
  }

  /**
   * @param {string} path
   * @param {number} start
   * @param {number} end
   * @param {(count: number) => void} [onCount]
   */
  async read(path, start, end, onCount) {
    const file = this.#files.get(path);
    if (!file) throw new CodedError("FileChanged", `${path} is not among the chosen files.`, { path });
    const bytes = await bytesOf(file.slice(start, end), path);
    if (bytes.byteLength !== end - start) throw new CodedError("FileChanged", `${path} is shorter than it was.`, { path });
    onCount?.(bytes.byteLength);
    return bytes;
  }
}

/**
 * @param {Blob} blob
 * @param {string} path
 */
async function bytesOf(blob, path) {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw new CodedError("FileChanged", `${path} can no longer be read; it was changed, moved or removed.`, { path }, { cause });
  }
}
