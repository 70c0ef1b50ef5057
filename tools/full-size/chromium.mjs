// @ts-check
/**
 * Chromium with a store on a disk, and only as much of DevTools as is asked for: Playwright watches the network, for which the
 * browser keeps a copy of every answer, and that costs more than reading it.
 */

import { spawn } from "node:child_process";

import { optionsOf } from "../../tests/browser/browser.js";

export class Chromium {
  #process;
  #next = 1;
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  #asked = new Map();
  /** Sessions of the page's workers. @type {string[]} */
  workers = [];

  /** @param {string} profile  a folder */
  constructor(profile) {
    const { executablePath, args } = optionsOf(["--headless=new", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"]);
    this.#process = spawn(executablePath, args, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    let rest = "";
    this.#pipe(4).setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop() ?? "";
      for (const message of messages) this.#receive(JSON.parse(message));
    });
  }

  /**
   * @param {string} method
   * @param {object} [params]
   * @param {string} [sessionId]
   * @returns {Promise<any>}
   */
  send(method, params = {}, sessionId) {
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => this.#asked.set(id, { resolve, reject }));
    this.#pipe(3).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return answer;
  }

  /** @param {string} url @returns {Promise<string>} its session */
  async openPage(url) {
    const { targetId } = await this.send("Target.createTarget", { url });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    await this.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: true }, sessionId);
    // The empty page that a tab begins with is complete as well.
    const isThere = () => this.evaluate(sessionId, (url) => location.href === url && document.readyState === "complete", url);
    while (!(await isThere())) await new Promise((resolve) => setTimeout(resolve, 100));
    return sessionId;
  }

  /**
   * Runs a function of its own in a page.
   * @template T, R
   * @param {string} sessionId
   * @param {(argument: T) => R} run
   * @param {T} argument
   * @returns {Promise<Awaited<R>>}
   */
  async evaluate(sessionId, run, argument) {
    const expression = `(${run})(${JSON.stringify(argument)})`;
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, sessionId);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async close() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    await this.send("Browser.close").catch(() => {});
    await ended;
  }

  /** @param {any} message */
  #receive({ id, result, error, method, params }) {
    if (method === "Target.attachedToTarget" && params.targetInfo.type === "worker") this.workers.push(params.sessionId);
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error) asked?.reject(new Error(error.message));
    else asked?.resolve(result);
  }

  /** @param {3 | 4} number @returns {import("node:net").Socket} */
  #pipe(number) {
    return /** @type {import("node:net").Socket} */ (this.#process.stdio[number]);
  }
}
