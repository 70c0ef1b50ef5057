// @ts-check
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { tar, untar } from "../../www/worker/tar.js";

const FILES = [
  { path: "base/manifest.json", bytes: Buffer.from("{}") },
  { path: "base/unet-000.bin", bytes: Buffer.alloc(513, 7) },
  { path: "refiner/empty.bin", bytes: Buffer.alloc(0) },
  { path: "refiner/block.bin", bytes: Buffer.alloc(512, 9) },
];

const archive = () => tar(FILES.map(({ path, bytes }) => ({ path, content: new Blob([bytes]) })));

/** @param {Map<string, Blob>} files */
async function contents(files) {
  const entries = [...files].map(async ([path, blob]) => ({ path, bytes: Buffer.from(await blob.arrayBuffer()) }));
  return Promise.all(entries);
}

test("what was put in comes out", async () => {
  assert.deepEqual(await contents(await untar(archive())), FILES);
});

test("the system's tar reads ours, and we read the system's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tar-"));
  try {
    writeFileSync(join(folder, "ours.tar"), Buffer.from(await archive().arrayBuffer()));
    execFileSync("tar", ["xf", "ours.tar"], { cwd: folder });
    for (const { path, bytes } of FILES) assert.deepEqual(readFileSync(join(folder, path)), bytes);
    execFileSync("tar", ["cf", "theirs.tar", "base", "refiner"], { cwd: folder });
    const theirs = await untar(new Blob([readFileSync(join(folder, "theirs.tar"))]));
    const sorted = (await contents(theirs)).sort((a, b) => (a.path < b.path ? -1 : 1));
    assert.deepEqual(sorted, [...FILES].sort((a, b) => (a.path < b.path ? -1 : 1)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a damaged or cut archive is refused, not guessed at", async () => {
  const bytes = Buffer.from(await archive().arrayBuffer());
  const flipped = Buffer.from(bytes);
  flipped[3] = 0x41;
  await assert.rejects(untar(new Blob([flipped])), { name: "BadArchive" });
  await assert.rejects(untar(new Blob([bytes.subarray(0, 1500)])), { name: "BadArchive" });
  await assert.rejects(untar(new Blob([Buffer.alloc(2000, 0x30)])), { name: "BadArchive" });
});
