// @ts-check
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { serve } from '../../tools/serve.mjs';

const SHARD = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
/** @type {string} */
let root;
/** @type {{ url: string, close: () => Promise<void> }} */
let server;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'sdxl-web-serve-'));
  await mkdir(join(root, 'www', 'pkg'), { recursive: true });
  await mkdir(join(root, 'www', 'worker'));
  await mkdir(join(root, 'www', '.hidden'));
  await mkdir(join(root, 'wwwx'));
  const files = {
    'index.html': '<h1>page</h1>',
    'Cargo.toml': 'secret',
    'wwwx/other.js': 'secret',
    '.git-credentials': 'secret',
    'www/sw.js': 'self;',
    'www/protocol.js': 'export {};',
    'www/worker/main.js': 'self;',
    'www/a b.txt': 'spaced',
    'www/style.css': 'body {}',
    'www/manifest.json': '{}',
    'www/empty.bin': '',
    'www/shard.bin': SHARD,
    'www/.hidden/key.txt': 'secret',
    'www/.env': 'secret',
    'www/pkg/sdxl_web_bg.wasm': 'wasm',
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(root, name), content);
  server = await serve(root, 0);
});

after(async () => {
  await server.close();
  await rm(root, { recursive: true });
});

const get = (/** @type {string} */ path, /** @type {RequestInit} */ options = {}) => fetch(new URL(path, server.url), options);
const getRange = (/** @type {string} */ path, /** @type {string} */ range, /** @type {RequestInit & { headers?: Record<string, string> }} */ options = {}) => get(path, { ...options, headers: { range, ...options.headers } });
const bytes = async (/** @type {Response} */ response) => new Uint8Array(await response.arrayBuffer());

/** The status of a request whose path is sent as it stands: `fetch` would tidy `..` away before sending. @param {string} path @returns {Promise<{ status: number, answer: string }>} */
function rawStatus(path) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    let answer = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
    });
    socket.setEncoding('utf8');
    socket.on('data', (text) => (answer += text));
    socket.on('end', () => resolve({ status: Number(answer.split(' ')[1]), answer }));
    socket.on('error', reject);
  });
}

test('listens on 127.0.0.1 only', () => {
  assert.equal(new URL(server.url).hostname, '127.0.0.1');
});

for (const [path, type] of /** @type {const} */ ([
  ['/', 'text/html; charset=utf-8'],
  ['/index.html', 'text/html; charset=utf-8'],
  ['/?prompt=x', 'text/html; charset=utf-8'],
  ['/www/protocol.js', 'text/javascript; charset=utf-8'],
  ['/www/style.css', 'text/css; charset=utf-8'],
  ['/www/manifest.json', 'application/json; charset=utf-8'],
  ['/www/shard.bin', 'application/octet-stream'],
  ['/www/a%20b.txt', 'text/plain; charset=utf-8'],
  ['/www/pkg/sdxl_web_bg.wasm', 'application/wasm'],
])) {
  test(`${path} is ${type}, never cached`, async () => {
    const response = await get(path);
    await response.arrayBuffer();
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), type);
    assert.equal(response.headers.get('cache-control'), 'no-store');
  });
}

test('a whole file arrives with its length and says that ranges are served', async () => {
  const response = await get('/www/shard.bin');
  assert.equal(response.headers.get('content-length'), '1000');
  assert.equal(response.headers.get('accept-ranges'), 'bytes');
  assert.deepEqual(await bytes(response), SHARD);
});

test('an empty file is a file', async () => {
  const response = await get('/www/empty.bin');
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-length'), '0');
  assert.equal((await bytes(response)).length, 0);
});

test('only the service worker may control the page above it', async () => {
  assert.equal((await get('/www/sw.js')).headers.get('service-worker-allowed'), '/');
  assert.equal((await get('/www/protocol.js')).headers.get('service-worker-allowed'), null);
});

for (const [range, start, end] of /** @type {const} */ ([
  ['bytes=0-0', 0, 0],
  ['bytes=10-19', 10, 19],
  ['bytes=990-', 990, 999],
  ['bytes=999-999', 999, 999],
  ['bytes=990-5000', 990, 999],
  ['bytes=-10', 990, 999],
  ['bytes=-5000', 0, 999],
])) {
  test(`${range} of 1000 bytes is ${start} to ${end}`, async () => {
    const response = await getRange('/www/shard.bin', range);
    assert.equal(response.status, 206);
    assert.equal(response.headers.get('content-range'), `bytes ${start}-${end}/1000`);
    assert.equal(response.headers.get('content-length'), String(end - start + 1));
    assert.deepEqual(await bytes(response), SHARD.slice(start, end + 1));
  });
}

for (const [path, range, size] of /** @type {const} */ ([
  ['/www/shard.bin', 'bytes=1000-', 1000],
  ['/www/shard.bin', 'bytes=1000-1001', 1000],
  ['/www/shard.bin', 'bytes=-0', 1000],
  ['/www/empty.bin', 'bytes=0-', 0],
  ['/www/empty.bin', 'bytes=-1', 0],
])) {
  test(`${range} of ${size} bytes cannot be had`, async () => {
    const response = await getRange(path, range);
    assert.equal(response.status, 416);
    assert.equal(response.headers.get('content-range'), `bytes */${size}`);
    assert.match(await response.text(), /lies outside/);
  });
}

for (const range of ['bytes=5-4', 'bytes=0-1,5-6', 'bytes=-', 'bytes=a-b', 'lines=0-1', 'bytes 0-1']) {
  test(`"${range}" is ignored`, async () => {
    const response = await getRange('/www/shard.bin', range);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-range'), null);
    assert.equal((await bytes(response)).length, 1000);
  });
}

test('If-Range never holds, since no validator is sent', async () => {
  const response = await getRange('/www/shard.bin', 'bytes=0-1', { headers: { 'if-range': '"etag"' } });
  assert.equal(response.status, 200);
  assert.equal((await bytes(response)).length, 1000);
});

test('HEAD says the length and sends nothing, with or without a range', async () => {
  for (const headers of [{}, { range: 'bytes=0-9' }]) {
    const response = await get('/www/shard.bin', { method: 'HEAD', headers });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-length'), '1000');
    assert.equal((await bytes(response)).length, 0);
  }
});

test('a missing file is told in plain words', async () => {
  const response = await get('/www/models/none.json');
  assert.equal(response.status, 404);
  assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal(await response.text(), 'There is no file /www/models/none.json here.\n');
});

for (const path of [
  '/Cargo.toml',
  '/.git-credentials',
  '/wwwx/other.js',
  '/www',
  '/www/',
  '/www/pkg',
  '/www/pkg/',
  '/www//shard.bin',
  '/www/.env',
  '/www/%2eenv',
  '/www/.hidden/key.txt',
  '/www/../Cargo.toml',
  '/www/pkg/../../Cargo.toml',
  '/www/%2e%2e/Cargo.toml',
  '/www/..%2fCargo.toml',
  '/www/%2e%2e%2fCargo.toml',
  '/www/..%5cCargo.toml',
  '/www/pkg/..\\..\\Cargo.toml',
  '//www/shard.bin',
  '/www/shard.bin%00.js',
  '/www/%',
  '/www/%ff',
  'www/shard.bin',
  '*',
  'http://127.0.0.1/Cargo.toml',
  `/www/${'x'.repeat(4000)}`,
]) {
  test(`${path.slice(0, 40)} is not served`, async () => {
    const { status, answer } = await rawStatus(path);
    assert.ok(status === 404 || status === 400, `status ${status}`);
    assert.ok(!answer.includes('secret'));
  });
}

test('nothing can be changed through it', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const response = await get('/index.html', { method });
    assert.equal(response.status, 405);
    assert.equal(response.headers.get('allow'), 'GET, HEAD');
  }
});

test('a download that the browser gives up does not stop the server', async () => {
  await writeFile(join(root, 'www', 'large.bin'), new Uint8Array(32 << 20));
  const cancel = new AbortController();
  const response = await get('/www/large.bin', { signal: cancel.signal });
  cancel.abort();
  await assert.rejects(response.arrayBuffer(), { name: 'AbortError' });
  assert.equal((await get('/www/shard.bin')).status, 200);
});

test('a taken port is refused by its name', async () => {
  const port = Number(new URL(server.url).port);
  await assert.rejects(serve(root, port), { code: 'EADDRINUSE' });
});

test("the worker may run the page's own programs and nothing that is made of text", async () => {
  const policy = (await get('/www/worker/main.js')).headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'/);
  assert.match(policy, /script-src 'self' 'wasm-unsafe-eval'(;|$)/);
});
