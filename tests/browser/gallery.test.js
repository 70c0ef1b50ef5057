// @ts-check
/** The gallery with the browser's own store, keyboard and zip, on the markup of index.html. Pictures of it go to ARTIFACTS. */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";

import { PNG } from "pngjs";

import { unzip } from "../page/unzip.js";
import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";

const FOLDER = process.env.ARTIFACTS || fileURLToPath(new URL("../../target/screenshots", import.meta.url));
const INDEX = readFileSync(new URL("../../index.html", import.meta.url), "utf8");
const PAGE = INDEX.replace("www/page/main.js", "gallery-page.js");

/**
 * What gallery-page.js gives.
 * @typedef {object} Gallery
 * @property {(prompt: string, color: string, options?: object) => Promise<number>} add
 * @property {import("../../www/page/picture-store.js").PictureStore} store
 * @property {import("../../www/page/gallery-view.js").GalleryView} view
 * @property {typeof import("../../www/page/archive.js").zipOf} zipOf
 * @property {[deed: string, ids: number[]][]} deeds
 * @property {Set<string>} urls  that were not given back
 */

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
  site.put("/", Buffer.from(PAGE));
  site.put("/gallery-page.js", readFileSync(new URL("gallery-page.js", import.meta.url)));
});

after(async () => {
  await browser?.close();
  await site?.close();
});

beforeEach(() => openPage());

afterEach(async () => {
  await context.close();
  assert.deepEqual(errors, []);
});

/** @param {import("playwright-core").BrowserContextOptions} [options] */
async function openPage(options) {
  await context?.close();
  ({ context, errors } = await openContext(browser, options));
  page = await context.newPage();
  await page.goto(site.url);
  // By its id, the element is there under this name before.
  await page.waitForFunction(() => "deeds" in Reflect.get(globalThis, "gallery"));
}

/**
 * @template T, A
 * @param {(gallery: Gallery, argument: A) => T} run
 * @param {A} [argument]
 */
function inPage(run, argument) {
  return page.evaluate(`(${run})(gallery, ${JSON.stringify(argument)})`);
}

async function addThree() {
  await inPage(async (gallery) => {
    await gallery.add("a red apple", "#c0392b", { seed: 123 });
    await gallery.add("a green apple", "#27774f", { seed: 4501, width: 512, height: 768, more: { negativePrompt: "blurry" } });
    await gallery.add("a blue whale", "#2a5db0", { seed: 9, more: { refiner: { switchAt: 0.8 }, loras: [{ name: "ink", weight: 0.8 }] } });
  });
}

/** Ids, as they are shown. */
function shown() {
  return page.locator("#gallery li").evaluateAll((items) => items.map((item) => Number(/** @type {HTMLElement} */ (item).dataset.picture)));
}

const focused = () => page.evaluate(() => document.activeElement?.closest("li")?.dataset.picture);
const thumbnail = (/** @type {string} */ prompt) => page.getByRole("button", { name: prompt, exact: true });
const dialog = () => page.getByRole("dialog");
const deeds = () => inPage((gallery) => gallery.deeds);

test("pictures are kept over a reload, with thumbnails, the newest first", async () => {
  assert.equal(await page.locator("#gallery").isVisible(), false);
  await addThree();
  assert.deepEqual(await shown(), [3, 2, 1]);
  await page.reload();
  await page.getByRole("list", { name: "Pictures" }).waitFor();
  assert.deepEqual(await shown(), [3, 2, 1]);
  assert.match(await page.locator("#gallery [data-part=total]").innerText(), /^3 on this device, (0\.\d MB|\d+ kB)$/);
  const size = await thumbnail("a green apple").getByRole("img").evaluate(async (image) => {
    await /** @type {HTMLImageElement} */ (image).decode();
    return [/** @type {HTMLImageElement} */ (image).naturalWidth, /** @type {HTMLImageElement} */ (image).naturalHeight];
  });
  assert.deepEqual(size, [171, 256]);
});

test("words find pictures, how many is said, and the thumbnails of the others are given back", async () => {
  await addThree();
  await page.getByRole("searchbox").fill("apple");
  assert.deepEqual(await shown(), [2, 1]);
  assert.equal(await page.locator("#gallery [role=status]").innerText(), "2 of 3 pictures");
  assert.equal(await inPage((gallery) => gallery.urls.size), 2);
  await page.getByRole("searchbox").fill("apple blurry");
  assert.deepEqual(await shown(), [2]);
  await page.getByRole("searchbox").fill("zebra");
  assert.equal(await page.locator("#gallery [role=status]").innerText(), "No picture has all of these words.");
  await page.getByRole("searchbox").fill("");
  assert.deepEqual(await shown(), [3, 2, 1]);
  assert.equal(await page.locator("#gallery [role=status]").innerText(), "");
});

test("arrow keys move, Enter opens, Escape brings back to where it was", async () => {
  await addThree();
  await page.getByRole("searchbox").focus();
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "3");
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "2");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "2", "there is one row");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "1", "the last");
  await page.keyboard.press("Enter");
  await dialog().waitFor();
  assert.equal(await inPage((gallery) => gallery.urls.size), 4);
  assert.equal(await dialog().getByRole("img", { name: "a red apple" }).isVisible(), true);
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "hidden" });
  assert.equal(await focused(), "1");
  assert.equal(await inPage((gallery) => gallery.urls.size), 3);
});

test("down goes to the row below where there are several", async () => {
  await openPage({ viewport: { width: 360, height: 780 } });
  await addThree();
  await thumbnail("a blue whale").focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "1");
  await page.keyboard.press("ArrowUp");
  assert.equal(await focused(), "3");
});

test("an opened picture tells how it was drawn, and its deeds are passed on", async () => {
  await addThree();
  for (const [name, deed] of /** @type {[string, string][]} */ ([["Use its settings", "use"], ["With a new seed", "vary"], ["Refine it", "refine"], ["Start from it", "img2img"], ["Redraw a part", "inpaint"]])) {
    await thumbnail("a blue whale").click();
    assert.match(await dialog().innerText(), /Seed\s+9\s+Size\s+640 × 512/);
    assert.match(await dialog().innerText(), /LoRAs\s+ink \(0\.8\)/);
    await dialog().getByRole("button", { name }).click();
    await dialog().waitFor({ state: "hidden" });
    assert.deepEqual((await deeds()).at(-1), [deed, [3]]);
  }
  await thumbnail("a blue whale").click();
  await dialog().getByRole("button", { name: "Save the PNG" }).click();
  assert.deepEqual((await deeds()).at(-1), ["save", [3]]);
  assert.equal(await dialog().isVisible(), true);
});

test("what cannot be done now is disabled, also for pictures that come later", async () => {
  await addThree();
  await inPage((gallery) => gallery.view.disable(["vary", "refine"]));
  await inPage((gallery) => gallery.add("a fourth", "#555"));
  await thumbnail("a fourth").click();
  assert.deepEqual(await dialog().locator("button:disabled").evaluateAll((all) => all.map((each) => /** @type {HTMLElement} */ (each).dataset.deed)), ["vary", "refine"]);
});

test("the next one that is clicked is compared with, unless it is called off", async () => {
  await addThree();
  const compare = async () => {
    await thumbnail("a blue whale").click();
    await dialog().getByRole("button", { name: "Compare…" }).click();
  };
  await compare();
  assert.equal(await page.locator("#gallery [role=status]").innerText(), "Now choose the other picture.");
  await thumbnail("a red apple").click();
  assert.deepEqual(await deeds(), [["compare", [3, 1]]]);
  assert.equal(await page.locator("#gallery [role=status]").innerText(), "");
  await compare();
  await page.keyboard.press("Escape");
  await thumbnail("a red apple").click();
  assert.equal(await dialog().isVisible(), true);
  await page.keyboard.press("Escape");
  await compare();
  await page.getByRole("button", { name: "Cancel" }).click();
  await thumbnail("a red apple").click();
  assert.equal(await dialog().isVisible(), true);
});

test("the focus goes to the pictures when the button that had it is gone", async () => {
  await addThree();
  await thumbnail("a green apple").click();
  await dialog().getByRole("button", { name: "Compare…" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await focused(), "2");
  await page.getByRole("checkbox", { name: "Select: a red apple" }).check();
  await page.getByRole("button", { name: "None" }).click();
  assert.equal(await focused(), "1");
  await page.getByRole("checkbox", { name: "Select: a red apple" }).check();
  await page.getByRole("button", { name: "Remove them" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#gallery li").length === 2);
  assert.equal(await focused(), "2");
});

test("a removed picture is gone from page and store; the focus is where it was", async () => {
  await addThree();
  await thumbnail("a green apple").click();
  await dialog().getByRole("button", { name: "Remove it" }).click();
  await dialog().waitFor({ state: "hidden" });
  assert.deepEqual(await shown(), [3, 1]);
  assert.equal(await focused(), "1");
  assert.deepEqual(await inPage(async (gallery) => [await gallery.store.count(), await gallery.store.get(2), (await gallery.store.get(1))?.width]), [2, undefined, 640]);
  assert.equal(await inPage((gallery) => gallery.urls.size), 2);
});

test("several are selected and dealt with at once; what a search hides is not", async () => {
  await addThree();
  await page.getByRole("checkbox", { name: "Select: a red apple" }).check();
  await page.getByRole("checkbox", { name: "Select: a blue whale" }).check();
  const bar = page.getByRole("group", { name: "What to do with the selected pictures" });
  assert.match(await bar.innerText(), /2 selected/);
  await bar.getByRole("button", { name: "Compare the two" }).click();
  await bar.getByRole("button", { name: "All" }).click();
  assert.equal(await bar.getByRole("button", { name: "Compare the two" }).isVisible(), false);
  await bar.getByRole("button", { name: "Save zip" }).click();
  await page.getByRole("searchbox").fill("apple");
  await bar.getByRole("button", { name: "Remove them" }).click();
  assert.deepEqual(await deeds(), [["compare", [3, 1]], ["save", [3, 2, 1]], ["remove", [2, 1]]]);
  await page.getByRole("searchbox").fill("");
  assert.deepEqual(await shown(), [3]);
  assert.equal(await bar.isVisible(), false);
});

test("a picture that is added leaves the focus, the selection and the opened one alone", async () => {
  await addThree();
  await page.getByRole("checkbox", { name: "Select: a red apple" }).check();
  await thumbnail("a green apple").focus();
  await inPage((gallery) => gallery.add("a fourth", "#555"));
  assert.equal(await focused(), "2");
  assert.equal(await page.getByRole("checkbox", { name: "Select: a red apple" }).isChecked(), true);
  await page.keyboard.press("Enter");
  await inPage((gallery) => gallery.add("a fifth", "#777"));
  assert.equal(await dialog().getByRole("img", { name: "a green apple" }).isVisible(), true);
});

test("the zip has every picture whole", async () => {
  await addThree();
  const text = await inPage(async (gallery) => {
    const zip = await gallery.zipOf(await gallery.store.list());
    return new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(String(reader.result).split(",")[1]);
      reader.readAsDataURL(zip);
    });
  });
  const files = unzip(new Uint8Array(Buffer.from(/** @type {string} */ (text), "base64")));
  assert.deepEqual([...files.keys()], ["0003-a-blue-whale-9.png", "0002-a-green-apple-4501.png", "0001-a-red-apple-123.png"]);
  const green = PNG.sync.read(Buffer.from(files.get("0002-a-green-apple-4501.png") ?? []));
  assert.deepEqual([green.width, green.height], [512, 768]);
});

test("a picture that no browser reads is refused and leaves nothing behind", async () => {
  const outcome = await inPage(async (gallery) => {
    await gallery.add("a red apple", "#c0392b");
    const [whole] = await gallery.store.list();
    if (!whole) throw new Error("It was not stored.");
    const refused = await gallery.store.add({ ...whole, png: new Blob(["no picture"]) }).then(() => "stored", (/** @type {Error} */ error) => error.name);
    return [refused, await gallery.store.count()];
  });
  assert.deepEqual(outcome, ["InvalidStateError", 1]);
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  for (const width of [360, 1300]) {
    test(`it fits ${width} px, ${colorScheme}`, async () => {
      await openPage({ colorScheme, viewport: { width, height: width < 500 ? 780 : 900 } });
      const shoot = async (/** @type {string} */ state) => {
        await page.screenshot({ path: `${FOLDER}/gallery-${state}-${width}-${colorScheme}.png`, animations: "disabled" });
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${state} is wider than ${width} px`);
      };
      await addThree();
      await inPage(async (gallery) => {
        for (let hue = 0; hue < 360; hue += 40) await gallery.add(`a circle of hue ${hue}`, `hsl(${hue} 55% 50%)`, { seed: hue });
      });
      await page.locator("#gallery").scrollIntoViewIfNeeded();
      await page.getByRole("searchbox").fill("a");
      await page.getByRole("checkbox", { name: "Select: a circle of hue 320" }).check();
      await page.locator("#gallery h2").evaluate((heading) => heading.scrollIntoView());
      await shoot("grid");
      await thumbnail("a green apple").click();
      await dialog().getByRole("img").evaluate((image) => /** @type {HTMLImageElement} */ (image).decode());
      await shoot("opened");
      await dialog().getByRole("button", { name: "Compare…" }).click();
      await shoot("comparing");
    });
  }
}
