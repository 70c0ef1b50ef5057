// @ts-check
/** A folder at an address, served by a real server that answers as badly as servers do. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { RemoteFiles } from "../../www/worker/remote-files.js";

const BYTES = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
const PATH = "unet/a b.safetensors";

/** @typedef {(request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => void} Answer */

/** @type {import("node:http").Server} */
let server;
/** @type {Answer[]}  before the honest one */
let answers;
/** @type {{ method: string | undefined, url: string | undefined, headers: import("node:http").IncomingHttpHeaders }[]} */
let asked;

/** @type {Answer} */
function honest({ method, headers }, response) {
  const match = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
  const [start, end] = match ? [Number(match[1]), Number(match[2]) + 1] : [0, BYTES.length];
  if (start >= BYTES.length) return void response.writeHead(416).end();
  const part = BYTES.subarray(start, end);
  response.writeHead(match ? 206 : 200, { "Content-Length": part.length, ETag: '"v1"', ...(match ? { "Content-Range": `bytes ${start}-${start + part.length - 1}/${BYTES.length}` } : {}) });
  response.end(method === "HEAD" ? undefined : part);
}

before(async () => {
  server = createServer((request, response) => {
    const { method, url, headers } = request;
    asked.push({ method, url, headers });
    (answers.shift() ?? honest)(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
});

after(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  answers = [];
  asked = [];
});

/** @param {Partial<ConstructorParameters<typeof RemoteFiles>[1]>} [parts] */
function files(parts) {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return new RemoteFiles(`http://127.0.0.1:${port}/model`, { fetch: (url, init) => fetch(url, init), pauses: [1, 1], ...parts });
}

/** @param {number} status @param {Record<string, string>} [headers] @returns {Answer} */
const status = (status, headers) => (_, response) => response.writeHead(status, headers).end();

/** @param {string} name @param {RegExp} [message] */
const named = (name, message = /./) => (/** @type {any} */ error) => {
  assert.equal(error.name, name);
  assert.match(error.message, message);
  return true;
};

test("a range is asked for and comes, at the path below the folder", async () => {
  assert.deepEqual([...(await files().read(PATH, 10, 13))], [10, 11, 12]);
  assert.equal(asked[0]?.url, "/model/unet/a%20b.safetensors");
  assert.equal(asked[0]?.headers.range, "bytes=10-12");
});

test("length and version are known before anything is read, and what is not there is null", async () => {
  assert.deepEqual(await files().facts(PATH), { length: 1000, version: '"v1"' });
  answers = [status(404), status(410)];
  assert.equal(await files().facts(PATH), null);
  assert.equal(await files().readWhole(PATH), null);
});

test("a whole small file comes without a range", async () => {
  assert.deepEqual(Buffer.from((await files().readWhole("config.json")) ?? []), BYTES);
  assert.equal(asked[0]?.headers.range, undefined);
});

test("a whole file that never ends is given up", async () => {
  answers = [
    (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20)));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    },
  ];
  await assert.rejects(files().readWhole("config.json"), named("BadCheckpoint", /larger/));
});

test("a server that serves only whole files is named", async () => {
  answers = [(_, response) => response.end(BYTES)];
  await assert.rejects(files().read(PATH, 0, 10), named("NoRange", /only as a whole/));
  answers = [(_, response) => response.writeHead(206, { "Content-Range": "bytes 5-14/1000" }).end(BYTES.subarray(5, 15))];
  await assert.rejects(files().read(PATH, 0, 10), named("NoRange", /other bytes/));
});

test("what is not for everybody is asked for with the token, and named without", async () => {
  for (const code of [401, 403]) {
    answers = [status(code)];
    await assert.rejects(files().facts(PATH), named("NoAccess", new RegExp(String(code))));
  }
  asked = [];
  await files({ token: "secret" }).read(PATH, 0, 1);
  assert.equal(asked[0]?.headers.authorization, "Bearer secret");
});

test("a file that became shorter, or went, is another file", async () => {
  await assert.rejects(files().read(PATH, 2000, 2010), named("FileChanged"));
  answers = [status(404)];
  await assert.rejects(files().read(PATH, 0, 10), named("FileChanged"));
});

test("passing trouble passes: 429, 503, a cut line, too few bytes", async () => {
  /** @type {Answer[]} */
  const troubles = [
    status(429),
    status(503),
    (_, response) => response.socket?.destroy(),
    (_, response) => {
      response.writeHead(206, { "Content-Length": 10 });
      response.write(BYTES.subarray(0, 4), () => response.socket?.destroy());
    },
    (_, response) => response.writeHead(206).end(BYTES.subarray(0, 4)),
    (_, response) => response.writeHead(206).end(BYTES.subarray(0, 40)),
  ];
  for (const trouble of troubles) {
    answers = [trouble];
    assert.deepEqual([...(await files().read(PATH, 0, 10))], [...BYTES.subarray(0, 10)]);
  }
});

test("trouble that stays is told, and what it is", async () => {
  answers = [status(500), status(500), status(500)];
  await assert.rejects(files().read(PATH, 0, 10), named("Network", /500/));
  assert.equal(asked.length, 3);
});

test("a server that asks to wait is waited for, but not for hours", async () => {
  answers = [status(429, { "Retry-After": "1" })];
  const began = performance.now();
  await files().read(PATH, 0, 1);
  assert.ok(performance.now() - began >= 990);
  answers = [status(429, { "Retry-After": "86400" })];
  await assert.rejects(files().read(PATH, 0, 1), named("Network", /429/));
});

test("of bytes that had to be asked for twice, none counts twice", async () => {
  answers = [
    (_, response) => {
      response.writeHead(206, { "Content-Length": 10 });
      response.write(BYTES.subarray(0, 4), () => response.socket?.destroy());
    },
  ];
  /** @type {number[]} */
  const counts = [];
  await files().read(PATH, 0, 10, (count) => counts.push(count));
  assert.equal(counts.at(-1), 10);
  assert.equal(Math.max(...counts), 10);
});

test("a server that forbids pages to read is told from a dead line", async () => {
  const forbidden = /** @type {import("../../www/worker/http.js").Fetch} */ (
    async (url, init) => {
      if (init.mode !== "no-cors") throw new TypeError("Failed to fetch");
      return fetch(url, { method: "HEAD" });
    }
  );
  await assert.rejects(files({ fetch: forbidden }).facts(PATH), named("NoCors"));
  const dead = async () => {
    throw new TypeError("Failed to fetch");
  };
  await assert.rejects(files({ fetch: dead }).facts(PATH), named("Network"));
});

test("an abort ends a read at once", async () => {
  const stop = new AbortController();
  answers = [() => stop.abort()];
  await assert.rejects(files({ signal: stop.signal }).read(PATH, 0, 10), named("AbortError"));
});
