// @ts-check
// What a file weighs on disk and on the way to a browser: `node tools/sizes.mjs FILE`

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';

const MIB = 2 ** 20;
const mib = (/** @type {Buffer} */ buffer) => `${(buffer.length / MIB).toFixed(2)} MiB`;

const raw = await readFile(process.argv[2] ?? "");
const [zipped, brotli] = await Promise.all([promisify(gzip)(raw, { level: 9 }), promisify(brotliCompress)(raw)]);
console.log(`${mib(raw)} raw, ${mib(zipped)} gzip, ${mib(brotli)} brotli`);
