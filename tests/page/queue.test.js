// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Queue } from "../../www/page/queue.js";

/** A queue whose works end when they are told to. */
function held() {
  /** @type {{ item: string, end: (goesOn: boolean) => void }[]} */
  const begun = [];
  /** @type {string[]} */
  let waiting = [];
  const queue = new Queue(
    (/** @type {string} */ item) => new Promise((resolve) => begun.push({ item, end: resolve })),
    (items) => {
      waiting = items.map(({ item }) => item);
    },
  );
  return { queue, begun, waiting: () => waiting };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test("one is worked on at a time, in their order", async () => {
  const { queue, begun, waiting } = held();
  queue.add("a", "b");
  queue.add("c");
  assert.deepEqual([begun.map(({ item }) => item), waiting()], [["a"], ["b", "c"]]);
  begun[0]?.end(true);
  await settled();
  assert.deepEqual([begun.map(({ item }) => item), waiting()], [["a", "b"], ["c"]]);
});

test("what was taken off, or waited for one that failed, is not worked on; what is added afterwards is", async () => {
  /** @type {number[]} */
  let ids = [];
  /** @type {string[]} */
  const done = [];
  const queue = new Queue(
    async (/** @type {string} */ item) => {
      done.push(item);
      await settled();
      return item !== "fails";
    },
    (items) => {
      ids = items.map(({ id }) => id);
    },
  );
  queue.add("a", "off", "fails", "never");
  queue.remove(ids[0] ?? 0);
  await settled();
  await settled();
  await settled();
  await settled();
  queue.add("later");
  await settled();
  assert.deepEqual(done, ["a", "fails", "later"]);
});

test("cleared, it ends with what it is at", async () => {
  const { queue, begun, waiting } = held();
  queue.add("a", "b");
  queue.clear();
  begun[0]?.end(true);
  await settled();
  assert.deepEqual([begun.length, waiting()], [1, []]);
});
