// @ts-check
/**
 * Softens the edge of a mask. Three box blurs come within 3 % of a gaussian (https://www.w3.org/TR/filter-effects-1/#feGaussianBlurElement)
 * and take the same time whatever the radius; a canvas's own filter is not in every browser.
 */

const PASSES = 3;

/**
 * Odd widths of boxes whose variances add up to the gaussian's as nearly as whole pixels can.
 * @param {number} sigma
 */
export function boxWidths(sigma) {
  const variance = 12 * sigma * sigma;
  const narrow = 2 * Math.floor((Math.sqrt(variance / PASSES + 1) - 1) / 2) + 1;
  // A half is rounded down: more passes that blur are rounder.
  const narrowOnes = Math.ceil((PASSES * (narrow + 1) * (narrow + 3) - variance) / (4 * narrow + 4) - 0.5);
  return Array.from({ length: PASSES }, (_, index) => (index < narrowOnes ? narrow : narrow + 2));
}

/**
 * Beyond its border a mask goes on as it is there, so a region painted up to the border stays whole.
 * @param {Uint8ClampedArray} mask
 * @param {number} width
 * @param {number} height
 * @param {number} sigma  in pixels; what CSS calls the radius of a blur
 */
export function feathered(mask, width, height, sigma) {
  let from = new Float32Array(mask);
  let to = new Float32Array(mask.length);
  for (const box of boxWidths(sigma)) {
    if (box === 1) continue;
    blurRows(from, width, box);
    blurColumns(from, to, width, height, box);
    [from, to] = [to, from];
  }
  return new Uint8ClampedArray(from);
}

/**
 * In place.
 * @param {Float32Array} pixels
 * @param {number} width
 * @param {number} box
 */
function blurRows(pixels, width, box) {
  const reach = (box - 1) / 2;
  const row = new Float32Array(width + box);
  for (let start = 0; start < pixels.length; start += width) {
    row.set(pixels.subarray(start, start + width), reach);
    row.fill(pixels[start] ?? 0, 0, reach);
    row.fill(pixels[start + width - 1] ?? 0, reach + width);
    let sum = 0;
    for (let x = 0; x < box; x++) sum += row[x] ?? 0;
    for (let x = 0; x < width; x++) {
      pixels[start + x] = sum / box;
      sum += (row[x + box] ?? 0) - (row[x] ?? 0);
    }
  }
}

/**
 * Along rows too, with a sum for each column: columns read one by one leave the processor waiting for memory.
 * @param {Float32Array} from
 * @param {Float32Array} to
 * @param {number} width
 * @param {number} height
 * @param {number} box
 */
function blurColumns(from, to, width, height, box) {
  const reach = (box - 1) / 2;
  const rowAt = (/** @type {number} */ y) => Math.min(Math.max(y, 0), height - 1) * width;
  // As precise as JavaScript's numbers, so that thousands of rows leave no trace in them.
  const sums = new Float64Array(width);
  for (let y = -reach; y <= reach; y++) {
    for (let x = 0, row = rowAt(y); x < width; x++) sums[x] = (sums[x] ?? 0) + (from[row + x] ?? 0);
  }
  for (let y = 0; y < height; y++) {
    const [here, enters, leaves] = [y * width, rowAt(y + reach + 1), rowAt(y - reach)];
    for (let x = 0; x < width; x++) {
      const sum = sums[x] ?? 0;
      to[here + x] = sum / box;
      sums[x] = sum + (from[enters + x] ?? 0) - (from[leaves + x] ?? 0);
    }
  }
}
