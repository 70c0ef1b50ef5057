// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { nameOf } from "../../www/page/place-field.js";

for (const [address, name] of /** @type {[string, string][]} */ ([
  ["latent-consistency/lcm-lora-sdxl", "lcm-lora-sdxl"],
  ["https://huggingface.co/latent-consistency/lcm-lora-sdxl/resolve/main/pytorch_lora_weights.safetensors?download=true", "lcm-lora-sdxl"],
  ["https://huggingface.co/latent-consistency/lcm-lora-sdxl/tree/main", "lcm-lora-sdxl"],
  ["somebody/several/blob/main/ink/pytorch_lora_weights.safetensors", "ink"],
  ["ByteDance/SDXL-Lightning/sdxl_lightning_8step_lora.safetensors", "sdxl_lightning_8step_lora"],
  ["https://example.org/loras/fox.safetensors#top", "fox"],
  ["pytorch_lora_weights.safetensors", "pytorch_lora_weights"],
  [".safetensors", "model"],
])) {
  test(`what is at "${address}" is called ${name}`, () => assert.equal(nameOf({ address }), name));
}
