/** What is used of www/pkg/sdxl_web.js. That is built, so it may be missing where types are checked; and its own types leave more open. */

import type { BenchConfigs, BenchOptions, BenchResult, Bytes, DrawRequest, Forecast, ForecastPlan, Kind, Latents, LoraFacts, Manifests, Picture, ProgressEvent } from "../protocol.js";
import type { Files, Packing as Packed } from "./importer.js";
import type { PromptReaderClass } from "./prompt-readers.js";

type OnEvent = (event: ProgressEvent) => void;
type Location = { files: Files; file: string | null };
type SmallFiles = Pick<Files, "name" | "readWhole">;

export type Pixels = { width: number; height: number; data: Uint8Array | Uint8ClampedArray };
export type Inputs = { image: Pixels | null; mask: Pixels | null };

export type Generator = {
  readonly tuning: object;
  generate(request: DrawRequest, inputs: Inputs | null, onEvent: OnEvent, signal: AbortSignal): Promise<[Picture, ...Picture[]]>;
  decode(latents: Latents, onEvent: OnEvent, signal: AbortSignal): Promise<[Picture, ...Picture[]]>;
  setMemory(bytes: number | null): void;
  addLora(name: string, bytes: Uint8Array): LoraFacts;
  removeLora(name: string): void;
  free(): void;
};

export type GeneratorClass = {
  create(
    manifests: Manifests,
    readShard: (kind: Kind, file: string) => Promise<Uint8Array>,
    options: { tuning: object | null; precision: "f32" | "f16" | null },
    onEvent: OnEvent,
    signal: AbortSignal,
  ): Promise<Generator>;
};

export type Packing = Packed & { free(): void };

export type PackingClass = {
  create(
    options: { kind: Kind; name: string; scheme: string; components: string[] | null },
    ingredients: { checkpoint: Location; configs: SmallFiles | null; tokenizer: SmallFiles | null; vae: Location | null },
  ): Promise<Packing>;
};

/** What the module exports. */
export type EngineModule = {
  default(): Promise<{ memory: WebAssembly.Memory; __wbindgen_externrefs?: WebAssembly.Table }>;
  Generator: GeneratorClass;
  Packing: PackingClass;
  PromptReader: PromptReaderClass;
  loraFacts(name: string, json: Uint8Array, length: number): LoraFacts;
  bench(
    request: { options: BenchOptions & { adapter: string | null }; configs: BenchConfigs | null },
    onEvent: OnEvent,
    takePeak: () => number,
    signal: AbortSignal,
  ): Promise<BenchResult>;
  forecast(plan: ForecastPlan & { tuning: object | null }, onEvent: OnEvent, signal: AbortSignal): Promise<Forecast & { tuning: object }>;
  sizes(scheme: string): [Bytes, Bytes];
  on_panic(callback: (message: string) => void): void;
  on_reclaim(callback: () => void): void;
};

/** What is left of it once it runs. */
export type Engine = Pick<EngineModule, "Generator" | "Packing" | "PromptReader" | "loraFacts" | "bench" | "forecast" | "sizes">;
