// @ts-check
/** The page's own markup with the gallery alone at work: deeds are noted, and removing is done, as main.js would do it. */

import { zipOf } from "../../www/page/archive.js";
import { part } from "../../www/page/element.js";
import { GalleryView } from "../../www/page/gallery-view.js";
import { PictureStore } from "../../www/page/picture-store.js";
import { translate } from "../../www/page/text.js";

/** @typedef {import("../../www/page/picture-store.js").PictureRecord} PictureRecord */

/** What is not told to `add`. */
const REQUEST = {
  negativePrompt: null,
  steps: 30,
  guidanceScale: 5,
  refiner: null,
  originalSize: null,
  cropTopLeft: null,
  targetSize: null,
  aestheticScore: null,
  negativeAestheticScore: null,
  loras: [],
};

const store = new PictureStore();
/** @type {[string, number[]][]} */
const deeds = [];
/** Blob URLs that were not given back. @type {Set<string>} */
const urls = new Set();

const { createObjectURL, revokeObjectURL } = URL;
URL.createObjectURL = (/** @type {Blob} */ blob) => {
  const url = createObjectURL(blob);
  urls.add(url);
  return url;
};
URL.revokeObjectURL = (/** @type {string} */ url) => {
  urls.delete(url);
  revokeObjectURL(url);
};

translate(document);
const view = new GalleryView(part(document, "#gallery", HTMLElement), {
  async onDeed(/** @type {string} */ deed, /** @type {PictureRecord | PictureRecord[]} */ of) {
    const ids = [of].flat().map(({ id }) => id);
    deeds.push([deed, ids]);
    if (deed !== "remove") return;
    await store.remove(ids);
    await refresh();
  },
});

async function refresh() {
  view.show(await store.list());
}

/**
 * @param {string} prompt
 * @param {string} color
 * @param {{ seed?: number, width?: number, height?: number, more?: object }} [options]
 */
async function add(prompt, color, { seed = 1, width = 640, height = 512, more = {} } = {}) {
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#f4efe6";
  context.fillRect(0, 0, width, height);
  context.fillStyle = color;
  context.beginPath();
  context.arc(width / 2, height / 2, Math.min(width, height) / 3, 0, 2 * Math.PI);
  context.fill();
  const request = { ...REQUEST, prompt, seed, width, height, ...more };
  const id = await store.add({ png: await canvas.convertToBlob(), width, height, request, model: "Demo", seconds: 12, at: Date.now() });
  await refresh();
  return id;
}

await refresh();
Object.assign(globalThis, { gallery: { add, store, view, deeds, urls, zipOf } });
