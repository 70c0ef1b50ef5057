// @ts-check
/** A grid as one picture, with its headers, for whoever is to see it elsewhere. */

/**
 * @typedef {Pick<import("./grid.js").Headers, "columns" | "rows">} Grid
 * @typedef {{ width: number, height: number }} Size
 * @typedef {object} Layout
 * @property {number} width
 * @property {number} height
 * @property {Size} cell
 * @property {number} left     where the first column begins
 * @property {number} top      where the first row begins
 * @property {number} gap
 * @property {number} letters  how high they are
 * @property {number} label    how wide the headers of rows are
 */

/** What browsers make canvases of, on telephones too. */
const MOST_SIDE = 8192;
const MOST_PIXELS = 2 ** 25;

const LEAST_LETTERS = 14;
const LETTERS_OF_CELL = 1 / 24;
const LINE = 1.3;
const MOST_LINES = 3;
const SHRINKS = 0.98;

const PAPER = "#ffffff";
const INK = "#1d1c1a";
const SUNKEN = "#f0eeea";
const QUIET = "#65615b";

/**
 * @param {Grid} grid
 * @param {Size} picture
 * @param {(Blob | string)[]} cells  row by row: a picture, or what is to be said in its place
 * @returns {Promise<Blob>}
 */
export async function sheetPicture(grid, picture, cells) {
  const layout = layoutOf(grid, picture);
  const { cell, letters, label } = layout;
  const canvas = new OffscreenCanvas(layout.width, layout.height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws on no canvas.");
  context.imageSmoothingQuality = "high";
  context.font = `${letters}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = PAPER;
  context.fillRect(0, 0, layout.width, layout.height);

  const write = (/** @type {string} */ text, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ width, color = INK) => {
    context.fillStyle = color;
    const lines = linesOf(text, width, (words) => context.measureText(words).width);
    for (const [at, line] of lines.entries()) context.fillText(line, x, y + (at - (lines.length - 1) / 2) * letters * LINE, width);
  };
  const at = (/** @type {number} */ column, /** @type {number} */ row) => ({ x: layout.left + column * (cell.width + layout.gap), y: layout.top + row * (cell.height + layout.gap) });

  for (const [column, text] of grid.columns.entries()) write(text, at(column, 0).x + cell.width / 2, layout.top / 2, cell.width);
  for (const [row, text] of grid.rows.entries()) write(text, layout.left - layout.gap - label / 2, at(0, row).y + cell.height / 2, label);
  for (const [index, content] of cells.entries()) {
    const { x, y } = at(index % grid.columns.length, Math.floor(index / grid.columns.length));
    if (content instanceof Blob) {
      const bitmap = await createImageBitmap(content);
      context.drawImage(bitmap, x, y, cell.width, cell.height);
      bitmap.close();
    } else {
      context.fillStyle = SUNKEN;
      context.fillRect(x, y, cell.width, cell.height);
      write(content, x + cell.width / 2, y + cell.height / 2, cell.width, QUIET);
    }
  }
  return canvas.convertToBlob({ type: "image/png" });
}

/**
 * As large as the pictures are, if it may be as large; letters are never too small to read.
 * @param {Grid} grid
 * @param {Size} picture
 * @returns {Layout}
 */
export function layoutOf(grid, picture) {
  for (let scale = 1; ; scale *= SHRINKS) {
    const layout = scaled(grid, picture, scale);
    if (Math.max(layout.width, layout.height) <= MOST_SIDE && layout.width * layout.height <= MOST_PIXELS) return layout;
  }
}

/**
 * @param {Grid} grid
 * @param {Size} picture
 * @param {number} scale
 * @returns {Layout}
 */
function scaled({ columns, rows }, picture, scale) {
  const cell = { width: Math.max(1, Math.round(picture.width * scale)), height: Math.max(1, Math.round(picture.height * scale)) };
  const letters = Math.max(LEAST_LETTERS, Math.round(Math.max(cell.width, cell.height) * LETTERS_OF_CELL));
  const gap = Math.round(letters / 2);
  const label = rows.some(Boolean) ? letters * 8 : 0;
  const left = label + (label && gap) + gap;
  const top = columns.some(Boolean) ? Math.round(letters * LINE * MOST_LINES) + gap : gap;
  const width = left + columns.length * (cell.width + gap);
  return { width, height: top + rows.length * (cell.height + gap), cell, left, top, gap, letters, label };
}

/**
 * Text in lines of a width; the last line ends with dots where there is more.
 * @param {string} text
 * @param {number} width
 * @param {(words: string) => number} measure
 */
export function linesOf(text, width, measure) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && measure(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.length <= MOST_LINES ? lines : [...lines.slice(0, MOST_LINES - 1), `${lines[MOST_LINES - 1]} …`];
}
