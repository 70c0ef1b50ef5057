// @ts-check
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { wordsFor } from "../../www/page/trouble.js";
import { CodedError, fromWire, toWire } from "../../www/protocol.js";

const WWW = new URL("../../www/", import.meta.url);
const SOURCES = ["page/", "worker/", "./"].flatMap((folder) =>
  readdirSync(new URL(folder, WWW))
    .filter((name) => name.endsWith(".js"))
    .map((name) => readFileSync(new URL(folder + name, WWW), "utf8")),
);

test("every error code that the page or the worker makes has words of its own", () => {
  const codes = SOURCES.flatMap((text) => [...text.matchAll(/(?:new CodedError|failed)\(\s*"(\w+)"/g)].map((match) => match[1] ?? ""));
  assert.ok(codes.length > 15, `only ${codes.length} codes were found`);
  const { title: unknown } = wordsFor("no such code");
  for (const code of codes) {
    if (code !== "AbortError") assert.notEqual(wordsFor(code).title, unknown, code);
  }
});

test("so has every error code of the engine", () => {
  const table = readFileSync(new URL("../../src/error.rs", import.meta.url), "utf8");
  const codes = [...table.matchAll(/Error::\w+[^=\n]*=> "(\w+)"/g)].map((match) => match[1] ?? "");
  assert.ok(codes.includes("BadRequest") && codes.length > 8, `only ${codes.length} codes were found`);
  for (const code of codes) {
    if (code !== "AbortError") assert.notEqual(wordsFor(code).title, wordsFor("no such code").title, code);
  }
});

test("an error keeps its code and details over the wire, as a clone would not", () => {
  const error = fromWire(structuredClone(toWire(new CodedError("BadShard", "it is damaged", { shard: "a.bin" }))));
  assert.deepEqual([error.name, error.message, error.details], ["BadShard", "it is damaged", { shard: "a.bin" }]);
});

test("an engine's error carries its field over the wire", () => {
  const error = Object.assign(new Error("too many"), { name: "BadRequest", field: "steps" });
  assert.deepEqual(toWire(error), { name: "BadRequest", message: "too many", details: { field: "steps" } });
});

test("what was thrown without being an Error still arrives as words", () => {
  assert.equal(toWire("plain words").message, "plain words");
  assert.equal(toWire(undefined).message, "undefined");
});
