// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, deflateSync } from "node:zlib";

import { PNG } from "pngjs";

import { isPng, readText, writeText } from "../../www/page/png-text.js";

/** @typedef {{ type: string, data: Buffer }} Chunk */

const SIDE = 4;
const PICTURE = new Uint8Array(PNG.sync.write(Object.assign(new PNG({ width: SIDE, height: SIDE }), { data: Buffer.alloc(SIDE * SIDE * 4, 200) })));
const HEADER_END = 33;

const TEXTS = { parameters: "a café\nSteps: 20", "sdxl-web": '{"prompt":"一只猫 🐈"}' };

/** @param {Uint8Array} png @returns {Chunk[]} */
function chunksOf(png) {
  const bytes = Buffer.from(png);
  const chunks = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const typed = bytes.subarray(at + 4, at + 8 + length);
    assert.equal(bytes.readUInt32BE(at + 8 + length), crc32(typed), `the CRC at ${at}`);
    chunks.push({ type: typed.toString("latin1", 0, 4), data: typed.subarray(4) });
    at += 12 + length;
  }
  return chunks;
}

/** @param {string} type @param {...(Buffer | string | number[])} data */
function chunk(type, ...data) {
  const typed = Buffer.concat([type, ...data].map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))));
  const ends = [Buffer.alloc(4), Buffer.alloc(4)];
  ends[0]?.writeUInt32BE(typed.length - 4);
  ends[1]?.writeUInt32BE(crc32(typed));
  return Buffer.concat([ends[0] ?? typed, typed, ends[1] ?? typed]);
}

/** @param {...Buffer} chunks  to stand after the header */
function withChunks(...chunks) {
  return new Uint8Array(Buffer.concat([PICTURE.subarray(0, HEADER_END), ...chunks, PICTURE.subarray(HEADER_END)]));
}

test("texts come out as they were put in, and the picture stays as it was", async () => {
  const written = writeText(PICTURE, TEXTS);
  assert.deepEqual(Object.fromEntries(await readText(written)), TEXTS);
  assert.deepEqual(chunksOf(written).map(({ type }) => type), ["IHDR", "tEXt", "iTXt", ...chunksOf(PICTURE).slice(1).map(({ type }) => type)]);
  assert.deepEqual(PNG.sync.read(Buffer.from(written)).data, PNG.sync.read(Buffer.from(PICTURE)).data);
});

test("texts of the same keywords are replaced, whatever chunk they were in, and others stay", async () => {
  const before = withChunks(chunk("zTXt", "parameters\0\0", deflateSync("old")), chunk("iTXt", "sdxl-web\0\0\0\0\0old"), chunk("tEXt", "Author\0me"));
  const written = writeText(writeText(before, { parameters: "older", "sdxl-web": "猫" }), TEXTS);
  assert.deepEqual(Object.fromEntries(await readText(written)), { ...TEXTS, Author: "me" });
  assert.equal(chunksOf(written).filter(({ type }) => type.endsWith("Xt")).length, 3);
});

test("every way to write text is read, packed or not", async () => {
  const png = withChunks(
    chunk("tEXt", "plain\0caf\xe9 \x93"),
    chunk("zTXt", "packed\0\0", deflateSync(Buffer.from("caf\xe9", "latin1"))),
    chunk("iTXt", "international\0\0\0zh\0", Buffer.from("关键词"), "\0", Buffer.from("猫")),
    chunk("iTXt", "both\0\x01\0\0\0", deflateSync(Buffer.from("猫".repeat(20_000)))),
    chunk("tEXt", "empty\0"),
  );
  const texts = { plain: "café \x93", packed: "café", international: "猫", both: "猫".repeat(20_000), empty: "" };
  assert.deepEqual(Object.fromEntries(await readText(png)), texts);
});

test("all of Latin-1 and of Unicode comes through, but for the zero that would end a text", async () => {
  const latin = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
  const wide = "\ufeff\u{10ffff}\u2028 ";
  const texts = await readText(writeText(PICTURE, { latin, wide }));
  assert.deepEqual(Object.fromEntries(texts), { latin: latin.slice(1), wide });
});

test("text after the picture's data is read too", async () => {
  const end = PICTURE.length - 12;
  const png = new Uint8Array(Buffer.concat([PICTURE.subarray(0, end), chunk("tEXt", "parameters\0late"), PICTURE.subarray(end)]));
  assert.equal((await readText(png)).get("parameters"), "late");
});

test("what is no PNG file is refused", async () => {
  for (const bytes of [new Uint8Array(), new Uint8Array(7), new TextEncoder().encode("\xff\xd8 a JPEG file"), PICTURE.subarray(1)]) {
    await assert.rejects(readText(bytes), { name: "BadPicture", message: /no PNG file/ });
    assert.throws(() => writeText(bytes, TEXTS), { name: "BadPicture" });
    assert.ok(!isPng(bytes));
  }
});

test("a file cut off anywhere is refused", async () => {
  const whole = writeText(PICTURE, TEXTS);
  for (let length = 0; length < whole.length; length++) {
    await assert.rejects(readText(whole.subarray(0, length)), { name: "BadPicture" });
    assert.throws(() => writeText(whole.subarray(0, length), TEXTS), { name: "BadPicture" });
  }
});

test("a changed bit anywhere is noticed", async () => {
  const whole = writeText(PICTURE, TEXTS);
  for (let at = 0; at < whole.length; at++) {
    const changed = whole.slice();
    changed[at] = (changed[at] ?? 0) ^ (1 << at % 8);
    await assert.rejects(readText(changed), { name: "BadPicture" }, `byte ${at}`);
  }
});

test("a length that the file does not have is not believed", async () => {
  for (const claim of [0x7fff_ffff, 0xffff_ffff, PICTURE.length]) {
    const claiming = Buffer.from(PICTURE);
    claiming.writeUInt32BE(claim, HEADER_END);
    await assert.rejects(readText(new Uint8Array(claiming)), { name: "BadPicture", message: new RegExp(`claims ${claim} bytes`) });
  }
});

test("parts in the wrong order are refused", async () => {
  const header = PICTURE.subarray(8, HEADER_END);
  const rest = PICTURE.subarray(HEADER_END);
  const signature = PICTURE.subarray(0, 8);
  const bare = chunk("IHDR");
  for (const parts of [[signature, rest], [signature, header, header, rest], [signature, bare, rest]]) {
    const png = new Uint8Array(Buffer.concat(parts));
    assert.throws(() => writeText(png, {}), { name: "BadPicture" });
    await assert.rejects(readText(png), { name: "BadPicture" });
  }
});

for (const [problem, bytes] of /** @type {[string, Buffer][]} */ ([
  ["a text without a keyword's end", chunk("tEXt", "parameters")],
  ["an empty text chunk", chunk("iTXt")],
  ["a text packed by an unknown method", chunk("zTXt", "parameters\0\x01", deflateSync("x"))],
  ["an international one too", chunk("iTXt", "parameters\0\x01\x01\0\0", deflateSync("x"))],
  ["an unknown flag", chunk("iTXt", "parameters\0\x02\0\0\0x")],
  ["no end of the language", chunk("iTXt", "parameters\0\0\0zh")],
  ["no end of the translated keyword", chunk("iTXt", "parameters\0\0\0zh\0x")],
  ["bytes that do not unpack", chunk("zTXt", "parameters\0\0not packed")],
  ["packed bytes that end too soon", chunk("zTXt", "parameters\0\0", deflateSync("a".repeat(100)).subarray(0, 9))],
  ["nothing packed", chunk("zTXt", "parameters\0\0")],
  ["bytes that are no UTF-8", chunk("iTXt", "parameters\0\0\0\0\0\xff\xfe")],
])) {
  test(`${problem}: the text is named and refused`, async () => {
    await assert.rejects(readText(withChunks(bytes)), { name: "BadPicture", message: /damaged/ });
  });
}

test("what would unpack to much more than a text is not unpacked, in one piece or in many", async () => {
  const bomb = deflateSync(Buffer.alloc(200 * 1024 * 1024));
  await assert.rejects(readText(withChunks(chunk("zTXt", "parameters\0\0", bomb))), { name: "BadPicture", message: /"parameters" is too large/ });
  const small = chunk("zTXt", "small\0\0", deflateSync(Buffer.alloc(1024 * 1024)));
  await assert.rejects(readText(withChunks(...Array.from({ length: 50 }, () => small))), { name: "BadPicture", message: /"small" is too large/ });
});
