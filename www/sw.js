// @ts-check
/**
 * Keeps the page's own files, not the model's: those are in IndexedDB. The network comes first, so that nobody works with an old
 * page while there is a newer one; what it gave last is used when it gives nothing.
 */

const CACHE = "sdxl-web-shell";

const root = new URL("../", self.location.href);
const INDEX = new URL("index.html", root).href;

/** Every file that the page needs to start and draw; tests/page/shell.test.js compares it with the folders. */
const SHELL = [
  "index.html",
  "www/app.webmanifest",
  "www/example.png",
  "www/icon.svg",
  "www/style.css",
  "www/protocol.js",
  "www/support.js",
  "www/database.js",
  "www/defaults.js",
  "www/settled.js",
  "www/text/en.js",
  "www/text/zh.js",
  "www/page/advanced-settings.js",
  "www/page/archive.js",
  "www/page/aspects.js",
  "www/page/awake.js",
  "www/page/brush.js",
  "www/page/compare-view.js",
  "www/page/diagnostics.js",
  "www/page/draft.js",
  "www/page/drawing.js",
  "www/page/element.js",
  "www/page/feather.js",
  "www/page/fit.js",
  "www/page/forecast-view.js",
  "www/page/gallery-grid.js",
  "www/page/gallery-search.js",
  "www/page/gallery-view.js",
  "www/page/generator.js",
  "www/page/gpu-memory.js",
  "www/page/grid-form.js",
  "www/page/grid-sheet.js",
  "www/page/grid-values.js",
  "www/page/grid.js",
  "www/page/image-view.js",
  "www/page/import-form.js",
  "www/page/library.js",
  "www/page/lora-form.js",
  "www/page/loras-view.js",
  "www/page/main.js",
  "www/page/mask-drawing.js",
  "www/page/mask-layers.js",
  "www/page/mask-painter.js",
  "www/page/message-view.js",
  "www/page/model-view.js",
  "www/page/models-view.js",
  "www/page/offline.js",
  "www/page/parameters.js",
  "www/page/picture-file.js",
  "www/page/picture-panel.js",
  "www/page/picture-settings.js",
  "www/page/picture-source.js",
  "www/page/picture-store.js",
  "www/page/pictures.js",
  "www/page/place-field.js",
  "www/page/png-text.js",
  "www/page/preview-view.js",
  "www/page/progress-view.js",
  "www/page/prompt-form.js",
  "www/page/prompt-reading.js",
  "www/page/quality-view.js",
  "www/page/quality.js",
  "www/page/queue-view.js",
  "www/page/queue.js",
  "www/page/recent-prompts-view.js",
  "www/page/recent-prompts.js",
  "www/page/remedies.js",
  "www/page/remembered.js",
  "www/page/request.js",
  "www/page/run-steps.js",
  "www/page/sampler-names.js",
  "www/page/save-file.js",
  "www/page/scaled-inputs.js",
  "www/page/settings-intake.js",
  "www/page/settings.js",
  "www/page/sheet-picture.js",
  "www/page/start-picture.js",
  "www/page/step-clock.js",
  "www/page/strokes.js",
  "www/page/styles.js",
  "www/page/text.js",
  "www/page/thumbnail.js",
  "www/page/trouble.js",
  "www/page/unfinished-pictures.js",
  "www/page/work.js",
  "www/page/worker-calls.js",
  "www/worker/address.js",
  "www/worker/diagnose.js",
  "www/worker/download.js",
  "www/worker/engine.js",
  "www/worker/exclusively.js",
  "www/worker/hash.js",
  "www/worker/http.js",
  "www/worker/importer.js",
  "www/worker/library.js",
  "www/worker/local-files.js",
  "www/worker/loras.js",
  "www/worker/main.js",
  "www/worker/manifest.js",
  "www/worker/model-source.js",
  "www/worker/packing.js",
  "www/worker/prompt-readers.js",
  "www/worker/remote-files.js",
  "www/worker/session.js",
  "www/worker/shard-store.js",
  "www/worker/space.js",
  "www/worker/sparing.js",
  "www/worker/tar.js",
  "www/worker/webgpu-shim.js",
  "www/vendor/client-zip.js",
  "www/vendor/idb.js",
  "www/pkg/sdxl_web.js",
  "www/pkg/sdxl_web_bg.wasm",
].map((file) => new URL(file, root).href);

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

worker.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      // One by one: a file that cannot be had now is kept when the page first uses it.
      await Promise.allSettled(SHELL.map((url) => cache.add(url)));
      await worker.skipWaiting();
    })(),
  );
});

worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  url.search = url.hash = "";
  // "/" and "/?model=..." are the same page.
  const key = url.href === root.href ? INDEX : url.href;
  if (SHELL.includes(key)) event.respondWith(networkFirst(request, key));
});

/**
 * @param {Request} request
 * @param {string} key
 */
async function networkFirst(request, key) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    // A full disk keeps the page from working offline, not from working.
    if (response.ok) await cache.put(key, response.clone()).catch(() => {});
    return response;
  } catch (error) {
    const kept = await cache.match(key);
    if (kept) return kept;
    throw error;
  }
}
