// @ts-check
/** The bench's page: with the real engine on the demo model's size, and with a stand-in where a run is to be stopped. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";

/** Every kernel of three small networks on a software GPU. */
const BENCH_MS = 400_000;
const PATIENCE = 20_000;

/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

/**
 * @param {{ stub?: boolean }} options
 * @param {(page: import("playwright-core").Page, errors: string[]) => Promise<void>} use
 */
async function withPage({ stub = false }, use) {
  const site = await Site.start();
  if (stub) site.putStubEngine();
  const { context, errors } = await openContext(browser, { permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  await page.goto(`${site.url}www/bench.html`);
  await page.locator("[data-ready]").waitFor({ state: "attached", timeout: PATIENCE });
  try {
    await use(page, errors);
  } finally {
    await context.close();
    await site.close();
  }
}

test("a small bench gives a report with figures in it, as Markdown and as JSON", async () => {
  await withPage({}, async (page, errors) => {
    await page.selectOption("#bench-model", "demo");
    assert.equal(await page.inputValue("#size"), "128");
    await page.fill("#size", "64");
    await page.fill("#repeats", "1");
    await page.click("button[type=submit]");
    await page.locator("#report:visible, #message:visible").first().waitFor({ timeout: BENCH_MS });
    if (await page.isVisible("#message")) assert.fail(`${await page.innerText("#message")}\n${errors.join("\n")}`);

    assert.match(await page.innerText("#report pre"), /at 64x64 on .+/);
    await page.click("text=Copy as Markdown");
    await page.getByText("Copied.").waitFor({ timeout: PATIENCE });
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /\| base UNet \|/);
    await page.click("text=Copy as JSON");
    await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith("{"), null, { timeout: PATIENCE });
    const report = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));

    assert.ok(report.yardstick.tflops > 0 && report.linear.tflops > 0 && report.launchUs > 0 && report.compileMs > 0);
    assert.deepEqual(report.networks.map((/** @type {any} */ { name }) => name), ["unet", "refiner", "vae"]);
    for (const network of report.networks) {
      const seen = JSON.stringify({ ...network, layers: network.layers.length });
      assert.ok(network.finite && network.forwardMs > 0 && network.loadMs > 0 && network.orderMs > 0, seen);
      assert.ok(network.gpuBytes > network.weightBytes && network.gflop > 0, seen);
      assert.ok(network.layers.length > 5 && network.layers.every((/** @type {any} */ { ms }) => ms > 0), seen);
    }
    assert.deepEqual(errors, []);
  });
});

test("a run is told of as it goes on, and can be stopped", async () => {
  await withPage({ stub: true }, async (page) => {
    await page.selectOption("#bench-model", "demo");
    await page.click("button[type=submit]");
    await page.getByText("Measuring: the stub").waitFor({ timeout: PATIENCE });
    await page.click("#progress button");
    await page.waitForSelector("#progress", { state: "hidden", timeout: PATIENCE });
    assert.equal(await page.isVisible("#message"), false);
    assert.equal(await page.isVisible("#report"), false);
    assert.ok(await page.isEnabled("button[type=submit]"));
  });
});

test("the page fits a narrow screen with its report on it", async () => {
  await withPage({ stub: true }, async (page) => {
    await page.setViewportSize({ width: 360, height: 780 });
    await page.selectOption("#bench-model", "demo");
    await page.fill("#repeats", "1");
    await page.click("button[type=submit]");
    await page.locator("#report:visible").waitFor({ timeout: PATIENCE });
    assert.match(await page.innerText("#report pre"), /the stub of The demo model/);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360);
  });
});
