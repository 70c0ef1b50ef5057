// @ts-check
// Measures the built page in headless Chromium on software WebGPU: seconds to load, per step and per picture, GPU memory
// and wasm heap. Run `./build.sh` first, then: node tools/figures.mjs [SIDE] [STEPS]
// For figures of a real GPU, open the page there; its line under the picture says how long it took.
import { launch } from "../tests/browser/browser.js";
import { serve } from "./serve.mjs";

const [side = 256, steps = 20] = process.argv.slice(2).map(Number);
const { url, close } = await serve(new URL("..", import.meta.url).pathname, 0);
const browser = await launch();
const page = await browser.newPage();
page.on("console", (message) => message.type() === "error" && console.error(message.text()));
await page.goto(url);

const figures = await page.evaluate(
  async ({ side, steps }) => {
    const worker = new Worker("/www/worker/main.js", { type: "module" });
    let id = 0;
    /** @type {[string, number][]} */
    const marks = [];
    const call = (/** @type {string} */ action, /** @type {object} */ data) =>
      new Promise((resolve, reject) => {
        const mine = ++id;
        worker.addEventListener("message", function listen({ data: message }) {
          if (message.id !== mine) return;
          const { event } = message;
          if (event) {
            const what = event.type === "step" ? `${event.stage} ${event.step}/${event.steps}` : event.stage;
            if (what) marks.push([what, performance.now()]);
            return;
          }
          worker.removeEventListener("message", listen);
          if (message.error) reject(new Error(message.error.message));
          else resolve(message.result);
        });
        worker.postMessage({ id: mine, action, data });
      });
    const timed = async (/** @type {() => Promise<unknown>} */ work) => {
      const start = performance.now();
      await work();
      return performance.now() - start;
    };
    const address = new URL("/www/models/demo/", location.href).href;
    const load = await timed(() => call("load", { address }));
    const request = {
      prompt: "a large red circle on a white background", negativePrompt: null, seed: 8, steps, guidanceScale: 4,
      width: side, height: side, refiner: { switchAt: 0.8 }, originalSize: null, cropTopLeft: null, targetSize: null,
      aestheticScore: null, negativeAestheticScore: null,
    };
    const first = await timed(() => call("generate", { request }));
    const begin = performance.now();
    marks.length = 0;
    const second = await timed(() => call("generate", { request }));
    const parts = marks.map(([what, at]) => ({ what, at: at - begin }));
    return { load, first, second, parts, memory: await call("memory", {}) };
  },
  { side, steps },
);
await browser.close();
await close();

const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(2)} s`;
const mega = (/** @type {number} */ bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
console.log(`${side} x ${side}, ${steps} steps with guidance, refiner from 0.8, software WebGPU`);
console.log(`load the model (download, store, compile, self-test)  ${seconds(figures.load)}`);
console.log(`first picture ${seconds(figures.first)}, second picture ${seconds(figures.second)}`);
for (const { what, at } of figures.parts) console.log(`  ${seconds(at).padStart(9)}  ${what}`);
const { live, peak, heap } = figures.memory;
console.log(`GPU buffers: ${mega(peak)} at most, ${mega(live)} afterwards; wasm heap ${mega(heap)}`);
