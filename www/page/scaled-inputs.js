// @ts-check
/** What a request starts from, in the pixels of another size. */

import { pixelsIn } from "./picture-source.js";

/**
 * @typedef {import("../protocol.js").Inputs} Inputs
 * @typedef {import("./fit.js").Size} Size
 */

/**
 * @param {Inputs} inputs
 * @param {Size} size
 * @returns {Promise<Inputs>}
 */
export async function scaledInputs({ image, mask }, size) {
  return { image: await scaled(image, size), mask: mask && (await scaled(mask, size)) };
}

/**
 * @param {ImageData} pixels
 * @param {Size} size
 */
async function scaled(pixels, { width, height }) {
  return pixelsIn(await createImageBitmap(pixels, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" }));
}
