// @ts-check
/** The whole page with the real engine and the demo model: a first picture, one without a network, and a cancelled one. */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { PNG } from "pngjs";

import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";

const FOLDER = process.env.ARTIFACTS || fileURLToPath(new URL("../../target/screenshots", import.meta.url));
const SIDE = 128;
const STEPS = 10;

/** A picture on a software GPU; a hung engine, not a slow one, should exceed this. */
const PICTURE_MS = 240_000;
const START_MS = 60_000;

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Site} */
let site;
/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {string[]} */
let errors;
/** @type {import("playwright-core").Page} */
let page;

before(async () => {
  mkdirSync(FOLDER, { recursive: true });
  browser = await launch();
  site = await Site.start();
  ({ context, errors } = await openContext(browser, { serviceWorkers: "allow", viewport: { width: 1600, height: 1000 } }));
  page = await context.newPage();
});

after(async () => {
  await browser?.close();
  await site?.close();
});

async function ready() {
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: START_MS });
}

/**
 * @param {string} prompt
 * @param {number} seed
 */
async function start(prompt, seed) {
  await page.fill("#prompt", prompt);
  await page.fill("#seed", String(seed));
  await page.fill("#steps", String(STEPS));
  await page.fill("#guidanceScale", "4");
  await page.fill("#width", String(SIDE));
  await page.fill("#height", String(SIDE));
  await page.check("[name=refine]");
  await page.click("#prompt-form button[type=submit]");
}

/** Waits for the end of a run, and fails with what the page says if that is an error. */
async function finished() {
  await page.waitForSelector("#progress", { state: "hidden", timeout: PICTURE_MS });
  if (await page.isVisible("#message")) assert.fail(`${await page.innerText("#message")}\n${errors.join("\n")}`);
}

/** @param {string} name */
async function save(name) {
  const saving = page.waitForEvent("download");
  await page.click("text=Save as PNG");
  const download = await saving;
  const path = `${FOLDER}/${name}.png`;
  await download.saveAs(path);
  return { name: download.suggestedFilename(), png: PNG.sync.read(readFileSync(path)) };
}

/**
 * The pixels of one colour: how many, and the box around them, all as fractions of the picture.
 * @param {PNG} png
 * @param {(red: number, green: number, blue: number) => boolean} isColour
 */
function blob({ width, height, data }, isColour) {
  let count = 0;
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [red = 0, green = 0, blue = 0] = data.subarray((y * width + x) * 4, (y * width + x) * 4 + 3);
      if (!isColour(red, green, blue)) continue;
      count++;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  const [boxWidth, boxHeight] = [right - left + 1, bottom - top + 1];
  return {
    area: count / (width * height),
    boxWidth: boxWidth / width,
    boxHeight: boxHeight / height,
    aspect: boxWidth / boxHeight,
    fill: count / (boxWidth * boxHeight),
  };
}

/**
 * The share of pixels along the picture's edge that are near white.
 * @param {PNG} png
 */
function whiteEdge({ width, height, data }) {
  let white = 0;
  let all = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (x > 1 && y > 1 && x < width - 2 && y < height - 2) continue;
      all++;
      if (Math.min(...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 3)) > 220) white++;
    }
  }
  return white / all;
}

/** What the store knows of GPUs. @returns {Promise<any[]>} */
const tunings = () =>
  page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const opening = indexedDB.open("sdxl-web");
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const db = opening.result;
          const reading = db.transaction("tunings").objectStore("tunings").getAll();
          reading.onerror = () => reject(reading.error);
          reading.onsuccess = () => {
            db.close();
            resolve(reading.result);
          };
        };
      }),
  );

/** @type {(red: number, green: number, blue: number) => boolean} */
const isRed = (red, green, blue) => red > 150 && green < 100 && blue < 100;
/** @type {(red: number, green: number, blue: number) => boolean} */
const isBlue = (red, green, blue) => blue > 150 && red < 100 && green < 140;

test("the first visit loads the demo model with byte progress and draws a large red disc on white", async () => {
  await page.goto(site.url);
  await ready();
  assert.ok(await page.isVisible("text=This is a demo, not SDXL"));
  await start("a large red circle on a white background", 7);
  await page.waitForFunction(() => /Loading the model.*\d+(\.\d)? MB of \d+ MB/.test(document.querySelector("#progress")?.textContent ?? ""), null, {
    timeout: START_MS,
    polling: 20,
  });
  await page.waitForFunction(() => /step \d+ of/.test(document.querySelector("#progress")?.textContent ?? ""), null, { timeout: PICTURE_MS });
  await finished();

  const { name, png } = await save("red-circle");
  await page.screenshot({ path: `${FOLDER}/page-red-circle.png` });
  assert.equal(name, "a-large-red-circle-on-a-white-background-7.png");
  assert.deepEqual([png.width, png.height], [SIDE, SIDE]);
  const disc = blob(png, isRed);
  const seen = JSON.stringify({ ...disc, edge: whiteEdge(png) });
  assert.ok(whiteEdge(png) > 0.95, `the edge is not white: ${seen}`);
  assert.ok(disc.area > 0.12 && disc.area < 0.7, `no large red area: ${seen}`);
  assert.ok(disc.aspect > 0.8 && disc.aspect < 1.25, `the red area is not as wide as high: ${seen}`);
  // A disc fills pi/4 = 0.785 of its box, a square 1, a triangle 0.5, a ring much less.
  assert.ok(disc.fill > 0.7 && disc.fill < 0.87, `the red area is no disc: ${seen}`);
  const middle = ((SIDE / 2) * SIDE + SIDE / 2) * 4;
  assert.ok(isRed(png.data[middle] ?? 0, png.data[middle + 1] ?? 0, png.data[middle + 2] ?? 0), `the middle is not red: ${seen}`);
});

test("GPU memory is given back after a picture, and is told", async () => {
  const told = (await page.textContent("#model [data-part=memory]")) ?? "";
  const [, live, peak] = /([\d.]+) MB in use, ([\d.]+) MB at most/.exec(told) ?? assert.fail(told);
  // The base alone has 22 MB of weights.
  assert.ok(Number(peak) > 22, told);
  assert.ok(Number(live) < 3, told);
});

test("what was found out about the GPU beside a download is not kept", async () => {
  assert.deepEqual(await tunings(), []);
});

test("without a network a reloaded page draws another prompt with another seed, and asks for no part of the model", async () => {
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => null));
  await context.setOffline(true);
  site.cut = true;
  site.asked = [];
  /** @type {string[]} */
  const failed = [];
  context.on("requestfailed", (request) => failed.push(request.url()));

  await page.reload();
  await ready();
  assert.match((await page.textContent("#model [data-part=state]")) ?? "", /works without a network/);
  await start("a large blue square on a white background", 3);
  await finished();

  // Nothing was loaded beside it this time.
  const [tuning, ...others] = await tunings();
  assert.ok(tuning.speed > 0, JSON.stringify(tuning));
  assert.deepEqual(others, []);
  const { png } = await save("blue-square");
  const square = blob(png, isBlue);
  const seen = JSON.stringify({ ...square, edge: whiteEdge(png) });
  assert.ok(square.area > 0.08 && square.area < 0.8, `no large blue area: ${seen}`);
  assert.ok(square.fill > 0.85, `the blue area is no square: ${seen}`);
  assert.ok(whiteEdge(png) > 0.9, `the edge is not white: ${seen}`);

  const loaded = await Promise.all(page.workers().map((worker) => worker.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name))));
  const ofModel = [...loaded.flat(), ...failed, ...site.asked].filter((url) => url.includes("/models/"));
  assert.deepEqual(ofModel, []);
});

test("cancel stops within a step, and the next picture is drawn by the same engine", async () => {
  await start("a large green triangle on a white background", 5);
  await page.waitForFunction(() => /step [1-9]\d* of/.test(document.querySelector("#progress")?.textContent ?? ""), null, { timeout: PICTURE_MS });
  const began = Date.now();
  await page.waitForFunction(() => /step [2-9] of/.test(document.querySelector("#progress")?.textContent ?? ""), null, { timeout: PICTURE_MS });
  const step = Date.now() - began;
  const workersBefore = page.workers();
  const pressed = Date.now();
  await page.click("#progress button");
  await page.waitForSelector("#progress", { state: "hidden", timeout: PICTURE_MS });
  const took = Date.now() - pressed;
  assert.ok(took < 2000 + 2 * step, `stopping took ${took} ms, a step ${step} ms`);
  assert.equal(await page.isVisible("#message"), false);

  await start("a large green triangle on a white background", 5);
  await finished();
  assert.deepEqual(page.workers(), workersBefore, "the worker was ended instead of stopped");
  assert.ok(blob((await save("green-triangle")).png, (red, green, blue) => green > 100 && red < 110 && blue < 130).area > 0.03);
});
