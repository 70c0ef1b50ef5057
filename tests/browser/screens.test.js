// @ts-check
/** The page at its narrowest and widest, light and dark, in each state: nothing runs over the edge, and everybody can use it. Pictures go to ARTIFACTS. */

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { assertAccessible } from "./axe.js";
import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";
import { tinyModel } from "./tiny-model.js";

const FOLDER = process.env.ARTIFACTS || fileURLToPath(new URL("../../target/screenshots", import.meta.url));
const PATIENCE = 20_000;

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Site} */
let site;

before(async () => {
  mkdirSync(FOLDER, { recursive: true });
  browser = await launch();
  site = await Site.start();
  site.putStubEngine();
  site.putFolder("/www/models/demo/", tinyModel({ shardBytes: 2 ** 20 }));
});

after(async () => {
  await browser?.close();
  await site?.close();
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  for (const width of [360, 900, 1600]) {
    test(`every state fits ${width} px, ${colorScheme}`, async () => {
      const { context, errors } = await openContext(browser, { colorScheme, viewport: { width, height: width < 500 ? 780 : 1000 } });
      const page = await context.newPage();
      const shoot = async (/** @type {string} */ state) => {
        await page.screenshot({ path: `${FOLDER}/${state}-${width}-${colorScheme}.png`, fullPage: true, animations: "disabled" });
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${state} is wider than ${width} px`);
        await assertAccessible(page, state);
      };
      await page.goto(site.url);
      await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: PATIENCE });
      await shoot("start");
      await page.evaluate(() => document.querySelectorAll("details").forEach((details) => details.toggleAttribute("open", true)));
      await page.click("#get-model [data-part=measure]");
      await page.locator("[data-part=forecast]:not(:empty)").waitFor({ timeout: PATIENCE });
      await shoot("details");
      await page.fill("#prompt", "a large red circle on a white background");
      await page.fill("#negativePrompt", "linger at 8");
      await page.click("#prompt-form button[type=submit]");
      await page.getByText("step 8 of 20").waitFor({ timeout: PATIENCE });
      await shoot("drawing");
      await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
      await page.waitForSelector("#progress", { state: "hidden" });
      await shoot("picture");
      await page.selectOption("#gridColumns", "sampler");
      await page.selectOption("#gridRows", "steps");
      await page.fill("#gridRowsValues", "2-200");
      await page.click("#prompt-form button[type=submit]");
      await shoot("grid-problem");
      await page.fill("#gridRowsValues", "2, 12");
      await page.click("#prompt-form button[type=submit]");
      await page.locator("#sheet td.picture").nth(2).waitFor({ timeout: PATIENCE });
      await shoot("grid");
      await page.click("#queue [data-part=clear]");
      await page.waitForSelector("#progress", { state: "hidden" });
      for (const axis of ["#gridColumns", "#gridRows"]) await page.selectOption(axis, "");
      await page.getByRole("radio", { name: "Fast" }).click();
      await page.getByRole("button", { name: "Recent prompts" }).click();
      await shoot("offers");
      await page.getByRole("radio", { name: "Best" }).click();
      await page.fill("#prompt", "panic");
      await page.fill("#width", "100");
      await page.click("#prompt-form button[type=submit]");
      await shoot("bad-number");
      await page.fill("#width", "128");
      await page.click("#prompt-form button[type=submit]");
      await page.locator("#message:visible").waitFor({ timeout: PATIENCE });
      await shoot("trouble");
      await page.locator("#message").getByRole("button", { name: /report/i }).click();
      await shoot("report");
      await page.keyboard.press("Escape");
      await page.fill("#prompt", "out of memory at the end");
      await page.click("#prompt-form button[type=submit]");
      await page.locator("#unfinished:visible").waitFor({ timeout: PATIENCE });
      await shoot("unfinished");
      assert.deepEqual(errors, []);
      await context.close();
    });
  }
}
