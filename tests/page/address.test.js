// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { locate } from "../../www/worker/address.js";

const HUB = "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/resolve/";

test("a repository of Hugging Face, a file of one, and what its site shows in the address bar", () => {
  const name = "stabilityai/stable-diffusion-xl-base-1.0";
  assert.deepEqual(locate(` ${name} `), { folder: `${HUB}main/`, file: null });
  assert.deepEqual(locate(`${name}/sd_xl_base_1.0.safetensors`), { folder: `${HUB}main/`, file: "sd_xl_base_1.0.safetensors" });
  assert.deepEqual(locate(`https://huggingface.co/${name}`), { folder: `${HUB}main/`, file: null });
  assert.deepEqual(locate(`https://huggingface.co/${name}/tree/fp16`), { folder: `${HUB}fp16/`, file: null });
  assert.deepEqual(locate(`https://huggingface.co/${name}/blob/main/unet/model.fp16.safetensors`), { folder: `${HUB}main/unet/`, file: "model.fp16.safetensors" });
  assert.deepEqual(locate(`https://huggingface.co/${name}/resolve/main/a.safetensors?download=true`), { folder: `${HUB}main/`, file: "a.safetensors" });
});

test("any other server's folder or file", () => {
  assert.deepEqual(locate("https://models.example/sdxl"), { folder: "https://models.example/sdxl/", file: null });
  assert.deepEqual(locate("http://127.0.0.1:8080/a/b%20c.safetensors"), { folder: "http://127.0.0.1:8080/a/", file: "b c.safetensors" });
});

test("what is neither is refused by name", () => {
  for (const text of ["", "sdxl", "file:///etc/passwd", "javascript:alert(1)", "https://"]) {
    assert.throws(() => locate(text), { name: "BadAddress" });
  }
});
