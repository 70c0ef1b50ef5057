// @ts-check
/** Pictures that come from outside: how they reach the page, and what of them is usable. */

import { CodedError } from "../protocol.js";
import { say } from "./text.js";

const MEGA = 1e6;

/** More than this takes a quarter of a gigabyte before anything is done with it. */
const MOST_MEGAPIXELS = 64;

/** Twice the longest side that SDXL draws well; larger ones only cost memory. */
const LONGEST_SIDE = 4096;

/**
 * Choosing, dropping on the place, and pasting anywhere on the page.
 * @param {HTMLElement} place  with a file input
 * @param {(picture: Blob) => void} take
 */
export function receivePictures(place, take) {
  const takeFirst = (/** @type {FileList | undefined | null} */ files) => {
    const file = files?.[0];
    if (file) take(file);
    return Boolean(file);
  };
  const chooser = /** @type {HTMLInputElement} */ (place.querySelector("[type=file]"));
  chooser.addEventListener("change", () => {
    takeFirst(chooser.files);
    // So that the same file may be chosen again.
    chooser.value = "";
  });
  const over = (/** @type {boolean} */ is) => place.toggleAttribute("data-over", is);
  place.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    over(true);
  });
  place.addEventListener("dragleave", (event) => over(event.relatedTarget instanceof Node && place.contains(event.relatedTarget)));
  place.addEventListener("drop", (event) => {
    over(false);
    if (takeFirst(event.dataTransfer?.files)) event.preventDefault();
  });
  document.addEventListener("paste", ({ clipboardData, target }) => {
    // Word processors put a picture of the text beside the text.
    const isText = target instanceof Element && target.matches("input, textarea") && clipboardData?.types.includes("text/plain");
    if (!isText) takeFirst(clipboardData?.files);
  });
}

/** @param {Blob} blob @returns {Promise<ImageBitmap>} upright, and no larger than is of use */
export async function decodePicture(blob) {
  const url = URL.createObjectURL(blob);
  try {
    const image = new Image();
    image.src = url;
    // Its size is known now, its pixels are not decoded yet.
    await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject }));
    const { naturalWidth: width, naturalHeight: height } = image;
    const megapixels = (width * height) / MEGA;
    if (megapixels > MOST_MEGAPIXELS) {
      throw new CodedError("BadPicture", say("pictureHuge", { megapixels: Math.ceil(megapixels), most: MOST_MEGAPIXELS }));
    }
    await image.decode();
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    const side = (/** @type {number} */ length) => Math.max(1, Math.round(length * scale));
    return await createImageBitmap(image, { resizeWidth: side(width), resizeHeight: side(height), resizeQuality: "high" });
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new CodedError("BadPicture", say("pictureDamaged"), {}, { cause: error });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Takes the bitmap. @param {ImageBitmap} bitmap */
export function pixelsIn(bitmap) {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (!context) throw new Error("This browser gives no more canvases");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
