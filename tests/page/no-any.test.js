// @ts-check
/** tsc refuses an `any` that nobody wrote; this one refuses those that somebody did, which neither it nor eslint can. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WWW = fileURLToPath(new URL("../../www/", import.meta.url));

/** Not made here. */
const MADE_ELSEWHERE = /^(pkg|vendor|models)\//;

/** In a type: after what opens it or goes before a part of it. In prose the word stands between others. */
const ANY = /[{<|:]\s*any\b|\bany(\[\]|\s*[}>|])/;

test("nothing of the page or the worker is of any type at all", () => {
  const files = readdirSync(WWW, { recursive: true, encoding: "utf8" }).filter((path) => /\.(js|d\.ts)$/.test(path) && !MADE_ELSEWHERE.test(path));
  assert.ok(files.length > 30);
  const found = files.flatMap((path) =>
    readFileSync(join(WWW, path), "utf8")
      .split("\n")
      .flatMap((line, index) => (ANY.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
  assert.deepEqual(found, []);
});

test("it is told from the word", () => {
  for (const type of ["{any} x", "Promise<any>", "any[]", "{ data: any }", "Record<string, any>", "(x: any)", "string | any"]) assert.match(type, ANY);
  for (const prose of ["if there are any, then", "any address.", "a repository, any address"]) assert.doesNotMatch(prose, ANY);
});
