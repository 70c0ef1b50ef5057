// @ts-check
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);
const LISTED = [...readFileSync(new URL("www/sw.js", ROOT), "utf8").matchAll(/^ {2}"(.+)",$/gm)].map((match) => match[1] ?? "");

/** What the page's own start does not need. */
const NOT_SHELL = /^www\/(sw\.js$|models\/|bench\.html$|page\/bench\.js$)|\.d\.ts$|\.json$|\.md$|LICENSE$/;

/** @param {string} folder */
function filesBelow(folder) {
  if (!existsSync(new URL(folder, ROOT))) return [];
  return readdirSync(new URL(folder, ROOT), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replace(/\/+/g, "/"))
    .map((path) => path.slice(path.lastIndexOf("/www/") + 1))
    .filter((path) => !NOT_SHELL.test(path));
}

test("the service worker keeps every file that the page is made of", () => {
  const files = filesBelow("www/");
  assert.ok(files.length > 15);
  assert.deepEqual(files.filter((file) => !LISTED.includes(file)), []);
});

test("the service worker lists no file that does not exist", () => {
  const made = (/** @type {string} */ file) => file.startsWith("www/pkg/") || file.startsWith("www/vendor/");
  assert.deepEqual(LISTED.filter((file) => !made(file) && !existsSync(new URL(file, ROOT))), []);
});
