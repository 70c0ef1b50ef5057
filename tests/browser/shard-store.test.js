// @ts-check
/** The store against the browser's own IndexedDB, and what the page says when a shard, the disk or the line fails it. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { launch, openContext } from "./browser.js";
import { Site } from "./site.js";
import { tinyModel } from "./tiny-model.js";

const MODEL = "/www/models/demo/";
const PATIENCE = 20_000;

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Site} */
let site;
/** @type {Map<string, Buffer>} */
let files;
/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {import("playwright-core").Page} */
let page;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

beforeEach(async () => {
  site = await Site.start();
  site.putStubEngine();
  files = tinyModel();
  site.putFolder(MODEL, files);
  ({ context } = await openContext(browser));
  page = await context.newPage();
});

afterEach(async () => {
  await context.close();
  await site.close();
});

/** @param {string} path */
function fileOf(path) {
  const bytes = files.get(path);
  assert.ok(bytes, path);
  return Buffer.from(bytes);
}

async function openPage() {
  await page.goto(site.url);
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: PATIENCE });
}

async function draw() {
  await page.fill("#prompt", "a red circle");
  await page.fill("#steps", "2");
  await page.click("#prompt-form button[type=submit]");
  await page.waitForSelector("#progress", { state: "hidden", timeout: PATIENCE });
}

/** @returns {Promise<{ code: string | undefined, text: string }>} */
async function message() {
  const box = page.locator("#message:visible");
  await box.waitFor({ timeout: PATIENCE });
  return box.evaluate((/** @type {HTMLElement} */ element) => ({ code: element.dataset.code, text: element.innerText }));
}

/** Reads the store beside the page, as the worker would. */
function storedFiles() {
  return page.evaluate(async () => {
    const open = indexedDB.open("sdxl-web");
    await new Promise((resolve) => open.addEventListener("success", resolve));
    const keys = async (/** @type {string} */ name) => {
      const request = open.result.transaction(name).objectStore(name).getAllKeys();
      await new Promise((resolve) => request.addEventListener("success", resolve));
      return request.result.map((key) => /** @type {string[]} */ (key).slice(1).join("/"));
    };
    const found = { shards: await keys("shards"), manifests: await keys("manifests") };
    open.result.close();
    return found;
  });
}

/** Paths of shards asked for since `site.asked` was emptied. */
const askedShards = () => site.asked.filter((path) => path.endsWith(".bin")).map((path) => path.slice(MODEL.length));

test("put, has, get and remove a shard", async () => {
  await page.goto(site.url);
  const found = await page.evaluate(async () => {
    const { ShardStore } = await import(/** @type {string} */ ("/www/worker/shard-store.js"));
    const store = new ShardStore("store-test");
    const shard = { file: "a.bin", sha256: "11", length: 3, compression: null, stored_length: 3 };
    await store.putShard("m/", "base", shard, new Uint8Array([1, 2, 3]));
    const record = await store.getShard("m/", "base", "a.bin");
    const answers = {
      bytes: [...record.bytes],
      has: await store.hasShard("m/", "base", shard),
      otherHash: await store.hasShard("m/", "base", { ...shard, sha256: "22" }),
      otherLength: await store.hasShard("m/", "base", { ...shard, length: 4 }),
      otherKind: await store.hasShard("m/", "refiner", shard),
    };
    await store.removeShard("m/", "base", "a.bin");
    const removed = (await store.getShard("m/", "base", "a.bin")) === undefined;
    await store.close();
    return { ...answers, removed };
  });
  assert.deepEqual(found, { bytes: [1, 2, 3], has: true, otherHash: false, otherLength: false, otherKind: false, removed: true });
});

test("removing a model leaves the one with a longer address", async () => {
  await page.goto(site.url);
  const left = await page.evaluate(async () => {
    const { ShardStore } = await import(/** @type {string} */ ("/www/worker/shard-store.js"));
    const store = new ShardStore("store-test");
    const shard = { file: "a.bin", sha256: "11", length: 1, compression: null, stored_length: 1 };
    for (const model of ["m/", "m/n/"]) {
      await store.putShard(model, "base", shard, new Uint8Array(1));
      await store.putManifest(model, { format: 1, name: "x", kind: "base", pipeline: {}, components: {} });
    }
    await store.removeModel("m/");
    const kept = [await store.hasShard("m/n/", "base", shard), (await store.getManifest("m/n/", "base")) !== undefined];
    const gone = [await store.hasShard("m/", "base", shard), (await store.getManifest("m/", "base")) !== undefined];
    await store.close();
    return { kept, gone };
  });
  assert.deepEqual(left, { kept: [true, true], gone: [false, false] });
});

test("a write whose transaction aborts rejects, is no cancel, and stores nothing", async () => {
  await page.goto(site.url);
  const outcome = await page.evaluate(async () => {
    const { ShardStore } = await import(/** @type {string} */ ("/www/worker/shard-store.js"));
    const store = new ShardStore("store-test");
    const shard = { file: "a.bin", sha256: "11", length: 1, compression: null, stored_length: 1 };
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (...parameters) {
      const request = put.apply(this, parameters);
      // After the request has succeeded, when a store that waits for the request alone believes it is done.
      request.addEventListener("success", () => this.transaction.abort());
      return request;
    };
    const error = await store.putShard("m/", "base", shard, new Uint8Array(1)).catch((/** @type {Error} */ reason) => reason);
    IDBObjectStore.prototype.put = put;
    const stored = await store.hasShard("m/", "base", shard);
    await store.putShard("m/", "base", shard, new Uint8Array(1));
    const storedLater = await store.hasShard("m/", "base", shard);
    await store.close();
    return { name: error?.name, message: error?.message, stored, storedLater };
  });
  assert.equal(outcome.name, "Storage");
  assert.match(outcome.message ?? "", /a\.bin/);
  assert.deepEqual([outcome.stored, outcome.storedLater], [false, true]);
});

test("a connection that another tab wants closed is opened again for the next call", async () => {
  await page.goto(site.url);
  const found = await page.evaluate(async () => {
    const { ShardStore } = await import(/** @type {string} */ ("/www/worker/shard-store.js"));
    const store = new ShardStore("store-test");
    const shard = { file: "a.bin", sha256: "11", length: 1, compression: null, stored_length: 1 };
    await store.putShard("m/", "base", shard, new Uint8Array(1));
    const remove = indexedDB.deleteDatabase("store-test");
    await new Promise((resolve, reject) => {
      remove.addEventListener("success", resolve);
      remove.addEventListener("error", reject);
    });
    const afterRemoval = await store.hasShard("m/", "base", shard);
    await store.close();
    return afterRemoval;
  });
  assert.equal(found, false);
});

test("a first load stores all, and later ones ask for nothing", async () => {
  await openPage();
  await draw();
  assert.equal(askedShards().length, 6);
  assert.deepEqual((await storedFiles()).manifests, ["base", "refiner"]);

  site.asked = [];
  await openPage();
  await draw();
  assert.deepEqual(site.asked.filter((path) => path.startsWith(MODEL)), []);
  assert.match((await page.textContent("#model [data-part=state]")) ?? "", /stored on this device/);
});

test("a wrong byte is told with the shard's name, the others stay, and trying again brings that shard alone", async () => {
  // The fourth: three are loaded at once, so one is stored before it is asked for.
  const damaged = fileOf("base/unet-003.bin");
  damaged[100] = (damaged[100] ?? 0) ^ 1;
  site.put(`${MODEL}base/unet-003.bin`, damaged);
  await openPage();
  await draw();
  const { code, text } = await message();
  assert.equal(code, "BadShard");
  assert.match(text, /unet-003\.bin/);
  const { shards, manifests } = await storedFiles();
  assert.ok(shards.length >= 1 && !shards.includes("base/unet-003.bin"), shards.join());
  assert.deepEqual(manifests, []);

  site.put(`${MODEL}base/unet-003.bin`, fileOf("base/unet-003.bin"));
  site.asked = [];
  await page.click("#message button");
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
  assert.deepEqual(askedShards().filter((file) => shards.includes(file)), []);
  assert.equal((await storedFiles()).shards.length, 6);
});

test("a truncated shard is told with its name", async () => {
  site.put(`${MODEL}base/unet-001.bin`, fileOf("base/unet-001.bin").subarray(0, 1000));
  await openPage();
  await draw();
  const { code, text } = await message();
  assert.equal(code, "BadShard");
  assert.match(text, /unet-001\.bin.*4096.*1000/);
});

test("a missing shard is told with its name", async () => {
  site.putMissing(`${MODEL}refiner/unet-000.bin`);
  await openPage();
  await draw();
  const { code, text } = await message();
  assert.equal(code, "MissingShard");
  assert.match(text, /unet-000\.bin/);
});

test("a missing manifest is told with its address, and trying again finds one that came since", async () => {
  site.putMissing(`${MODEL}base/manifest.json`);
  await page.goto(site.url);
  const { code, text } = await message();
  assert.equal(code, "MissingManifest");
  assert.match(text, /base\/manifest\.json/);
  site.put(`${MODEL}base/manifest.json`, fileOf("base/manifest.json"));
  await page.click("#message button");
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: PATIENCE });
  assert.equal(await page.isVisible("#message"), false);
});

test("another model's address is taken from ?model=, and both models are kept apart", async () => {
  site.putFolder("/elsewhere/", tinyModel({ shards: 1 }));
  await openPage();
  await draw();
  await page.goto(`${site.url}?model=/elsewhere`);
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: PATIENCE });
  await draw();
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
  assert.equal((await storedFiles()).shards.length, 6 + 3);
});

test("a stored shard that went bad is loaded again alone, with nothing else lost", async () => {
  await openPage();
  await draw();
  await page.evaluate(async () => {
    const open = indexedDB.open("sdxl-web");
    await new Promise((resolve) => open.addEventListener("success", resolve));
    const transaction = open.result.transaction("shards", "readwrite");
    const store = transaction.objectStore("shards");
    const cursor = store.openCursor();
    cursor.addEventListener("success", () => {
      if (cursor.result?.value.file === "unet-003.bin") {
        cursor.result.value.bytes[5] ^= 1;
        store.put(cursor.result.value);
      } else {
        cursor.result?.continue();
      }
    });
    await new Promise((resolve) => transaction.addEventListener("complete", resolve));
    open.result.close();
  });
  await openPage();
  await draw();
  const { code, text } = await message();
  assert.equal(code, "BadShard");
  assert.match(text, /unet-003\.bin/);
  site.asked = [];
  await page.click("#message button");
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
  assert.deepEqual(site.asked.filter((path) => path.startsWith(MODEL)), [`${MODEL}base/unet-003.bin`]);
});

test("a load cut midway goes on after a reload with what is missing", async () => {
  let served = 0;
  for (const path of [...files.keys()].filter((name) => name.endsWith(".bin"))) {
    site.put(MODEL + path, (response) => {
      if (++served > 3) response.destroy();
      else response.end(fileOf(path));
    });
  }
  await openPage();
  await draw();
  const { code, text } = await message();
  assert.equal(code, "Network");
  assert.match(text, /What was loaded is kept/);
  const { shards } = await storedFiles();
  assert.equal(shards.length, 3);

  site.putFolder(MODEL, files);
  await openPage();
  assert.match((await page.textContent("#model [data-part=state]")) ?? "", /are here; the rest/);
  site.asked = [];
  await draw();
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
  assert.deepEqual(askedShards().filter((file) => shards.includes(file)), []);
  assert.equal(askedShards().length, 3);
});

test("a quota that is too small is told, and trying again with more goes on", async () => {
  await overrideQuota(10_000);
  await openPage();
  await draw();
  assert.equal((await message()).code, "Quota");
  await overrideQuota(50 * 2 ** 20);
  await page.click("#message button");
  await page.locator("[data-state=picture]").waitFor({ timeout: PATIENCE });
});

test("a disk that fills up while storing rejects with Quota, and what was stored stays", async () => {
  await page.goto(site.url);
  await overrideQuota(5 * 2 ** 20);
  const outcome = await page.evaluate(async () => {
    const { ShardStore } = await import(/** @type {string} */ ("/www/worker/shard-store.js"));
    const store = new ShardStore("store-test");
    const shardAt = (/** @type {number} */ index) => ({ file: `${index}.bin`, sha256: "11", length: 2 ** 20, compression: null, stored_length: 2 ** 20 });
    let stored = 0;
    let name = "";
    while (stored < 20 && !name) {
      const bytes = new Uint8Array(2 ** 20).map(() => Math.random() * 256);
      await store.putShard("m/", "base", shardAt(stored), bytes).then(
        () => stored++,
        (/** @type {Error} */ error) => (name = error.name),
      );
    }
    const kept = await Promise.all(Array.from({ length: stored }, (_, index) => store.hasShard("m/", "base", shardAt(index))));
    await store.close();
    return { name, stored, kept: kept.every(Boolean) };
  });
  assert.equal(outcome.name, "Quota");
  assert.ok(outcome.stored >= 1 && outcome.kept);
});

/** @param {number} quotaSize */
async function overrideQuota(quotaSize) {
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: new URL(site.url).origin, quotaSize });
}
