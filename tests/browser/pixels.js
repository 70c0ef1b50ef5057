// @ts-check

/**
 * A hash of the picture that is shown: of its pixels, since its file has its settings in it too.
 * @param {import("playwright-core").Page} page
 */
export function pixelsShown(page) {
  return page.locator("#picture .frame > img").evaluate(async (/** @type {HTMLImageElement} */ image) => {
    const bitmap = await createImageBitmap(image);
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context?.drawImage(bitmap, 0, 0);
    const pixels = context?.getImageData(0, 0, bitmap.width, bitmap.height).data ?? new Uint8ClampedArray();
    return [...new Uint8Array(await crypto.subtle.digest("SHA-256", pixels))].join(" ");
  });
}
