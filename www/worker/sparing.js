// @ts-check

/** @typedef {import("../protocol.js").ProgressEvent} ProgressEvent */

/** Byte counts come with every network chunk; more often than this nobody sees them. */
const DOWNLOAD_EVENTS_MS = 80;

/**
 * @param {(event: ProgressEvent) => void} emit
 * @returns {(event: ProgressEvent) => void}
 */
export function sparing(emit) {
  let last = -Infinity;
  return (event) => {
    const whole = (event.type !== "download" && event.type !== "verify") || event.bytes === event.total;
    const now = performance.now();
    if (!whole && now - last < DOWNLOAD_EVENTS_MS) return;
    last = now;
    emit(event);
  };
}
