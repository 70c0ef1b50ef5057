// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { say } from "../../www/page/text.js";
import { checkLimits, checkSupport, megabytes } from "../../www/support.js";

const LIMITS = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
  maxStorageBuffersPerShaderStage: 8,
};

/** @param {object} [change] */
const surroundings = (change) =>
  /** @type {any} */ ({
    isSecureContext: true,
    indexedDB: {},
    DecompressionStream: class {},
    navigator: {
      gpu: { requestAdapter: async () => ({ info: { description: "Test GPU" }, limits: LIMITS }) },
      storage: { estimate: async () => ({ quota: 5e9, usage: 1e9 }) },
    },
    ...change,
  });

/** @param {import("../../www/protocol.js").Finding[]} findings */
const textOf = (findings) => findings.map(({ says, values }) => say(says, values)).join(" ");

/** @param {object} change */
async function firstFailure(change) {
  return (await checkSupport(surroundings(change))).find(({ ok }) => !ok);
}

test("a browser with everything passes every check and is told what it has", async () => {
  const checks = await checkSupport(surroundings());
  assert.ok(checks.every(({ ok }) => ok));
  assert.match(textOf(checks), /Test GPU/);
  assert.match(textOf(checks), /4\.0 GB of storage/);
});

test("each lack has its own code", async () => {
  assert.equal((await firstFailure({ isSecureContext: false }))?.code, "InsecureContext");
  assert.equal((await firstFailure({ navigator: {} }))?.code, "NoWebGPU");
  assert.equal((await firstFailure({ navigator: { gpu: { requestAdapter: async () => null } } }))?.code, "NoAdapter");
  const throwing = { gpu: { requestAdapter: async () => Promise.reject(new Error("blocked")) } };
  assert.equal((await firstFailure({ navigator: throwing }))?.code, "NoAdapter");
  assert.equal((await firstFailure({ indexedDB: undefined }))?.code, "NoStorage");
  assert.equal((await firstFailure({ DecompressionStream: undefined }))?.code, "NoGunzip");
});

test("a limit that is too small is named with both numbers", () => {
  const findings = checkLimits({ ...LIMITS, maxStorageBufferBindingSize: 1000 });
  assert.deepEqual(findings.map(({ ok, code }) => [ok, code]), [[false, "LimitsTooSmall"]]);
  assert.match(textOf(findings), /maxStorageBufferBindingSize is 1000, needed is 134217728/);
});

test("a processor that stands in for a GPU is said to be slow", async () => {
  const adapter = { info: { description: "SwiftShader", isFallbackAdapter: true }, limits: LIMITS };
  const checks = await checkSupport(surroundings({ navigator: { gpu: { requestAdapter: async () => adapter } } }));
  assert.match(textOf(checks), /slow/);
});

test("bytes are told as kilobytes, megabytes and gigabytes", () => {
  assert.equal(megabytes(41_200), "42 kB");
  assert.equal(megabytes(1_234_567), "1.2 MB");
  assert.equal(megabytes(33_600_000), "34 MB");
  assert.equal(megabytes(3_100_000_000), "3.1 GB");
});
