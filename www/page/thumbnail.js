// @ts-check
/** A picture small enough that hundreds can be shown at once. */

const SIDE = 256;

/**
 * @param {Blob} png
 * @returns {Promise<Blob>}  WebP, or PNG where the browser does not write that
 */
export async function thumbnailOf(png) {
  const whole = await createImageBitmap(png);
  const scale = Math.min(1, SIDE / Math.max(whole.width, whole.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(whole.width * scale)), Math.max(1, Math.round(whole.height * scale)));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws on no canvas.");
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return canvas.convertToBlob({ type: "image/webp", quality: 0.85 });
}
