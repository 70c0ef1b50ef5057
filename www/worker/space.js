// @ts-check

import { CodedError } from "../protocol.js";

/** Storage still free for the page, in bytes; null where the browser does not tell. */
export async function freeBytes() {
  const { quota, usage } = await navigator.storage.estimate();
  return quota === undefined || usage === undefined ? null : quota - usage;
}

/**
 * Says so before gigabytes are loaded in vain.
 * @param {{ length: number }[]} shards  that are to be stored
 * @param {() => Promise<number | null>} freeBytes  storage still free, where the browser tells
 */
export async function refuseIfTooLarge(shards, freeBytes) {
  const needed = shards.reduce((sum, { length }) => sum + length, 0);
  const free = await freeBytes();
  if (free !== null && needed > free) {
    throw new CodedError("Quota", `The model needs ${needed} more bytes of storage; the browser grants this page ${Math.max(0, free)}.`, { needed, free });
  }
}
