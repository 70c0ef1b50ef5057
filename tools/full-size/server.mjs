// @ts-check
/** Serves made-up checkpoints, /base/ and /refiner/ in the layout that it was started with, by ranges and to any page. */

import { createServer } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

import { checkpoint } from "./checkpoint.mjs";

const PIECE = 1 << 20;
const kinds = /** @type {const} */ (["base", "refiner"]);
const files = new Map(kinds.flatMap((kind) => [...checkpoint(kind, workerData.layout)].map(([path, file]) => [`/${kind}/${path}`, file])));

const server = createServer((request, response) => {
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Expose-Headers", "Content-Range, ETag");
  const file = files.get(decodeURIComponent(request.url ?? ""));
  if (!file) return void response.writeHead(404).end();
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  const [start, end] = match ? [Number(match[1]), Math.min(Number(match[2]) + 1, file.length)] : [0, file.length];
  response.writeHead(match ? 206 : 200, { "Content-Length": end - start, ETag: '"made"', ...(match ? { "Content-Range": `bytes ${start}-${end - 1}/${file.length}` } : {}) });
  if (request.method === "HEAD") return void response.end();
  let at = start;
  const more = () => {
    while (at < end) {
      const next = Math.min(at + PIECE, end);
      const goesOn = response.write(file.read(at, next));
      at = next;
      if (!goesOn) return void response.once("drain", more);
    }
    response.end();
  };
  more();
});
server.listen(0, "127.0.0.1", () => parentPort?.postMessage(/** @type {import("node:net").AddressInfo} */ (server.address()).port));
