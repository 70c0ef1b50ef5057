// @ts-check
/** Requests that may fail: what each answer means, and when it is worth asking again. */

import { CodedError, aborted } from "../protocol.js";

/** @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch */

/** Pauses before the second, third and fourth try of a request that failed for a passing reason. */
export const PAUSES_MS = [500, 2000, 5000];

/** A server that asks for a longer pause than this is taken to be out of order. */
const LONGEST_PAUSE_MS = 120_000;

/**
 * @param {Fetch} fetch
 * @param {string} url
 * @param {RequestInit} init
 */
export async function request(fetch, url, init) {
  return overNetwork(url, init.signal, () => fetch(url, init));
}

/**
 * @template T
 * @param {string} url
 * @param {AbortSignal | null | undefined} signal
 * @param {() => Promise<T>} run
 * @returns {Promise<T>}
 */
export async function overNetwork(url, signal, run) {
  try {
    return await run();
  } catch (cause) {
    if (signal?.aborted) throw aborted();
    if (cause instanceof CodedError) throw cause;
    throw new CodedError("Network", `The network failed while loading ${url}.`, { url, passing: true }, { cause });
  }
}

/** @param {Response} response */
export function isMissing(response) {
  return response.status === 404 || response.status === 410;
}

/**
 * @param {Response} response
 * @param {string} url
 */
export function refuseBadStatus(response, url) {
  const { ok, status } = response;
  if (ok) return;
  if (status === 401 || status === 403) {
    throw new CodedError("NoAccess", `The server answered ${status} for ${url}: it does not give this to everybody.`, { url, status });
  }
  const passing = status >= 500 || status === 408 || status === 429;
  throw new CodedError("Network", `The server answered ${status} for ${url}.`, { url, status, passing, pause: pauseOf(response) });
}

/**
 * How long a server asks to be left alone, in milliseconds; null where it does not say.
 * @param {Response} response
 */
function pauseOf({ headers }) {
  const text = headers.get("Retry-After");
  if (text === null) return null;
  const pause = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(pause) ? Math.max(0, pause) : null;
}

/**
 * Runs again what failed for a passing reason, after the pause that the server asked for, or ours.
 * @template T
 * @param {number[]} pauses
 * @param {AbortSignal | null | undefined} signal
 * @param {() => Promise<T>} run
 * @returns {Promise<T>}
 */
export async function retrying(pauses, signal, run) {
  for (const pause of pauses) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof CodedError && error.details.passing)) throw error;
      const asked = Number(error.details.pause ?? 0);
      if (asked > LONGEST_PAUSE_MS) throw error;
      await sleep(Math.max(pause, asked), signal);
    }
  }
  return run();
}

/**
 * Fills a buffer and counts; a byte too many is counted, not kept, so that too long a body is noticed without reading all of it.
 * @param {ReadableStream<Uint8Array> | null} stream
 * @param {Uint8Array} buffer
 * @param {(count: number) => void} [onCount]
 */
export async function collect(stream, buffer, onCount) {
  let count = 0;
  const reader = stream?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    if (count + value.byteLength > buffer.byteLength) {
      count = buffer.byteLength + 1;
      await reader.cancel();
      break;
    }
    buffer.set(value, count);
    count += value.byteLength;
    onCount?.(count);
  }
  return count;
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal | null} [signal]
 * @returns {Promise<void>}
 */
function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted());
    const stop = () => {
      clearTimeout(timer);
      reject(aborted());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
