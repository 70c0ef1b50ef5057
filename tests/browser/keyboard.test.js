// @ts-check
/** The page by keyboard alone, and for those whom motion troubles. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { stubPages } from "./stub-page.js";

const PATIENCE = 30_000;
/** So many presses of Tab lead round the page, and some. */
const MOST_STOPS = 80;

const stub = stubPages();
/** @type {import("playwright-core").Page} */
let page;

/** From now on every frame is looked at. */
async function watchFocus() {
  await page.evaluate(() => {
    const lost = { after: /** @type {string[]} */ ([]) };
    let last = "";
    const look = () => {
      const { activeElement } = document;
      if (activeElement && activeElement !== document.body) last = activeElement.outerHTML.slice(0, 80);
      else lost.after.push(last);
      requestAnimationFrame(look);
    };
    look();
    Object.assign(globalThis, { lost });
  });
}

async function assertNeverLost() {
  const after = await page.evaluate(() => /** @type {{ lost: { after: string[] } }} */ (/** @type {unknown} */ (globalThis)).lost.after);
  assert.deepEqual([...new Set(after)], [], "nothing had the focus, after it was here");
}

/** Whether it can be seen where the focus is: on the screen, with a line around it or around what stands for it. */
function seen() {
  return page.evaluate(() => {
    const focused = document.activeElement;
    const box = focused?.getBoundingClientRect();
    if (!focused || !box) return "nothing has the focus";
    const here = focused.outerHTML.slice(0, 120);
    if (box.bottom <= 0 || box.right <= 0 || box.top >= innerHeight || box.left >= innerWidth) return `off the screen: ${here}`;
    const around = [focused, focused.closest("label"), focused.closest(".pair")?.querySelector(".divider")];
    const lined = around.some((element) => {
      const { outlineStyle, outlineWidth } = element ? getComputedStyle(element) : { outlineStyle: "none", outlineWidth: "0" };
      return outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2;
    });
    return lined ? "" : `without a line around it: ${here}`;
  });
}

/**
 * @param {string} selector
 * @param {"Tab" | "Shift+Tab"} [key]
 */
async function tabTo(selector, key = "Tab") {
  for (let stops = 0; stops < MOST_STOPS; stops++) {
    await page.keyboard.press(key);
    assert.equal(await seen(), "");
    if (await focusIsOn(selector)) return;
  }
  assert.fail(`Tab does not lead to ${selector}`);
}

/** @param {string} selector */
function focusIsOn(selector) {
  return page.evaluate((selector) => document.activeElement?.matches(selector) ?? false, selector);
}

/** @param {string} selector */
async function focusComesTo(selector) {
  await page.waitForFunction((selector) => document.activeElement?.matches(selector), selector, { timeout: PATIENCE });
  assert.equal(await seen(), "");
}

const DRAW = "#prompt-form button[type=submit]";
const CANCEL = "#progress button";
const THUMBNAIL = "#gallery li > button";

test("by keys alone: a prompt, a shape, drawing, cancelling, drawing, and the gallery; the focus is always seen and never lost", async () => {
  page = await stub.open();
  await watchFocus();
  await focusComesTo("#prompt");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("a red circle");

  await tabTo("[name=aspect]");
  const square = await page.inputValue("#width");
  await page.keyboard.press("ArrowRight");
  await focusComesTo("[name=aspect]:checked");
  assert.notEqual(await page.inputValue("#width"), square);
  const [width, height] = [await page.inputValue("#width"), await page.inputValue("#height")];

  await tabTo(DRAW, "Shift+Tab");
  await page.keyboard.press("Enter");
  await focusComesTo(CANCEL);
  await page.keyboard.press("Enter");
  await focusComesTo(DRAW);
  assert.equal(await page.getAttribute("#picture", "data-state"), "empty");

  await page.keyboard.press("Enter");
  await focusComesTo(CANCEL);
  await focusComesTo(DRAW);
  assert.match(await page.innerText("#picture figcaption"), new RegExp(`^${width} × ${height}`));

  await tabTo("#prompt", "Shift+Tab");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("something else");
  await tabTo(THUMBNAIL);
  await page.keyboard.press("Enter");
  await page.locator("#gallery dialog[open]").waitFor();
  await focusComesTo("#gallery dialog *");
  await tabTo("#gallery dialog [data-deed=use]");
  await page.keyboard.press("Enter");
  await page.locator("#gallery dialog").waitFor({ state: "hidden" });
  assert.equal(await page.inputValue("#prompt"), "a red circle");
  assert.equal(await seen(), "");

  await page.keyboard.press("Enter");
  await page.locator("#gallery dialog[open]").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#gallery dialog").waitFor({ state: "hidden" });
  await focusComesTo(THUMBNAIL);
  await assertNeverLost();
});

test("by keys alone: pictures that wait are taken off; the focus goes on to the next, and is not lost when there is none", async () => {
  page = await stub.open();
  await page.locator("#images").fill("4");
  // Long enough that none of them is done meanwhile.
  await page.locator("#steps").fill("150");
  await watchFocus();
  await page.locator(DRAW).focus();
  await page.keyboard.press("Enter");
  await focusComesTo(CANCEL);
  await tabTo("#queue li button");
  const second = await page.locator("#queue li button").nth(1).getAttribute("aria-label");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#queue li").length === 2);
  await focusComesTo("#queue li button");
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), second);
  await tabTo("[data-part=clear]", "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.locator("#queue").waitFor({ state: "hidden" });
  await focusComesTo(CANCEL);
  await page.keyboard.press("Enter");
  await focusComesTo(DRAW);
  await assertNeverLost();
});

test("by keys alone: what went wrong is tried again, or closed; the focus is not lost with it", async () => {
  page = await stub.open();
  await watchFocus();
  await focusComesTo("#prompt");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("out of memory at the end");
  await tabTo(DRAW);
  for (const name of ["Try again", "Close"]) {
    await page.keyboard.press("Enter");
    await page.locator("#message:visible").waitFor({ timeout: PATIENCE });
    await focusComesTo(DRAW);
    await tabTo(`#message button:${name === "Close" ? "last" : "first"}-child`, "Shift+Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), name);
    await page.keyboard.press("Enter");
    await page.locator("#message").waitFor({ state: "hidden" });
    await focusComesTo(DRAW);
  }
  await assertNeverLost();
});

/** What moved while a picture was drawn, each kind once. */
async function motions() {
  await page.evaluate(() => {
    const seen = new Set();
    const look = () => {
      for (const animation of document.getAnimations()) {
        if (Number(animation.effect?.getComputedTiming().duration) === 0) continue;
        const { target = null, pseudoElement = "" } = animation.effect instanceof KeyframeEffect ? animation.effect : {};
        seen.add(`${target?.localName}${pseudoElement ?? ""} ${"animationName" in animation ? animation.animationName : "transition"}`);
      }
      requestAnimationFrame(look);
    };
    look();
    Object.assign(globalThis, { moved: () => [...seen].sort() });
  });
  await page.fill("#steps", "5");
  for (const prompt of ["a red circle", "a blue one"]) {
    await page.fill("#prompt", prompt);
    await page.click(DRAW);
    await page.locator("#progress").waitFor({ state: "visible" });
    await page.locator("#progress").waitFor({ state: "hidden", timeout: PATIENCE });
  }
  return page.evaluate(() => /** @type {{ moved: () => string[] }} */ (/** @type {unknown} */ (globalThis)).moved());
}

test("nothing moves by itself where less motion is asked for, and something does elsewhere", async (t) => {
  page = await stub.open({ reducedMotion: "no-preference" });
  const moved = await motions();
  t.diagnostic(moved.join(", "));
  assert.ok(moved.length > 0, "there is nothing to reduce, or it is not noticed");
  page = await stub.open({ reducedMotion: "reduce" });
  assert.deepEqual(await motions(), [], `elsewhere: ${moved.join(", ")}`);
});
