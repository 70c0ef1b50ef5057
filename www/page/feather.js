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
  /** @type {Float32Array} */
  const from = Float32Array.from(mask);
  /** @type {Float32Array} */
  const to = new Float32Array(mask.length);
  for (const box of boxWidths(sigma)) {
    if (box === 1) continue;
    blurAndTurn(from, to, width, height, box);
    blurAndTurn(to, from, height, width, box);
  }
  return Uint8ClampedArray.from(from);
}

/**
 * Blurs along rows, which become columns: done twice, it has blurred both ways and read memory in its order.
 * @param {Float32Array} from
 * @param {Float32Array} to
 * @param {number} width
 * @param {number} height
 * @param {number} box
 */
function blurAndTurn(from, to, width, height, box) {
  const reach = (box - 1) / 2;
  const row = new Float32Array(width + 2 * reach + 1);
  for (let y = 0; y < height; y++) {
    const start = y * width;
    row.set(from.subarray(start, start + width), reach);
    row.fill(from[start] ?? 0, 0, reach);
    row.fill(from[start + width - 1] ?? 0, reach + width);
    let sum = 0;
    for (let x = 0; x < box; x++) sum += row[x] ?? 0;
    for (let x = 0, at = y; x < width; x++, at += height) {
      to[at] = sum / box;
      sum += (row[x + box] ?? 0) - (row[x] ?? 0);
    }
  }
}
