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
    (state) => {
      waiting = state.waiting.map(({ item }) => item);
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

test("what was taken off is not worked on", async () => {
  /** @type {number[]} */
  let ids = [];
  /** @type {string[]} */
  const done = [];
  const queue = new Queue(
    async (/** @type {string} */ item) => {
      done.push(item);
      await settled();
      return true;
    },
    ({ waiting }) => {
      ids = waiting.map(({ id }) => id);
    },
  );
  queue.add("a", "off", "b");
  queue.remove(ids[0] ?? 0);
  for (let i = 0; i < 4; i++) await settled();
  assert.deepEqual(done, ["a", "b"]);
  assert.ok(queue.isEmpty);
});

test("after one that fails the others wait, until it is tried again, or more are asked for, or somebody says so", async () => {
  for (const goOn of /** @type {((queue: Queue<string>) => void)[]} */ ([(queue) => queue.again("fails"), (queue) => queue.add("more"), (queue) => queue.resume()])) {
    const { queue, begun, waiting } = held();
    queue.add("fails", "b");
    begun[0]?.end(false);
    await settled();
    assert.deepEqual([begun.length, waiting(), queue.isEmpty], [1, ["b"], false]);
    goOn(queue);
    assert.equal(begun.length, 2);
    if (begun[1]?.item === "fails") begun[1].end(true);
    await settled();
    assert.equal(begun.at(-1)?.item, "b");
  }
});

test("cleared, it ends with what it is at", async () => {
  const { queue, begun, waiting } = held();
  queue.add("a", "b");
  queue.clear();
  begun[0]?.end(true);
  await settled();
  assert.deepEqual([begun.length, waiting()], [1, []]);
});
