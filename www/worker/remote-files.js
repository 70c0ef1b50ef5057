// @ts-check
/** A folder of files at an address, read in ranges. */

import { CodedError } from "../protocol.js";
import { PAUSES_MS, collect, isMissing, overNetwork, refuseBadStatus, request, retrying } from "./http.js";

/**
 * @typedef {import("./http.js").Fetch} Fetch
 * @typedef {{ length: number, version: string }} FileFacts
 */

/** As `MAX_WHOLE` in src/weights/files.rs. */
const MAX_WHOLE = 16 * 1024 * 1024;

export class RemoteFiles {
  #address;
  #fetch;
  /** @type {Record<string, string>} */
  #headers;
  #pauses;
  #signal;
  /** Whether this server ever answered: if not, it may be one that pages may not read. */
  #answered = false;

  /**
   * @param {string} address  of the folder
   * @param {object} parts
   * @param {Fetch} parts.fetch
   * @param {AbortSignal} [parts.signal]
   * @param {string | null} [parts.token]  for servers that do not give the files to everybody
   * @param {number[]} [parts.pauses]  between tries, in milliseconds
   */
  constructor(address, { fetch, signal, token, pauses = PAUSES_MS }) {
    this.#address = address.endsWith("/") ? address : `${address}/`;
    this.#fetch = fetch;
    this.#signal = signal ?? null;
    this.#headers = token ? { Authorization: `Bearer ${token}` } : {};
    this.#pauses = pauses;
  }

  /** @param {string} path */
  name(path) {
    return this.#url(path);
  }

  /**
   * @param {string} path
   * @returns {Promise<FileFacts | null>}  null where there is no such file
   */
  async facts(path) {
    const url = this.#url(path);
    return this.#retrying(url, async () => {
      const response = await this.#ask(url, { method: "HEAD" });
      if (isMissing(response)) return null;
      refuseBadStatus(response, url);
      const length = Number(response.headers.get("Content-Length") ?? NaN);
      if (!Number.isSafeInteger(length)) throw new CodedError("NoRange", `The server does not tell how long ${url} is.`, { url });
      return { length, version: response.headers.get("ETag") ?? response.headers.get("Last-Modified") ?? "" };
    });
  }

  /**
   * A whole small file.
   * @param {string} path
   * @returns {Promise<Uint8Array | null>}  null where there is no such file
   */
  async readWhole(path) {
    const url = this.#url(path);
    return this.#retrying(url, async () => {
      const response = await this.#ask(url, {});
      if (isMissing(response)) return null;
      refuseBadStatus(response, url);
      return overNetwork(url, this.#signal, () => whole(response, url));
    });
  }

  /**
   * Bytes of a file, exactly as many as asked for.
   * @param {string} path
   * @param {number} start
   * @param {number} end  of the first byte after them
   * @param {(count: number) => void} [onCount]  told how many have come
   * @param {Uint8Array<ArrayBuffer>} [buffer]  that they may be put into
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async read(path, start, end, onCount, buffer) {
    const url = this.#url(path);
    const bytes = buffer?.subarray(0, end - start) ?? new Uint8Array(end - start);
    return this.#retrying(url, async () => {
      onCount?.(0);
      const response = await this.#ask(url, { headers: { Range: `bytes=${start}-${end - 1}` } });
      if (response.status === 416 || isMissing(response)) {
        throw new CodedError("FileChanged", `${url} is another file than it was: it has no bytes ${start} to ${end - 1}.`, { url });
      }
      refuseBadStatus(response, url);
      if (response.status !== 206) {
        void response.body?.cancel();
        throw new CodedError("NoRange", `The server gives ${url} only as a whole.`, { url });
      }
      refuseOtherRange(response, url, start, end);
      const count = await overNetwork(url, this.#signal, () => collect(response.body, bytes, onCount));
      if (count !== end - start) {
        const what = count > end - start ? "more" : "fewer";
        throw new CodedError("Network", `The server gave ${what} bytes of ${url} than were asked for.`, { url, passing: true });
      }
      return bytes;
    });
  }

  /** @param {string} path */
  #url(path) {
    return new URL(path.split("/").map(encodeURIComponent).join("/"), this.#address).href;
  }

  /**
   * @param {string} url
   * @param {RequestInit} init
   */
  async #ask(url, init) {
    const headers = { ...this.#headers, ...init.headers };
    const response = await request(this.#fetch, url, { ...init, headers, signal: this.#signal, credentials: "omit", cache: "no-store" });
    this.#answered = true;
    return response;
  }

  /**
   * @template T
   * @param {string} url
   * @param {() => Promise<T>} run
   * @returns {Promise<T>}
   */
  async #retrying(url, run) {
    try {
      return await retrying(this.#pauses, this.#signal, run);
    } catch (error) {
      if (!this.#answered && error instanceof CodedError && error.name === "Network" && (await this.#answersOnlyItself(url))) {
        throw new CodedError("NoCors", `The server of ${url} does not let other pages read from it.`, { url });
      }
      throw error;
    }
  }

  /**
   * A browser does not tell a dead line from a server that forbids reading; an answer that nobody may look at does.
   * @param {string} url
   */
  async #answersOnlyItself(url) {
    if (this.#signal?.aborted) return false;
    try {
      await this.#fetch(url, { method: "HEAD", mode: "no-cors", signal: this.#signal, credentials: "omit", cache: "no-store" });
      return true;
    } catch {
      return false;
    }
  }
}

/**
 * @param {Response} response
 * @param {string} url
 */
async function whole(response, url) {
  const chunks = [];
  let count = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    count += value.byteLength;
    if (count > MAX_WHOLE) {
      await reader.cancel();
      throw new CodedError("BadCheckpoint", `${url} is larger than any such file of SDXL.`, { url });
    }
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/**
 * Other servers' `Content-Range` is told only if they allow it.
 * @param {Response} response
 * @param {string} url
 * @param {number} start
 * @param {number} end
 */
function refuseOtherRange(response, url, start, end) {
  const told = response.headers.get("Content-Range");
  if (told !== null && !told.startsWith(`bytes ${start}-${end - 1}/`)) {
    void response.body?.cancel();
    throw new CodedError("NoRange", `The server gave other bytes of ${url} than were asked for (${told}).`, { url });
  }
}
