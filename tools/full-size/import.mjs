// @ts-check
/**
 * Imports checkpoints of SDXL's full size, with made-up values, in headless Chromium: how fast, and with how much memory. With a
 * folder, writes the same files there, packs them natively and compares every shard's hash. Run ./build.sh first, then:
 *   node tools/full-size/import.mjs [folder|single] [base|refiner] [q8|q4] [FOLDER]
 */

import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker as Thread } from "node:worker_threads";

import { serve } from "../serve.mjs";
import { checkpoint } from "./checkpoint.mjs";
import { Chromium } from "./chromium.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PIECE = 32 << 20;
const POLL_MS = 500;

const [layout = "single", kind = "base", scheme = "q8", folder] = process.argv.slice(2);
if (!["folder", "single"].includes(layout) || !["base", "refiner"].includes(kind)) throw new Error("usage: import.mjs [folder|single] [base|refiner] [q8|q4] [FOLDER]");
const single = layout === "single" ? `sd_xl_${kind}_1.0.safetensors` : "";

const made = new Thread(new URL("server.mjs", import.meta.url), { workerData: { layout } });
const port = await new Promise((resolve) => made.once("message", resolve));
const site = await serve(ROOT, 0);
const profile = mkdtempSync(join(tmpdir(), "sdxl-web-"));
const browser = new Chromium(profile);
const page = await browser.openPage(site.url);

/** Memory of the processes that run pages, in bytes: everything that page and worker hold, wasm and JavaScript. */
function residentBytes() {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const of = (/** @type {string} */ pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--type=renderer")) return 0;
      return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    } catch {
      // It has ended since.
      return 0;
    }
  };
  return pids.reduce((sum, pid) => sum + of(pid), 0);
}

/** What JavaScript holds in the page's workers, buffers included and wasm's memory not, in bytes: its own is idle. */
async function workerHeaps() {
  const usages = await Promise.all(browser.workers.map((worker) => browser.send("Runtime.getHeapUsage", {}, worker)));
  return usages.reduce((sum, { usedSize, embedderHeapUsedSize, backingStorageSize }) => sum + usedSize + embedderHeapUsedSize + backingStorageSize, 0);
}

const before = residentBytes();
let most = before;
let mostHeap = 0;
const watching = setInterval(async () => {
  most = Math.max(most, residentBytes());
  mostHeap = Math.max(mostHeap, await workerHeaps());
}, POLL_MS);

const result = await browser.evaluate(
  page,
  async ({ address, kind, scheme }) => {
    const worker = new Worker("/www/worker/main.js", { type: "module" });
    let id = 0;
    let total = 0;
    const call = (/** @type {string} */ action, /** @type {object} */ data, onEvent = (/** @type {any} */ _) => {}) =>
      new Promise((resolve, reject) => {
        const mine = ++id;
        worker.addEventListener("message", function listen({ data: message }) {
          if (message.fatal) reject(new Error(message.fatal.message));
          if (message.id !== mine) return;
          if (message.event) return onEvent(message.event);
          worker.removeEventListener("message", listen);
          if (message.error) reject(new Error(`${message.error.name}: ${message.error.message}`));
          else resolve(message.result);
        });
        worker.postMessage({ id: mine, action, data });
      });
    const model = "imported:full-size/";
    const request = { model, kind, name: "made up", scheme, from: { address }, vae: null, token: null };
    const began = performance.now();
    await call("import", { request }, (event) => {
      if (event.type === "download") total = event.total;
    });
    const seconds = (performance.now() - began) / 1000;
    const { heap } = await call("memory", {});
    const database = await new Promise((resolve) => {
      const opening = indexedDB.open("sdxl-web");
      opening.onsuccess = () => resolve(opening.result);
    });
    const manifest = await new Promise((resolve) => {
      const getting = database.transaction("manifests").objectStore("manifests").get([model, kind]);
      getting.onsuccess = () => resolve(getting.result.manifest);
    });
    // For what comes after it.
    Object.assign(window, { call, stop: () => worker.postMessage({ abort: id }) });
    return { seconds, total, heap, manifest };
  },
  { address: `http://127.0.0.1:${port}/${kind}/${single}`, kind, scheme },
);
clearInterval(watching);
const loaded = kind === "base" ? await browser.evaluate(page, load, null) : {};
await browser.close();
rmSync(profile, { recursive: true });
await site.close();
await made.terminate();

const shards = Object.values(result.manifest.components).flatMap(({ shards }) => shards);
const stored = shards.reduce((sum, { length }) => sum + length, 0);
const mega = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(0)} MB`;
console.log(`${kind}, ${layout}, ${scheme}: read ${mega(result.total)} in ${result.seconds.toFixed(0)} s, ${mega(result.total / result.seconds)}/s; ${shards.length} shards, ${mega(stored)}`);
const mebi = (/** @type {number} */ bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
console.log(`wasm heap ${mebi(result.heap)}; JavaScript's in the workers at most ${mebi(mostHeap)}; page and worker grew by at most ${mebi(most - before)} in all`);

for (const [component, bytes] of Object.entries(loaded)) console.log(`the engine loaded ${component}: ${mega(bytes)}`);

if (folder) compare(folder);

/** Has the engine load every network of what was imported, in the page; bytes of each. */
async function load() {
  const { call, stop } = /** @type {any} */ (window);
  /** @type {Record<string, number>} */
  const loaded = {};
  await call("load", { address: "imported:full-size/" });
  const request = { prompt: "a", seed: 0, steps: 1, guidanceScale: 1, width: 256, height: 256, loras: [] };
  // Nobody waits for a software GPU to compute a step: when the UNet is loaded it may stop.
  const onEvent = (/** @type {any} */ { type, component, bytes, total }) => {
    if (type !== "load") return;
    loaded[component] = bytes;
    if (component === "unet" && bytes === total) stop();
  };
  await call("generate", { request, inputs: null }, onEvent).catch((/** @type {Error} */ error) => {
    if (!error.message.startsWith("AbortError")) throw error;
  });
  return loaded;
}

/** @param {string} folder */
function compare(folder) {
  for (const [path, file] of checkpoint(/** @type {any} */ (kind), /** @type {any} */ (layout))) {
    const to = join(folder, layout, kind, path);
    if (existsSync(to)) continue;
    mkdirSync(dirname(to), { recursive: true });
    const open = openSync(to, "w");
    for (let at = 0; at < file.length; at += PIECE) writeSync(open, file.read(at, Math.min(at + PIECE, file.length)));
    closeSync(open);
  }
  const out = join(folder, `packed-${layout}-${kind}-${scheme}`);
  const from = join(folder, layout, kind, single);
  const components = kind === "base" ? "scheduler,text_encoder,text_encoder_2,unet,vae" : "scheduler,unet";
  const options = ["--weights", scheme, "--variant", "fp16", "--components", components, ...(single ? ["--configs", join(ROOT, "www/models/sdxl", kind)] : [])];
  execFileSync(join(ROOT, "target/release/pack"), [from, out, ...options], { stdio: "inherit" });
  const native = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"));
  let tensors = 0;
  for (const [name, { shards, tensors: entries }] of Object.entries(native.components)) {
    const ours = result.manifest.components[name];
    const hashes = (/** @type {any[]} */ list) => list.map(({ sha256, length }) => `${sha256} ${length}`).join();
    if (hashes(shards) !== hashes(ours.shards)) throw new Error(`the shards of ${name} differ from the native ones`);
    if (JSON.stringify(entries) !== JSON.stringify(ours.tensors)) throw new Error(`the tensors of ${name} differ from the native ones`);
    tensors += entries.length;
  }
  console.log(`all shards of ${tensors} tensors have the hashes that the native pack gives them`);
}
