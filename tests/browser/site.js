// @ts-check
/** The real development server with faults to order: other files at some paths, a cut line, a list of what was asked for. */

import { readFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { fileURLToPath } from "node:url";

import { serve } from "../../tools/serve.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** @typedef {(response: import("node:http").ServerResponse) => void} Answer */

export class Site {
  /** Paths asked for since the list was last emptied. @type {string[]} */
  asked = [];
  /** With the line cut every connection is dropped without an answer. */
  cut = false;
  /** @type {Map<string, Answer>} */
  #answers = new Map();
  #upstream;
  #server;

  static async start() {
    const upstream = await serve(ROOT, 0);
    const site = new Site(upstream);
    await new Promise((resolve) => site.#server.listen(0, "127.0.0.1", () => resolve(null)));
    return site;
  }

  /** @param {{ url: string, close: () => Promise<unknown> }} upstream */
  constructor(upstream) {
    this.#upstream = upstream;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  get url() {
    return `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (this.#server.address()).port}/`;
  }

  /**
   * @param {string} path
   * @param {Answer | Buffer} answer
   */
  put(path, answer) {
    this.#answers.set(path, typeof answer === "function" ? answer : (response) => response.end(answer));
  }

  /** @param {string} path */
  putMissing(path) {
    this.put(path, (response) => response.writeHead(404).end());
  }

  /**
   * @param {string} folder  such as "/www/models/demo/"
   * @param {Map<string, Buffer>} files
   */
  putFolder(folder, files) {
    for (const [path, bytes] of files) this.put(folder + path, bytes);
  }

  /** In place of the built engine; see stub-engine.js. */
  putStubEngine() {
    this.put("/www/pkg/sdxl_web.js", readFileSync(new URL("stub-engine.js", import.meta.url)));
    this.put("/www/pkg/sdxl_web_bg.wasm", Buffer.alloc(0));
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#upstream.close();
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  #answer(request, response) {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    this.asked.push(path);
    if (this.cut) return void response.destroy();
    const own = this.#answers.get(path);
    if (own) {
      if (path.endsWith(".js")) response.setHeader("Content-Type", "text/javascript");
      response.setHeader("Cache-Control", "no-store");
      return own(response);
    }
    const forward = httpRequest(new URL(request.url ?? "/", this.#upstream.url), { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forward.on("error", () => response.destroy());
    request.pipe(forward);
  }
}
