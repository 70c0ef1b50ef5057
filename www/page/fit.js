// @ts-check
/** How a picture of one shape becomes one of another: which part of it is shown. */

/**
 * @typedef {{ width: number, height: number }} Size
 * @typedef {{ x: number, y: number, width: number, height: number }} Part  of a picture, in its pixels
 * @typedef {"crop" | "stretch"} Fit
 */

/**
 * The part of a picture that fills the frame: all of it, stretched, or as much as has the frame's shape.
 * @param {Size} picture
 * @param {Size} frame
 * @param {Fit} fit
 * @param {{ x: number, y: number }} focus  from 0, the left and the top are kept, to 1
 * @returns {Part}
 */
export function partShown(picture, frame, fit, focus) {
  if (fit === "stretch") return { x: 0, y: 0, width: picture.width, height: picture.height };
  const scale = Math.min(picture.width / frame.width, picture.height / frame.height);
  const [width, height] = [frame.width * scale, frame.height * scale];
  return { x: (picture.width - width) * focus.x, y: (picture.height - height) * focus.y, width, height };
}

/**
 * The direction in which a part can be moved; a part that has the frame's shape leaves room in one at most.
 * @param {Size} picture
 * @param {Part} part
 * @returns {"x" | "y" | null}
 */
export function roomToMove(picture, part) {
  // Less than a pixel is rounding.
  if (picture.width - part.width >= 1) return "x";
  return picture.height - part.height >= 1 ? "y" : null;
}
