// @ts-check
/** The start picture, its mask and the comparison in the real markup and a real browser, without the rest of the page's program. */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";

import pngjs from "pngjs";

import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";

const FOLDER = process.env.ARTIFACTS || fileURLToPath(new URL("../../target/screenshots", import.meta.url));
const INDEX = readFileSync(new URL("../../index.html", import.meta.url), "utf8");
const SIDE = 256;

const PROGRAM = `
import { CompareView } from "/www/page/compare-view.js";
import { StartPicture } from "/www/page/start-picture.js";
import { translate } from "/www/page/text.js";
translate(document);

const start = new StartPicture(document.querySelector("#start-picture"));
start.resize(${SIDE}, ${SIDE});
const fetched = async (path) => (await fetch(path)).blob();
Object.assign(window, { start, compare: new CompareView(document.querySelector("#compare")), fetched });
document.documentElement.dataset.ready = "true";
`;

/** @typedef {[number, number, number]} Color */
/** @type {Color} */
const RED = [255, 0, 0];
/** @type {Color} */
const BLUE = [0, 0, 255];

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Site} */
let site;
/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {import("playwright-core").Page} */
let page;
/** @type {string[]} */
let errors;

before(async () => {
  mkdirSync(FOLDER, { recursive: true });
  browser = await launch();
  site = await Site.start();
  site.put("/canvas.html", (response) => response.setHeader("Content-Type", "text/html").end(INDEX.replace("www/page/main.js", "canvas.js")));
  site.put("/canvas.js", Buffer.from(PROGRAM));
  site.put("/wide.png", png(512, 256, (x) => (x < 256 ? RED : BLUE)));
  site.put("/tall.png", png(128, 256, (_, y) => (y < 128 ? RED : BLUE)));
  site.put("/photo.png", png(768, 512, (x, y) => [x / 3, 120 + 100 * Math.sin(x / 60 + y / 90), y / 2]));
  site.put("/white.png", png(512, 512, () => [255, 255, 255]));
  // Every brightness, and the accents of both schemes.
  site.put("/greys.png", png(512, 512, (x, y) => (y < 340 ? [x / 2, x / 2, x / 2] : x < 256 ? [11, 110, 105] : [99, 207, 195])));
});

after(async () => {
  await browser?.close();
  await site?.close();
});

beforeEach(() => open({ viewport: { width: 1300, height: 1000 } }));

afterEach(async () => {
  await context.close();
  assert.deepEqual(errors, []);
});

/** @param {import("playwright-core").BrowserContextOptions} options */
async function open(options) {
  await context?.close();
  ({ context, errors } = await openContext(browser, options));
  page = await context.newPage();
  await page.goto(`${site.url}canvas.html`);
  await page.waitForSelector("html[data-ready]");
}

/**
 * @param {number} width
 * @param {number} height
 * @param {(x: number, y: number) => Color} color
 */
function png(width, height, color) {
  const image = new pngjs.PNG({ width, height });
  for (let i = 0; i < width * height; i++) image.data.set([...color(i % width, Math.floor(i / width)), 255], 4 * i);
  return pngjs.PNG.sync.write(image);
}

/** @param {string} path */
const set = (path) => page.evaluate(`fetched("${path}").then((blob) => start.set(blob))`);

/** With a picture, ready to paint with hard edges. */
async function paint() {
  await set("/wide.png");
  await page.check("#start-picture [data-part=paints]");
  await page.fill("#brush-feather", "0");
}

/** Red, green and blue there, or null. @param {"image" | "mask"} what @param {[number, number][]} points @returns {Promise<Color[] | null>} */
function colors(what, ...points) {
  return page.evaluate(`start.inputs.then((inputs) => {
    const image = inputs?.${what};
    return image && ${JSON.stringify(points)}.map(([x, y]) => [...image.data.slice(4 * (y * image.width + x), 4 * (y * image.width + x) + 3)]);
  })`);
}

/** How white the mask is there. @param {[number, number][]} points */
async function whites(...points) {
  return (await colors("mask", ...points))?.map(([red]) => red) ?? null;
}

/** Values in the middle row that are neither black nor white. */
async function greys() {
  const row = await whites(...Array.from({ length: SIDE }, (_, x) => /** @type {[number, number]} */ ([x, SIDE / 2])));
  return (row ?? []).filter((white) => white > 0 && white < 255).length;
}

/** Where a pixel of the frame is on the screen. @param {number} x @param {number} y */
async function onScreen(x, y) {
  const canvas = page.locator("#start-picture [data-part=mask]");
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  assert.ok(box);
  return { x: box.x + (x * box.width) / SIDE, y: box.y + (y * box.height) / SIDE };
}

/** @param {[number, number][]} points */
async function drag(...points) {
  for (const [index, [x, y]] of points.entries()) {
    const at = await onScreen(x, y);
    await page.mouse.move(at.x, at.y);
    if (index === 0) await page.mouse.down();
  }
  await page.mouse.up();
}

test("a picture that is wider than the frame is cut around its focus, or stretched", async () => {
  await set("/wide.png");
  assert.deepEqual(await colors("image", [10, 128], [120, 10], [136, 250], [250, 128]), [RED, RED, BLUE, BLUE]);
  assert.equal(await page.textContent("label[for=start-focus]"), "Part shown, from left to right");
  await page.fill("#start-focus", "0");
  assert.deepEqual(await colors("image", [2, 2], [253, 253]), [RED, RED]);
  await page.fill("#start-focus", "75");
  assert.deepEqual(await colors("image", [60, 2], [70, 253]), [RED, BLUE]);
  await page.check("[value=stretch]");
  assert.deepEqual(await colors("image", [2, 2], [125, 128], [131, 128], [253, 253]), [RED, RED, BLUE, BLUE]);
  assert.ok(await page.isHidden("#start-focus"));
});

test("the part shown can be dragged, and follows another size", async () => {
  await set("/tall.png");
  assert.equal(await page.textContent("label[for=start-focus]"), "Part shown, from top to bottom");
  const picture = page.locator("#start-picture [data-part=picture]");
  await picture.scrollIntoViewIfNeeded();
  const box = await picture.boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + 20, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + 20, box.y + 20 + box.height / 2);
  await page.mouse.up();
  assert.equal(await page.inputValue("#start-focus"), "0");
  assert.deepEqual(await colors("image", [128, 5], [128, 250]), [RED, RED]);
  await page.evaluate("start.resize(128, 256)");
  assert.deepEqual(await page.evaluate("start.inputs.then(({ image }) => [image.width, image.height])"), [128, 256]);
  assert.deepEqual(await colors("image", [64, 120], [64, 136]), [RED, BLUE]);
});

test("a picture is chosen, dropped or pasted, and removed", async () => {
  assert.equal(await page.evaluate("start.inputs"), null);
  await page.setInputFiles("#start-picture [type=file]", { name: "wide.png", mimeType: "image/png", buffer: png(64, 64, () => BLUE) });
  await page.waitForSelector("#start-picture[data-state=picture]");
  assert.deepEqual(await colors("image", [128, 128]), [BLUE]);
  const give = (/** @type {string} */ type, /** @type {string} */ place, /** @type {string} */ transfer) =>
    page.evaluate(`fetched("/tall.png").then((blob) => {
      const data = new DataTransfer();
      data.items.add(new File([blob], "tall.png", { type: "image/png" }));
      document.querySelector("${place}").dispatchEvent(new ${type}, { bubbles: true, cancelable: true, ${transfer}: data }));
      return start.inputs.then(() => {});
    })`);
  await give('DragEvent("drop"', "#start-picture", "dataTransfer");
  assert.deepEqual(await colors("image", [128, 60], [128, 200]), [RED, BLUE]);
  await page.click("#start-picture [data-part=remove]");
  assert.equal(await page.evaluate("start.inputs"), null);
  await give('ClipboardEvent("paste"', "#prompt", "clipboardData");
  assert.deepEqual(await colors("image", [128, 60], [128, 200]), [RED, BLUE]);
});

test("of pictures given in a row the last one stays, and a request waits for it", async () => {
  const seen = await page.evaluate(`Promise.all(["/photo.png", "/tall.png", "/wide.png"].map(fetched)).then(async (blobs) => {
    for (const blob of blobs) start.set(blob);
    const { image } = await start.inputs;
    return [...image.data.slice(0, 3)];
  })`);
  assert.deepEqual(seen, RED);
});

test("a damaged or huge picture is refused, and the one of before stays", async () => {
  await set("/wide.png");
  const whole = png(512, 512, (x, y) => [x % 256, (x * y) % 256, y % 256]);
  for (const damaged of [Buffer.from("no picture"), Buffer.alloc(0), whole.subarray(0, 40), whole.subarray(0, whole.length / 2)]) {
    await page.setInputFiles("#start-picture [type=file]", { name: "a.png", mimeType: "image/png", buffer: damaged });
    await page.locator("#problem-start-picture:has-text('damaged')").waitFor();
    site.put("/damaged.png", damaged);
    assert.equal(await page.evaluate('fetched("/damaged.png").then((blob) => start.set(blob)).catch(({ name }) => name)'), "BadPicture");
  }
  const huge = Buffer.from("<svg xmlns='http://www.w3.org/2000/svg' width='10000' height='10000'/>");
  await page.setInputFiles("#start-picture [type=file]", { name: "a.svg", mimeType: "image/svg+xml", buffer: huge });
  await page.locator("#problem-start-picture:has-text('100 megapixels')").waitFor();
  assert.deepEqual(await colors("image", [10, 128], [250, 128]), [RED, BLUE]);
});

test("a region is painted by mouse, erased, undone and done again", async () => {
  await paint();
  assert.equal(await whites([128, 128]), null);
  await drag([50, 128], [200, 128]);
  assert.deepEqual(await whites([50, 128], [125, 128], [200, 128], [125, 100], [230, 128]), [255, 255, 255, 0, 0]);
  await page.check("[value=eraser]");
  await drag([125, 100], [125, 160]);
  assert.deepEqual(await whites([60, 128], [125, 128], [190, 128]), [255, 0, 255]);
  await page.keyboard.press("Control+z");
  assert.deepEqual(await whites([125, 128]), [255]);
  await page.keyboard.press("Control+z");
  assert.equal(await whites([125, 128]), null);
  await page.keyboard.press("Control+Shift+Z");
  await page.click("#start-picture [data-part=redo]");
  assert.deepEqual(await whites([60, 128], [125, 128], [190, 128]), [255, 0, 255]);
  await page.click("#start-picture [data-part=clear]");
  assert.equal(await whites([60, 128]), null);
  await page.click("#start-picture [data-part=undo]");
  assert.deepEqual(await whites([60, 128]), [255]);
});

test("an inverted mask is drawn where nothing was painted", async () => {
  await paint();
  await drag([100, 128], [150, 128]);
  await page.click("#start-picture [data-part=invert]");
  assert.deepEqual(await whites([125, 128], [5, 5], [250, 250]), [0, 255, 255]);
  await page.click("#start-picture [data-part=invert]");
  assert.deepEqual(await whites([125, 128], [5, 5]), [255, 0]);
});

test("only a feathered edge is wider than the pixel that smooths it", async () => {
  await paint();
  await drag([0, 128], [128, 128]);
  assert.ok((await greys()) <= 2);
  await page.fill("#brush-feather", "6");
  assert.ok((await greys()) >= 12);
  for (const side of [32, SIDE]) await page.evaluate(`start.resize(${side}, ${side})`);
  assert.equal(await page.inputValue("#brush-feather"), "6");
});

test("a region is painted by keyboard", async () => {
  await paint();
  await page.locator("#start-picture [data-part=mask]").focus();
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.isVisible("#start-picture [data-part=ring]"));
  await page.keyboard.down("Space");
  for (let i = 0; i < 8; i++) await page.keyboard.press("ArrowRight");
  await page.keyboard.up("Space");
  await page.keyboard.press("ArrowDown");
  const size = Math.round(SIDE / 10);
  assert.deepEqual(await whites([128 + size, 128], [128 + 2 * size, 128], [128 - size, 128], [128 + 3 * size, 128], [128 + size, 128 + size]), [255, 255, 0, 0, 0]);
  await page.keyboard.press("]");
  assert.equal(await page.inputValue("#brush-size"), "12");
  for (let presses = 0; presses < 5; presses++) await page.keyboard.press("[");
  assert.equal(await page.inputValue("#brush-size"), "5");
  assert.equal(await page.textContent("output[for=brush-size]"), "13 px");
  await page.keyboard.press("Control+z");
  assert.equal(await whites([128, 128]), null);
});

test("a finger paints while painting is on, and scrolls otherwise", async () => {
  await open({ viewport: { width: 360, height: 780 }, hasTouch: true });
  await set("/wide.png");
  const touchAction = (/** @type {string} */ name) => page.locator(`#start-picture [data-part=${name}]`).evaluate((canvas) => getComputedStyle(canvas).touchAction);
  assert.equal(await touchAction("picture"), "pan-y");
  await page.check("#start-picture [data-part=paints]");
  await page.fill("#brush-feather", "0");
  assert.equal(await touchAction("mask"), "none");
  const session = await context.newCDPSession(page);
  const touch = async (/** @type {"touchStart" | "touchMove"} */ type, /** @type {[number, number][]} */ ...points) => {
    const touchPoints = await Promise.all(points.map(async ([x, y], id) => ({ ...(await onScreen(x, y)), id })));
    await session.send("Input.dispatchTouchEvent", { type, touchPoints });
  };
  await onScreen(0, 0);
  const before = await page.evaluate("scrollY");
  await touch("touchStart", [128, 40]);
  await touch("touchMove", [128, 120]);
  // A second finger does not paint.
  await touch("touchStart", [128, 120], [30, 30]);
  await touch("touchMove", [128, 220], [60, 30]);
  await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  assert.deepEqual(await whites([128, 40], [128, 130], [128, 220], [60, 30], [200, 128]), [255, 255, 255, 0, 0]);
  assert.equal(await page.evaluate("scrollY"), before);
});

test("a pen paints as wide as it is pressed", async () => {
  await paint();
  await page.fill("#brush-size", "40");
  const session = await context.newCDPSession(page);
  const pen = async (/** @type {"mousePressed" | "mouseMoved" | "mouseReleased"} */ type, /** @type {number} */ x, /** @type {number} */ force) =>
    session.send("Input.dispatchMouseEvent", { type, ...(await onScreen(x, 128)), force, pointerType: "pen", button: "left", buttons: 1, clickCount: 1 });
  await pen("mousePressed", 60, 1);
  await pen("mouseMoved", 200, 0.2);
  await pen("mouseReleased", 200, 0);
  assert.deepEqual(await whites([60, 88], [60, 168], [200, 128], [200, 100], [200, 156]), [255, 255, 255, 0, 0]);
});

test("what was painted stays where it is on the picture", async () => {
  await paint();
  await drag([128, 128]);
  await page.fill("#start-focus", "75");
  assert.deepEqual(await whites([64, 128], [128, 128]), [255, 0]);
  await page.evaluate("start.resize(512, 256)");
  assert.deepEqual(await whites([256, 128], [128, 128]), [255, 0]);
  await set("/tall.png");
  assert.equal(await whites([0, 0]), null);
});

test("a painted region is drawn anew as a whole, a picture by half, unless said otherwise", async () => {
  await paint();
  const strength = () => page.evaluate("start.inputs.then(({ strength }) => strength)");
  assert.equal(await strength(), 0.5);
  await drag([128, 128]);
  assert.equal(await strength(), 1);
  assert.equal(await page.textContent("output[for=start-strength]"), "1.00");
  await page.fill("#start-strength", "0.8");
  await page.uncheck("#start-picture [data-part=paints]");
  assert.equal(await strength(), 0.5);
  assert.equal(await whites([128, 128]), null);
  await page.check("#start-picture [data-part=paints]");
  assert.equal(await strength(), 0.8);
  assert.deepEqual(await whites([128, 128]), [255]);
});

test("the divider moves by keys and by pointer, and pictures of two sizes are both contained", async () => {
  await page.evaluate(`Promise.all(["/wide.png", "/tall.png"].map(fetched)).then(([a, b]) => compare.show({ blob: a, name: "before" }, { blob: b, name: "after" }))`);
  const divider = page.getByRole("slider", { name: "Divider" });
  const clip = () => page.locator("#compare [data-part=right]").evaluate((image) => getComputedStyle(image).clipPath);
  assert.ok(await divider.evaluate((input) => input === document.activeElement));
  await page.keyboard.press("ArrowRight");
  assert.equal(await clip(), "inset(0px 0px 0px 51%)");
  assert.equal(await divider.getAttribute("aria-valuetext"), "51 % of the width shows “before”");
  const box = await page.locator("#compare .pair").boundingBox();
  assert.ok(box && Math.abs(box.width / box.height - 2) < 0.01);
  await page.mouse.move(box.x + 0.51 * box.width, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.2 * box.width, box.y + 40, { steps: 4 });
  await page.mouse.up();
  assert.equal(await clip(), "inset(0px 0px 0px 20%)");
  const line = await page.locator("#compare .divider").boundingBox();
  assert.ok(line && Math.abs(line.x + line.width / 2 - (box.x + 0.2 * box.width)) < 2);
  await page.keyboard.press("Home");
  assert.equal(await clip(), "inset(0px 0px 0px 0%)");
  await page.keyboard.press("Escape");
  assert.ok(await page.isHidden("#compare"));
  const refusal = `compare.show({ blob: new Blob(["no picture"]), name: "a" }, { blob: new Blob([]), name: "b" }).catch(({ name }) => name)`;
  assert.equal(await page.evaluate(refusal), "BadPicture");
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  for (const width of [360, 1300]) {
    test(`it fits ${width} px, ${colorScheme}`, async () => {
      await open({ colorScheme, viewport: { width, height: width < 500 ? 780 : 1000 } });
      const shoot = async (/** @type {string} */ state) => {
        await page.screenshot({ path: `${FOLDER}/${state}-${width}-${colorScheme}.png`, fullPage: !state.startsWith("compare"), animations: "disabled" });
        assert.ok(Number(await page.evaluate("document.documentElement.scrollWidth")) <= width, `${state} is wider than ${width} px`);
      };
      await shoot("start-picture-none");
      await set("/photo.png");
      await shoot("start-picture");
      await page.check("#start-picture [data-part=paints]");
      await drag([60, 60], [130, 190], [200, 120]);
      await shoot("start-picture-mask");
      await set("/greys.png");
      await drag([20, 60], [236, 60]);
      await drag([20, 200], [236, 200]);
      await shoot("start-picture-greys");
      await page.evaluate(`Promise.all(["/photo.png", "/white.png"].map(fetched)).then(([a, b]) =>
        compare.show({ blob: a, name: "a red apple, 3d emoji" }, { blob: b, name: "a cat face, 3d emoji on a blue background" }))`);
      await shoot("compare");
    });
  }
}
