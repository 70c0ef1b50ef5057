// @ts-check
/** What the page does when the engine, the GPU or the browser fails; the stub engine fails on demand. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch } from "./browser.js";
import { stubPages } from "./stub-page.js";

const PATIENCE = 30_000;

const stub = stubPages();
/** @type {import("playwright-core").Page} */
let page;

beforeEach(async () => {
  page = await stub.open();
});

/** @param {string} prompt */
async function start(prompt) {
  await page.fill("#prompt", prompt);
  await page.fill("#steps", "5");
  await page.click("#prompt-form button[type=submit]");
}

async function messageCode() {
  const box = page.locator("#message:visible");
  await box.waitFor({ timeout: PATIENCE });
  return box.getAttribute("data-code");
}

async function drawsAgain() {
  await start("a red circle");
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
  await page.waitForSelector("#progress", { state: "hidden" });
  assert.ok(!(await page.isVisible("#message")), await page.innerText("#message"));
}

for (const [what, prompt, code, words] of /** @type {[string, string, string, RegExp][]} */ ([
  ["a panic", "panic", "Panic", /panicked at src\/stub\.rs/],
  ["a rejection that nobody caught", "reject", "Panic", /nobody caught this/],
  ["an error of the GPU that nobody caught", "gpu error", "GpuError", /GPU refused/],
])) {
  test(`${what} is told, and the next picture has a new engine with the same stored model`, async () => {
    await drawsAgain();
    await start(prompt);
    assert.equal(await messageCode(), code);
    assert.match(await page.innerText("#message"), words);
    stub.site.asked = [];
    await drawsAgain();
    assert.deepEqual(stub.site.asked.filter((path) => path.startsWith("/www/models/")), []);
  });
}

test("an engine that does not stop is ended, without a message, and the page draws again", async () => {
  await start("deaf");
  await page.click("#progress button");
  await page.waitForSelector("#progress", { state: "hidden", timeout: PATIENCE });
  assert.ok(!(await page.isVisible("#message")), await page.innerText("#message"));
  await drawsAgain();
});

test("what the engine finds wrong with a field is told beside that field", async () => {
  await start("bad request: height");
  const problem = page.locator("#problem-height:not(:empty)");
  await problem.waitFor({ timeout: PATIENCE });
  assert.equal(await problem.textContent(), "the engine wants another height");
  assert.equal(await page.getAttribute("#height", "aria-invalid"), "true");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "height");
  assert.ok(!(await page.isVisible("#message")), await page.innerText("#message"));
});

test("what it finds wrong with what the form does not show is a message", async () => {
  for (const field of ["refiner", "strength", "loras"]) {
    await start(`bad request: ${field}`);
    await page.locator("#message:visible").filter({ hasText: `another ${field}` }).waitFor({ timeout: PATIENCE });
    assert.doesNotMatch(await page.innerText("#message"), /marked/);
  }
  await page.locator("[name=refine]").check();
  await page.evaluate(() => document.querySelector("#advanced")?.toggleAttribute("open", true));
  await page.selectOption("#refinerMode", "sdedit");
  await start("bad request: refiner.strength");
  await page.locator("#problem-refinerStrength:not(:empty)").waitFor({ timeout: PATIENCE });
  assert.equal(await page.evaluate(() => document.activeElement?.id), "refinerStrength");
});

test("a start picture follows only sizes that are drawn, and its strength has to leave a step", async () => {
  await page.locator("#start-picture [type=file]").setInputFiles(fileURLToPath(new URL("../fixtures/demo/008-base.png", import.meta.url)));
  await page.locator("#start-picture[data-state=picture]").waitFor();
  const side = await page.inputValue("#width");
  const shown = () => page.locator("#start-picture canvas[data-part=picture]").evaluate((/** @type {HTMLCanvasElement} */ canvas) => `${canvas.width} × ${canvas.height}`);
  for (const [typed, drawn] of /** @type {[string, string][]} */ ([["1", side], ["12", side], ["128", "128"], ["12800", "128"]])) {
    await page.fill("#width", typed);
    assert.equal(await shown(), `${drawn} × ${side}`, typed);
  }
  await page.fill("#width", "128");
  await page.fill("#start-strength", "0.15");
  await start("a red circle");
  assert.match((await page.textContent("#problem-strength")) ?? "", /from 0\.2 to 1/);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "start-strength");
  await page.fill("#start-strength", "0.2");
  await drawsAgain();
});

test("bad numbers are told beside their fields, the first gets the focus, nothing is drawn", async () => {
  await page.fill("#prompt", "x");
  await page.fill("#width", "100");
  await page.fill("#steps", "");
  await page.click("#prompt-form button[type=submit]");
  assert.match((await page.textContent("#problem-width")) ?? "", /96 or 128/);
  assert.match((await page.textContent("#problem-steps")) ?? "", /whole number/);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "steps");
  assert.equal(await page.isVisible("#progress"), false);
  await page.fill("#width", "128");
  assert.equal(await page.textContent("#problem-width"), "");
});

test("the keyboard alone draws, cancels and saves", async () => {
  assert.equal(await page.evaluate(() => document.activeElement?.id), "prompt");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("a red circle");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.textContent === "Cancel", null, { timeout: PATIENCE });
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.textContent === "Draw", null, { timeout: PATIENCE });
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Control+Enter");
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
  await page.waitForFunction(() => document.activeElement?.textContent === "Draw", null, { timeout: PATIENCE });
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  const saving = page.waitForEvent("download");
  await page.keyboard.press("Enter");
  assert.match((await saving).suggestedFilename(), /^a-red-circle-\d+\.png$/);
});

test("what was too large is drawn smaller, in the same shape, until there is nothing smaller", async () => {
  await page.fill("#width", "256");
  await page.fill("#height", "192");
  await start("OutOfMemory above 128 px");
  assert.equal(await messageCode(), "OutOfMemory");
  await page.getByRole("button", { name: "Draw it smaller: 192 × 160" }).click();
  await page.getByRole("button", { name: "Draw it smaller: 160 × 128" }).click();
  await page.getByRole("button", { name: "Draw it smaller: 128 × 96" }).click();
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
  assert.match(await page.innerText("#picture figcaption"), /128 × 96/);
  assert.deepEqual([await page.inputValue("#width"), await page.inputValue("#height")], ["128", "96"]);

  await page.fill("#width", "64");
  await page.fill("#height", "64");
  await start("DeviceLost above 0 px");
  assert.equal(await messageCode(), "DeviceLost");
  assert.deepEqual(await page.locator("#message button").allInnerTexts(), ["Try again", "Report for a bug…", "Close"]);
});

test("a start picture goes along when it is drawn smaller", async () => {
  await page.locator("#start-picture [type=file]").setInputFiles(fileURLToPath(new URL("../fixtures/demo/008-base.png", import.meta.url)));
  await page.locator("#start-picture[data-state=picture]").waitFor();
  await page.fill("#width", "128");
  await page.fill("#height", "128");
  await start("TooLarge above 96 px");
  await page.getByRole("button", { name: "Draw it smaller: 96 × 96" }).click();
  await page.locator("[data-state=picture] figcaption").filter({ hasText: "96 × 96" }).waitFor({ timeout: PATIENCE });
  await page.waitForSelector("#progress", { state: "hidden" });
  assert.ok(!(await page.isVisible("#message")), await page.innerText("#message"));
});

test("those that wait behind one that failed go on when they are told to, and closing the tab would be asked about", async () => {
  await page.fill("#images", "2");
  await page.fill("#seed", "7");
  await start("NotFinite with seed 7");
  assert.equal(await messageCode(), "NotFinite");
  await page.getByText("1 waiting, since one failed").waitFor();
  const asked = page.waitForEvent("dialog");
  void page.close({ runBeforeUnload: true });
  assert.equal((await asked).type(), "beforeunload");
  await (await asked).dismiss();
  await page.getByRole("button", { name: "Go on" }).click();
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
  await page.locator("#queue").waitFor({ state: "hidden" });
});

test("numbers that ran away are tried with another seed", async () => {
  await page.fill("#seed", "7");
  await start("NotFinite with seed 7");
  await page.getByRole("button", { name: "Draw with another seed" }).click();
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
  assert.doesNotMatch(await page.innerText("#picture figcaption"), /seed 7 /);
});

test("where storage is full, the models that take it are a press away", async () => {
  await start("Quota above 0 px");
  assert.equal(await messageCode(), "Quota");
  await page.getByRole("button", { name: "Make room" }).click();
  await page.getByRole("button", { name: "Remove: demo" }).waitFor({ timeout: PATIENCE });
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Models on this device");
});

test("a picture that could not be stored is shown, and stored on the next try", async () => {
  await page.evaluate(() => {
    const { add } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.add = function (...parameters) {
      if (this.name !== "pictures") return add.apply(this, parameters);
      IDBObjectStore.prototype.add = add;
      throw new DOMException("full, on demand", "QuotaExceededError");
    };
  });
  await start("a red circle");
  assert.equal(await messageCode(), "Quota");
  await page.locator("#progress").waitFor({ state: "hidden", timeout: PATIENCE });
  const drawn = await page.innerText("#picture figcaption");
  assert.equal(await page.locator("#gallery li").count(), 0);

  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator("#gallery li").waitFor({ timeout: PATIENCE });
  await page.locator("#message").waitFor({ state: "hidden" });
  assert.equal(await page.innerText("#picture figcaption"), drawn);
});

test("what is drawn goes on behind another tab, with the page and the screen kept awake until it is done", async () => {
  await page.evaluate(() => {
    const request = navigator.wakeLock.request.bind(navigator.wakeLock);
    navigator.wakeLock.request = async (type) => {
      const lock = await request(type);
      document.documentElement.dataset.screen = "kept on";
      lock.addEventListener("release", () => delete document.documentElement.dataset.screen);
      return lock;
    };
  });
  const held = () => page.evaluate(async () => (await navigator.locks.query()).held?.some(({ name }) => name === "sdxl-web at work"));
  const screen = () => page.getAttribute("html", "data-screen");
  assert.deepEqual([await held(), await screen()], [false, null]);
  await page.fill("#negativePrompt", "linger at 2");
  await start("a red circle");
  await page.getByText("step 2 of").waitFor({ timeout: PATIENCE });
  const other = await page.context().newPage();
  await other.bringToFront();
  assert.deepEqual([await held(), await screen()], [true, "kept on"]);
  await page.waitForSelector("#progress", { state: "hidden", timeout: PATIENCE });
  assert.equal(await page.getAttribute("#picture", "data-state"), "picture");
  await page.waitForSelector("html:not([data-screen])", { state: "attached", timeout: PATIENCE });
  assert.equal(await held(), false);
});

test("a removed model is gone, and drawing loads it again", async () => {
  await drawsAgain();
  await page.click("#model [data-part=remove]");
  await page.getByText("loaded once when you first draw").waitFor({ timeout: PATIENCE });
  stub.site.asked = [];
  await start("a red circle");
  await page.waitForSelector("#progress", { state: "hidden", timeout: PATIENCE });
  assert.equal(stub.site.asked.filter((path) => path.endsWith(".bin")).length, 6);
});

test("GPU buffers of a lost engine are not counted twice", async () => {
  await drawsAgain();
  const live = await page.evaluate(async () => {
    const { Generator } = await import(/** @type {string} */ ("/www/page/generator.js"));
    const generator = new Generator();
    const address = new URL("www/models/demo/", document.baseURI).href;
    await generator.load(address);
    return (await generator.memory()).live;
  });
  assert.equal(live, 2 ** 20);
});

test("a browser without WebGPU, and a page that came insecurely, are told so", async () => {
  const plain = await launch(["--disable-features=WebGPU,WebGPUService", "--host-resolver-rules=MAP insecure.example 127.0.0.1"], /webgpu/);
  try {
    const other = await plain.newPage();
    /** @type {(string | null)[]} */
    const codes = [];
    for (const url of [stub.site.url, stub.site.url.replace("127.0.0.1", "insecure.example")]) {
      await other.goto(url);
      const box = other.locator("#message:visible");
      await box.waitFor({ timeout: PATIENCE });
      codes.push(await box.getAttribute("data-code"));
      assert.equal(await other.isEnabled("#prompt-form button[type=submit]"), false);
    }
    assert.ok(codes[0] === "NoWebGPU" || codes[0] === "NoAdapter", String(codes[0]));
    assert.equal(codes[1], "InsecureContext");
  } finally {
    await plain.close();
  }
});
