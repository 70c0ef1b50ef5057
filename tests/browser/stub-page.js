// @ts-check
/** The page on the stub engine and a model of some kilobytes: one browser and one server for a file of tests, a new profile for each of them. */

import { after, afterEach, before } from "node:test";

import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";
import { tinyModel } from "./tiny-model.js";

const PATIENCE = 30_000;

/** To be called once, outside the tests. */
export function stubPages() {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Site} */
  let site;
  /** @type {Awaited<ReturnType<typeof openContext>> | null} */
  let profile = null;
  /** @type {string[]} */
  let errors = [];

  before(async () => {
    browser = await launch();
    site = await Site.start();
    site.putStubEngine();
    site.putFolder("/www/models/demo/", tinyModel());
  });

  afterEach(close);

  after(async () => {
    await browser?.close();
    await site?.close();
  });

  async function close() {
    await profile?.context.close();
    profile = null;
  }

  /** @param {import("playwright-core").Page} page  that is left, if it was there before */
  async function arrive(page) {
    await page.goto(site.url);
    await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: PATIENCE });
  }

  return {
    get site() {
      return site;
    },
    /** What the page logged, also when it is closed again. */
    get errors() {
      return errors;
    },
    /** In a new profile, in place of the one before. @param {import("playwright-core").BrowserContextOptions} [options] */
    async open(options) {
      await close();
      profile = await openContext(browser, options);
      errors = profile.errors;
      const page = await profile.context.newPage();
      await arrive(page);
      return page;
    },
    arrive,
  };
}
