// @ts-check
/** What a request starts from, in the pixels of another size. */

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
  const bitmap = await createImageBitmap(pixels, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (!context) throw new Error("This browser gives no more canvases");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
