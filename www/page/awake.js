// @ts-check
/** While something is under way: the browser is not to freeze the page, nor the device to darken its screen. */

/** Browsers do not freeze a page that holds a lock. Tabs share it: none waits for another. */
const LOCK = "sdxl-web at work";

/** @returns {() => void} lets go */
export function stayAwake() {
  const over = new AbortController();
  const { signal } = over;
  void holdLock(signal);
  const holdScreen = () => void keepScreenOn(signal);
  holdScreen();
  // A hidden page loses the screen's lock, and has to ask anew.
  document.addEventListener("visibilitychange", holdScreen, { signal });
  return () => over.abort();
}

/** @param {AbortSignal} signal */
async function holdLock(signal) {
  const over = new Promise((resolve) => signal.addEventListener("abort", resolve));
  try {
    await navigator.locks?.request(LOCK, { mode: "shared" }, () => (signal.aborted ? null : over));
  } catch {
    // Not to be had here: the work goes on without.
  }
}

/** @param {AbortSignal} signal */
async function keepScreenOn(signal) {
  if (document.visibilityState !== "visible") return;
  try {
    const lock = await navigator.wakeLock?.request("screen");
    if (!lock) return;
    if (signal.aborted) return await lock.release();
    signal.addEventListener("abort", () => void lock.release().catch(() => {}));
  } catch {
    // Refused, as with a low battery: the work goes on without.
  }
}
