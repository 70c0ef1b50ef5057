// @ts-check
// The development server: index.html and www/ on 127.0.0.1, nothing else. `node tools/serve.mjs [PORT]`

import { realpathSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const HOST = '127.0.0.1';
const DEFAULT_PORT = 8080;
const PORTS_TO_TRY = 20;

/**
 * @typedef {import('node:http').IncomingMessage} Request
 * @typedef {import('node:http').ServerResponse} Response
 * @typedef {import('node:fs/promises').FileHandle} FileHandle
 */

/** @type {Record<string, string>} */
const MIME_TYPES = {
  '.bin': 'application/octet-stream',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.safetensors': 'application/octet-stream',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
};

/** The page has its own in index.html; a worker does not share it, and may read models from where the user says. */
const WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src http: https:";

/** Serves `root` on 127.0.0.1:`port` (0 = any free port); rejects with EADDRINUSE when the port is taken. @param {string} root @param {number} port @returns {Promise<{ url: string, close: () => Promise<void> }>} */
export function serve(root, port) {
  const server = createServer((request, response) => {
    answer(root, request, response).catch((error) => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, `${request.url} cannot be read: ${error.message}`);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      resolve({ url: `http://${HOST}:${port}/`, close: () => close(server) });
    });
  });
}

/** @param {import('node:http').Server} server @returns {Promise<void>} */
function close(server) {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** @param {string} root @param {Request} request @param {Response} response */
async function answer(root, request, response) {
  response.setHeader('Cache-Control', 'no-store');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405, `${request.method} is not served here, only GET and HEAD.`);
  }
  const path = servedPath(request.url ?? '');
  const file = path && (await openFile(join(root, path)));
  if (!file) return refuse(response, 404, `There is no file ${request.url} here.`);
  try {
    await sendFile(request, response, path, file);
  } finally {
    await file.handle.close();
  }
}

/** The file a request means, relative to the root; null for everything that is not to be served. @param {string} url */
function servedPath(url) {
  let path;
  try {
    path = decodeURIComponent(url.split(/[?#]/, 1)[0] ?? '');
  } catch {
    return null;
  }
  if (path === '/' || path === '/index.html') return 'index.html';
  const [empty, top, ...rest] = path.split('/');
  // A name that starts with a dot is a hidden file or `..`; a backslash separates folders on Windows.
  const hidden = rest.some((name) => name === '' || name.startsWith('.') || /[\\\0]/.test(name));
  return empty === '' && top === 'www' && rest.length > 0 && !hidden ? join('www', ...rest) : null;
}

/** @param {string} path */
async function openFile(path) {
  let handle;
  try {
    handle = await open(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
  const stat = await handle.stat();
  if (stat.isFile()) return { handle, size: stat.size };
  await handle.close();
  return null;
}

/** @param {Request} request @param {Response} response @param {string} path @param {{ handle: FileHandle, size: number }} file */
async function sendFile(request, response, path, { handle, size }) {
  response.setHeader('Content-Type', MIME_TYPES[extname(path)] ?? 'application/octet-stream');
  response.setHeader('Accept-Ranges', 'bytes');
  // The service worker lies in www/ but has to control index.html beside it.
  if (path === join('www', 'sw.js')) response.setHeader('Service-Worker-Allowed', '/');
  if (path === join('www', 'worker', 'main.js')) response.setHeader('Content-Security-Policy', WORKER_POLICY);

  const range = requestedRange(request, size);
  if (range === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${size}`);
    return refuse(response, 416, `${request.url} has ${size} bytes; ${request.headers.range} lies outside.`);
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  if (range) response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`);
  response.writeHead(range ? 206 : 200, { 'Content-Length': end - start + 1 });
  if (request.method === 'HEAD' || size === 0) return response.end();
  try {
    await pipeline(handle.createReadStream({ start, end, autoClose: false }), response);
  } catch (error) {
    // The browser closes the connection when a download is cancelled; that is no fault of the server.
    if (codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/**
 * One byte range of a GET. Null means the whole file: RFC 9110 has a server ignore ranges that it does not understand
 * (several at once, for us), and If-Range never holds here, since no validator is ever sent.
 * @param {Request} request
 * @param {number} size
 * @returns {{ start: number, end: number } | 'unsatisfiable' | null}
 */
function requestedRange({ method, headers }, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '');
  if (method !== 'GET' || 'if-range' in headers || !match || match[0] === 'bytes=-') return null;
  const [first = null, last = null] = match.slice(1).map((digits) => (digits === '' ? null : Number(digits)));
  if (first === null) {
    return !last || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - last), end: size - 1 };
  }
  if (last !== null && last < first) return null;
  if (first >= size) return 'unsatisfiable';
  return { start: first, end: Math.min(last ?? size - 1, size - 1) };
}

/** @param {Response} response @param {number} status @param {string} message */
function refuse(response, status, message) {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${message}\n`);
}

/** A port that was asked for has to be that one; without a wish the next free one will do. @param {string} root @param {number} [wanted] */
async function serveOnFreePort(root, wanted) {
  const first = wanted ?? DEFAULT_PORT;
  const last = wanted ?? DEFAULT_PORT + PORTS_TO_TRY - 1;
  for (let port = first; port <= last; port++) {
    try {
      return await serve(root, port);
    } catch (error) {
      if (codeOf(error) === 'EACCES') throw new Error(`port ${port} needs more rights; choose one above 1023.`, { cause: error });
      if (codeOf(error) !== 'EADDRINUSE') throw error;
    }
  }
  const ports = wanted === undefined ? `ports ${first} to ${last} are` : `port ${wanted} is`;
  throw new Error(`${ports} taken by another program; name a free one: ./build.sh serve PORT`);
}

/** @param {unknown} error  of a system call */
function codeOf(error) {
  return /** @type {NodeJS.ErrnoException} */ (error).code;
}

/** @param {string} argument */
function portFrom(argument) {
  const port = Number(argument);
  if (!/^\d+$/.test(argument) || port > 65535) throw new Error(`"${argument}" is not a port (0 to 65535).`);
  return port;
}

/** @param {string[]} args */
async function main([argument]) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const { url } = await serveOnFreePort(root, argument === undefined ? undefined : portFrom(argument));
  console.log(`sdxl-web is at ${url}   (Ctrl-C stops it)`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(`sdxl-web: ${error.message}`);
    process.exitCode = 1;
  });
}
