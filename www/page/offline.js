// @ts-check
/** Keeps the page itself for use without a network. */

/**
 * The whole site if the server allows it (`Service-Worker-Allowed: /`), else what lies beside the service worker. Where neither goes the
 * page works as before, only not offline.
 */
export async function keepForOffline() {
  if (!("serviceWorker" in navigator)) return;
  const script = new URL("../sw.js", import.meta.url);
  const site = new URL("../", script);
  for (const scope of [site, new URL("./", script)]) {
    const registered = await navigator.serviceWorker.register(script, { scope: scope.pathname }).catch(() => null);
    if (registered) return;
  }
}

/** Asks the browser not to clear the model when the disk gets full, and tells whether it promised. A refusal changes nothing. */
export async function askToPersist() {
  return (await navigator.storage?.persist?.().catch(() => false)) ?? false;
}
