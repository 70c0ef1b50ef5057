// @ts-check
/** Published checkpoints into the page, with the real engine, IndexedDB and ranges over HTTP; and everything that goes wrong on the way. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { launch, openContext } from "./browser.js";
import { demoManifest } from "./demo-checkpoint.js";
import { Mirror } from "./mirror.js";
import { pixelsShown } from "./pixels.js";
import { Site } from "./site.js";

const START_MS = 60_000;
const IMPORT_MS = 180_000;
const KINDS = /** @type {const} */ (["base", "refiner"]);

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Site} */
let site;
/** Another server, as a mirror would be. @type {Mirror} */
let mirror;
/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {import("playwright-core").Page} */
let page;

before(async () => {
  browser = await launch();
  mirror = new Mirror();
  await mirror.listen();
});

after(async () => {
  mirror?.close();
  await browser?.close();
});

beforeEach(async () => {
  mirror.reset();
  site = await Site.start();
  await openPage();
});

afterEach(async () => {
  await context.close();
  await site.close();
});

/** @param {import("playwright-core").BrowserContextOptions} [options] */
async function openPage(options) {
  await context?.close();
  ({ context } = await openContext(browser, options));
  page = await newPage();
}

async function newPage() {
  const page = await context.newPage();
  await page.goto(site.url);
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: START_MS });
  await page.locator("#get-model > summary").click();
  return page;
}

/** @param {{ refiner?: boolean, on?: import("playwright-core").Page }} [options] */
async function begin({ refiner = false, on = page } = {}) {
  await on.fill("#import-base", `${mirror.url}/base`);
  await on.fill("#import-refiner", refiner ? `${mirror.url}/refiner` : "");
  await on.click("#import-form button[type=submit]");
}

async function ended(on = page) {
  await on.waitForSelector("#progress", { state: "hidden", timeout: IMPORT_MS });
}

/** @param {string} code */
async function refused(code, on = page) {
  const box = on.locator("#message:visible");
  await box.waitFor({ timeout: IMPORT_MS });
  assert.equal(await box.getAttribute("data-code"), code, await box.innerText());
  return box.innerText();
}

/** Stored shards' names and hashes, and the manifests, by kind. */
function stored(on = page) {
  return on.evaluate(async () => {
    const open = indexedDB.open("sdxl-web");
    await new Promise((resolve) => open.addEventListener("success", resolve));
    const all = async (/** @type {string} */ name, /** @type {"getAll" | "getAllKeys"} */ how) => {
      const request = open.result.transaction(name).objectStore(name)[how]();
      await new Promise((resolve) => request.addEventListener("success", resolve));
      return /** @type {any[]} */ (request.result);
    };
    const shards = (await all("shards", "getAllKeys")).filter(([model]) => model.startsWith("imported:")).map(([, kind, file]) => `${kind}/${file}`);
    const manifests = (await all("manifests", "getAll")).filter(({ model }) => model.startsWith("imported:"));
    open.result.close();
    return { shards, manifests: Object.fromEntries(manifests.map(({ kind, manifest }) => [kind, manifest])) };
  });
}

/** @param {Record<string, any>} manifests @param {"base" | "refiner"} kind */
function assertSameShards(manifests, kind) {
  const hashes = (/** @type {any} */ manifest) =>
    Object.fromEntries(Object.entries(manifest.components).map(([name, { shards }]) => [name, shards.map((/** @type {any} */ shard) => shard.sha256)]));
  const [ours, packed] = [hashes(manifests[kind]), hashes(demoManifest(kind))];
  for (const name of Object.keys(ours)) assert.deepEqual(ours[name], packed[name], `${kind} ${name}`);
  assert.ok(ours.unet);
}

/** @param {number} steps */
async function draw(steps) {
  const fields = { "#prompt": "a red apple, 3d emoji", "#seed": 7, "#steps": steps, "#guidanceScale": 4, "#width": 128, "#height": 128 };
  for (const [field, value] of Object.entries(fields)) await page.fill(field, String(value));
  await page.locator("#prompt-form button[type=submit]").click();
  await ended();
  assert.ok(!(await page.isVisible("#message")), await page.innerText("#message"));
  return pixelsShown(page);
}

test("base and refiner, by address: the same bytes as packed, the same picture, offline too, and no request but to that address", async () => {
  await openPage({ serviceWorkers: "allow" });
  const drawn = await draw(2);
  /** @type {string[]} */
  const asked = [];
  context.on("request", (request) => asked.push(new URL(request.url()).origin));
  await begin({ refiner: true });
  await ended();
  assert.ok(!(await page.isVisible("#message")), await page.innerText("#message"));
  const { manifests } = await stored();
  for (const kind of KINDS) assertSameShards(manifests, kind);
  const others = asked.filter((origin) => origin !== new URL(site.url).origin);
  assert.deepEqual([...new Set(others)], [mirror.url]);
  assert.match(page.url(), /model=imported/);
  assert.equal(await draw(2), drawn);

  await page.evaluate(() => navigator.serviceWorker.ready.then(() => null));
  await context.setOffline(true);
  site.asked = [];
  mirror.headers = [];
  await page.reload();
  await page.locator("#prompt-form button[type=submit]:enabled").waitFor({ timeout: START_MS });
  assert.equal(await draw(2), drawn);
  // That a browser looks for a newer service worker is its own doing, and not told of the network that is off.
  assert.deepEqual([site.asked.filter((path) => path !== "/www/sw.js"), mirror.headers], [[], []]);
});

for (const after of [1, 3, 6, 9, 12]) {
  test(`a tab killed after ${after} ranges: the next one goes on, and reads nothing twice that is stored`, async () => {
    const reached = new Promise((resolve) => {
      mirror.fault = () => {
        if (weightRanges().length > after) {
          resolve(null);
          // Nothing is answered any more, until the tab is gone.
          return true;
        }
        return false;
      };
    });
    await begin();
    await reached;
    await page.close();
    mirror.fault = () => false;
    page = await newPage();
    const before = await stored();
    assert.deepEqual(before.manifests, {});
    mirror.ranges = [];
    await begin();
    await ended();
    const { manifests } = await stored();
    assertSameShards(manifests, "base");
    assert.equal(new Set(mirror.ranges).size, mirror.ranges.length);
    const again = before.shards.map((shard) => `${shard}`).filter((shard) => rangesOf(shard).length > 0);
    assert.deepEqual(again, []);
  });
}

/** Requests for tensors, not for headers. */
function weightRanges() {
  return mirror.ranges.filter((range) => !/bytes=(0-7|8-\d+)$/.test(range));
}

/** Ranges asked for since the list was emptied in files of the component that a stored shard is the only one of. @param {string} shard */
function rangesOf(shard) {
  const component = shard.slice(shard.indexOf("/") + 1).replace(/-\d+\.bin$/, "");
  const { shards = [] } = demoManifest("base").components[component] ?? {};
  return shards.length === 1 ? weightRanges().filter((range) => range.startsWith(`/base/${component}/`)) : [];
}

/** Once. @param {(range: string | undefined, response: import("node:http").ServerResponse) => boolean} answer */
function once(answer) {
  let due = true;
  mirror.fault = (range, response, path) => {
    if (!due || !path.endsWith(".safetensors") || !range || /bytes=(0-7|8-\d+)$/.test(range)) return false;
    due = false;
    return answer(range, response);
  };
}

test("a line that is cut within a range, and a server that asks to wait, are got over", async () => {
  const start = Date.now();
  let cut = 0;
  mirror.fault = (range, response, path) => {
    if (!path.endsWith(".safetensors") || !range || cut === 2) return false;
    cut++;
    if (cut === 1) response.writeHead(429, { "Retry-After": "2" }).end();
    else {
      response.writeHead(206, { "Content-Length": 8 });
      response.write(Buffer.alloc(3), () => response.destroy());
    }
    return true;
  };
  await begin();
  await ended();
  assertSameShards((await stored()).manifests, "base");
  assert.ok(Date.now() - start > 2000);
});

test("servers that cannot do it are named, each with a way on", async () => {
  mirror.cors = false;
  await begin();
  assert.match(await refused("NoCors"), /choose it from this device/);
  mirror.cors = true;
  once((_, response) => {
    response.end(Buffer.alloc(100));
    return true;
  });
  await begin();
  assert.match(await refused("NoRange"), /choose it from this device/);
  await page.fill("#import-base", `${mirror.url}/nothing`);
  await page.click("#import-form button[type=submit]");
  await refused("BadCheckpoint");
  await page.fill("#import-base", "nonsense");
  await page.click("#import-form button[type=submit]");
  await refused("BadAddress");
});

test("a server that lies about a file's length is found out before anything is stored", async () => {
  mirror.fault = (range, response, path) => {
    const length = mirror.files.get(path)?.length;
    if (range || !path.endsWith(".safetensors") || !length) return false;
    response.writeHead(200, { "Content-Length": length + 1 }).end();
    return true;
  };
  await begin();
  const text = await refused("BadCheckpoint");
  assert.match(text, /its tensors end at byte/, text);
  assert.deepEqual((await stored()).shards, []);
});

test("a gated model wants a token, which goes to that server and is kept nowhere", async () => {
  mirror.fault = (_, response) => {
    if (mirror.headers.at(-1)?.authorization === "Bearer s3cret") return false;
    response.writeHead(401).end();
    return true;
  };
  await begin();
  assert.match(await refused("NoAccess"), /access token/);
  /** @type {string[]} */
  const elsewhere = [];
  context.on("request", (request) => {
    if (!request.url().startsWith(mirror.url) && request.headers().authorization) elsewhere.push(request.url());
  });
  /** @type {string[]} */
  const logged = [];
  page.on("console", (line) => logged.push(line.text()));
  await page.locator("#import-form details > summary").click();
  await page.fill("#import-token", "s3cret");
  await begin();
  await ended();
  const { manifests } = await stored();
  assertSameShards(manifests, "base");
  const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie, location.href]));
  for (const text of [kept, JSON.stringify(manifests), ...logged]) assert.ok(!text.includes("s3cret"));
  assert.deepEqual(elsewhere, []);
});

test("a disk that is too small is told, and with more room it goes on", async () => {
  const session = await context.newCDPSession(page);
  const setQuota = (/** @type {{ quotaSize?: number }} */ size) => session.send("Storage.overrideQuotaForOrigin", { origin: new URL(site.url).origin, ...size });
  await setQuota({ quotaSize: 8_000_000 });
  await begin();
  assert.match(await refused("Quota"), /What was loaded is kept/);
  await setQuota({});
  await begin();
  await ended();
  assertSameShards((await stored()).manifests, "base");
});

test("a disk that fills up midway: what is stored stays, and with room again only the rest is read", async () => {
  const session = await context.newCDPSession(page);
  const setQuota = (/** @type {{ quotaSize?: number }} */ size) => session.send("Storage.overrideQuotaForOrigin", { origin: new URL(site.url).origin, ...size });
  await setQuota({ quotaSize: 64 * 2 ** 20 });
  /** @type {(() => void)[]} */
  const held = [];
  const reached = new Promise((resolve) => {
    mirror.fault = (range, response, path) => {
      if (weightRanges().length <= 6) return false;
      held.push(() => mirror.serve(range, response, path));
      resolve(null);
      return true;
    };
  });
  await begin();
  await reached;
  // Somebody else's bytes.
  await page.evaluate(async () => {
    const open = indexedDB.open("ballast");
    open.addEventListener("upgradeneeded", () => open.result.createObjectStore("bytes", { autoIncrement: true }));
    await new Promise((resolve) => open.addEventListener("success", resolve));
    for (let size = 2 ** 20; size >= 2 ** 10; ) {
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 2 ** 10) crypto.getRandomValues(bytes.subarray(at, at + 2 ** 10));
      const transaction = open.result.transaction("bytes", "readwrite");
      transaction.objectStore("bytes").add(bytes);
      const done = await new Promise((resolve) => {
        transaction.addEventListener("complete", () => resolve(true));
        transaction.addEventListener("abort", () => resolve(false));
      });
      if (!done) size /= 2;
    }
    open.result.close();
  });
  mirror.fault = () => false;
  for (const serve of held) serve();
  assert.match(await refused("Quota"), /What was loaded is kept/);
  const before = await stored();
  assert.ok(before.shards.length > 0);
  assert.deepEqual(before.manifests, {});
  await page.evaluate(() => new Promise((resolve) => indexedDB.deleteDatabase("ballast").addEventListener("success", resolve)));
  await setQuota({});
  mirror.ranges = [];
  await begin();
  await ended();
  assertSameShards((await stored()).manifests, "base");
  assert.deepEqual(before.shards.filter((shard) => rangesOf(shard).length > 0), []);
});

test("where the browser does not promise to keep it, the page says so and imports", async () => {
  assert.equal(await page.evaluate(() => navigator.storage.persisted()), false);
  await begin();
  await page.locator("#import-form [data-part=at-risk]").waitFor();
  await ended();
  assertSameShards((await stored()).manifests, "base");
});

test("of two tabs that import the same model, one does, and the other says so", async () => {
  const other = await newPage();
  const held = new Promise((resolve) => {
    once((_, response) => {
      resolve(null);
      setTimeout(() => response.destroy(), 3000);
      return true;
    });
  });
  await begin();
  await held;
  await begin({ on: other });
  await refused("OtherTab", other);
  await ended();
  assertSameShards((await stored()).manifests, "base");
});

test("a database that is deleted under the page: the import says so, and the next one is whole", async () => {
  const reached = new Promise((resolve) => {
    mirror.fault = () => {
      if (weightRanges().length > 8) resolve(null);
      return false;
    };
  });
  await begin();
  await reached;
  await page.evaluate(() => new Promise((resolve) => {
    const request = indexedDB.deleteDatabase("sdxl-web");
    request.addEventListener("success", resolve);
  }));
  await ended();
  if (await page.isVisible("#message")) {
    await refused("Storage");
    assert.deepEqual((await stored()).manifests, {});
    await begin();
    await ended();
  }
  assertSameShards((await stored()).manifests, "base");
});

test("a flipped bit in the store is found, removed, and read again by itself", async () => {
  await begin();
  await ended();
  const damaged = await page.evaluate(async () => {
    const open = indexedDB.open("sdxl-web");
    await new Promise((resolve) => open.addEventListener("success", resolve));
    const store = open.result.transaction("shards", "readwrite").objectStore("shards");
    const request = store.getAll();
    await new Promise((resolve) => request.addEventListener("success", resolve));
    const record = request.result.find(({ model, file }) => model.startsWith("imported:") && file.startsWith("text_encoder-"));
    record.bytes[1000] ^= 1;
    const put = store.put(record);
    await new Promise((resolve) => put.addEventListener("success", resolve));
    open.result.close();
    return record.file;
  });
  await page.locator("summary", { hasText: "Models on this device" }).click();
  await page.locator("#models [data-deed=verify]").first().click();
  await ended();
  assert.match(await page.innerText("#import-form [role=status]"), /1 of \d+ parts were damaged/);
  assert.ok(!(await stored()).shards.includes(`base/${damaged}`));
  mirror.ranges = [];
  await begin();
  await ended();
  assertSameShards((await stored()).manifests, "base");
  assert.ok(weightRanges().length > 0 && weightRanges().every((range) => range.startsWith("/base/text_encoder/")), weightRanges().join("\n"));
});

test("a model is renamed, exported, removed, and comes back from the archive, on a page without a mirror", async () => {
  await begin({ refiner: true });
  await ended();
  await page.locator("summary", { hasText: "Models on this device" }).click();
  page.on("dialog", (dialog) => void (dialog.type() === "prompt" ? dialog.accept("Mine") : dialog.accept()));
  await page.locator("#models [data-deed=rename]").click();
  await page.locator("#models strong", { hasText: "Mine" }).waitFor();
  const saving = page.waitForEvent("download");
  await page.locator("#models [data-deed=export]").click();
  const archive = await saving;
  assert.equal(archive.suggestedFilename(), "Mine.tar");
  const path = await archive.path();
  await page.locator("#models [data-deed=remove]").click();
  await page.locator("#models strong", { hasText: "Mine" }).waitFor({ state: "detached" });
  assert.deepEqual((await stored()).shards, []);
  mirror.headers = [];
  await page.locator("[data-place=base] input[type=file]").first().setInputFiles({ name: "Mine.tar", mimeType: "application/x-tar", buffer: readFileSync(path) });
  await page.click("#import-form button[type=submit]");
  await ended();
  assert.ok(!(await page.isVisible("#message")), await page.innerText("#message"));
  const { manifests } = await stored();
  for (const kind of KINDS) assertSameShards(manifests, kind);
  assert.equal(mirror.headers.length, 0);
});

test("a folder that was chosen gives the same bytes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
  try {
    for (const [path, bytes] of mirror.files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
    await page.locator("[data-place=base] input[webkitdirectory]").first().setInputFiles(join(folder, "base"));
    await page.fill("#import-refiner", "");
    await page.click("#import-form button[type=submit]");
    await ended();
    assertSameShards((await stored()).manifests, "base");
    assert.deepEqual(mirror.headers, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
