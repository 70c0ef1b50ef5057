// @ts-check

import { createServer } from "node:http";

import { demoCheckpoint } from "./demo-checkpoint.js";

const KINDS = /** @type {const} */ (["base", "refiner"]);

/** Serves the demo's checkpoints by ranges, to pages of other servers, with faults to order. */
export class Mirror {
  /** @type {Map<string, Buffer>} */
  files = new Map(KINDS.flatMap((kind) => [...demoCheckpoint(kind)].map(([path, bytes]) => [`/${kind}/${path}`, bytes])));
  /** Ranges of weights that were asked for. @type {string[]} */
  ranges = [];
  /** Headers of every request. @type {import("node:http").IncomingHttpHeaders[]} */
  headers = [];
  /** Answers in place of the honest one where it says so. @type {(range: string | undefined, response: import("node:http").ServerResponse, path: string) => boolean} */
  fault = () => false;
  cors = true;
  #server = createServer((request, response) => this.#answer(request, response));

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(null)));
  }

  get url() {
    return `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (this.#server.address()).port}`;
  }

  reset() {
    this.ranges = [];
    this.headers = [];
    this.fault = () => false;
    this.cors = true;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  #answer({ method, url = "", headers }, response) {
    this.headers.push(headers);
    if (this.cors) {
      response.setHeader("Access-Control-Allow-Origin", "*");
      response.setHeader("Access-Control-Allow-Headers", "Range, Authorization");
      response.setHeader("Access-Control-Expose-Headers", "Content-Range, ETag, Retry-After");
    }
    if (method === "OPTIONS") return void response.end();
    const path = decodeURIComponent(url);
    const file = this.files.get(path);
    if (headers.range && method === "GET") this.ranges.push(`${path} ${headers.range}`);
    if (this.fault(headers.range, response, path)) return;
    if (!file) return void response.writeHead(404).end();
    if (method === "HEAD") return void response.writeHead(200, { "Content-Length": file.length, ETag: '"1"' }).end();
    this.serve(headers.range, response, path);
  }

  /**
   * @param {string | undefined} range
   * @param {import("node:http").ServerResponse} response
   * @param {string} path
   */
  serve(range, response, path) {
    const file = this.files.get(path) ?? Buffer.alloc(0);
    const match = /^bytes=(\d+)-(\d+)$/.exec(range ?? "");
    const [start, end] = match ? [Number(match[1]), Number(match[2]) + 1] : [0, file.length];
    response.writeHead(match ? 206 : 200, { "Content-Length": end - start, ETag: '"1"', ...(match ? { "Content-Range": `bytes ${start}-${end - 1}/${file.length}` } : {}) });
    response.end(file.subarray(start, end));
  }
}
