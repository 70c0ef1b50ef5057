// @ts-check
/** The bench's page: what to measure, how far it is, the report. */

import { CodedError } from "../protocol.js";
import { megabytes } from "../support.js";
import { part } from "./element.js";
import { Generator } from "./generator.js";
import { MessageView } from "./message-view.js";
import { isAbort } from "./trouble.js";

/** @typedef {import("../protocol.js").BenchConfigs} BenchConfigs */
/** @typedef {import("../protocol.js").BenchOptions} BenchOptions */
/** @typedef {import("../protocol.js").BenchResult} BenchResult */

const DEMO = new URL("../models/demo/", import.meta.url);
/** What the demo model was trained for; a processor in place of a GPU manages half of it. */
const SIZES = { sdxl: 1024, demo: 128 };

const generator = new Generator();
const form = part(document, "#bench-form", HTMLFormElement);
const run = part(form, "button[type=submit]", HTMLButtonElement);
const model = part(form, "[name=model]", HTMLSelectElement);
const size = part(form, "[name=size]", HTMLInputElement);
const progress = part(document, "#progress", HTMLElement);
const bar = part(progress, "progress", HTMLProgressElement);
const report = part(document, "#report", HTMLElement);
const message = new MessageView(part(document, "#message", HTMLElement), { leave: () => run.focus() });

/** @type {AbortController | null} */
let stop = null;
/** @type {BenchResult | null} */
let result = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void measure();
});
model.addEventListener("change", () => {
  size.value = String(SIZES[/** @type {keyof typeof SIZES} */ (model.value)]);
});
part(progress, "button", HTMLButtonElement).addEventListener("click", () => stop?.abort());
part(report, "[data-part=copy-markdown]", HTMLButtonElement).addEventListener("click", () => copy(result?.markdown ?? ""));
part(report, "[data-part=copy-json]", HTMLButtonElement).addEventListener("click", () => copy(JSON.stringify(result?.report, null, 2)));
document.documentElement.dataset.ready = "true";

async function measure() {
  const fields = new FormData(form);
  const options = {
    size: Number(fields.get("size")),
    weights: /** @type {BenchOptions["weights"]} */ (fields.get("weights")),
    f16: fields.has("f16"),
    only: /** @type {BenchOptions["only"]} */ (fields.get("only") || null),
    repeats: Number(fields.get("repeats")),
  };
  stop = new AbortController();
  const { signal } = stop;
  message.clear();
  report.hidden = true;
  run.disabled = true;
  tell({ type: "engine" });
  progress.hidden = false;
  try {
    const failed = (await generator.check()).find(({ ok }) => !ok);
    if (failed) throw new CodedError(failed.code, failed.sentence);
    const configs = model.value === "demo" ? await demoConfigs(signal) : null;
    result = await generator.bench(options, configs, { signal, onEvent: tell });
    part(report, "[data-part=markdown]", HTMLElement).textContent = result.markdown;
    part(report, "[role=status]", HTMLElement).textContent = "";
    report.hidden = false;
  } catch (error) {
    if (!isAbort(error)) message.show(error, measure);
  } finally {
    progress.hidden = true;
    run.disabled = false;
  }
}

/** @param {import("../protocol.js").ProgressEvent} event */
function tell(event) {
  const say = (/** @type {string} */ what, detail = "", done = 0, all = 0) => {
    part(progress, "[data-part=what]", HTMLElement).textContent = what;
    part(progress, "[data-part=detail]", HTMLElement).textContent = detail;
    if (all > 1) bar.value = done / all;
    else bar.removeAttribute("value");
  };
  if (event.type === "engine") say("Starting");
  if (event.type === "load") say("Making weights", `${megabytes(event.bytes)} of ${megabytes(event.total)}`, event.bytes, event.total);
  if (event.type === "bench") say(`Measuring: ${event.what}`, event.count > 1 ? `${event.index + 1} of ${event.count}` : "", event.index, event.count);
}

/** @param {AbortSignal} signal @returns {Promise<BenchConfigs>} */
async function demoConfigs(signal) {
  const components = async (/** @type {string} */ kind) => {
    const response = await fetch(new URL(`${kind}/manifest.json`, DEMO), { signal });
    if (!response.ok) throw new CodedError("MissingManifest", `The demo model's ${kind}/manifest.json is missing.`);
    return (await response.json()).components;
  };
  const [base, refiner] = await Promise.all([components("base"), components("refiner")]);
  return { name: "The demo model", unet: base.unet.config, refiner: refiner.unet.config, vae: base.vae.config, scheduler: base.scheduler.config };
}

/** @param {string} text */
async function copy(text) {
  const status = part(report, "[role=status]", HTMLElement);
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = "Copied.";
  } catch {
    status.textContent = "The browser did not allow copying; select the text instead.";
  }
}
