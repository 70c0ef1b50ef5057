//! The boundary to JavaScript: the classes [`Generator`], [`Packing`] and [`PromptReader`], and the function [`run_bench`]. In here, values are
//! only parsed and handed on; nothing outside this folder knows the browser.

mod bench;
mod constructors;
mod inputs;
mod memory;
mod observer;
mod packing;
mod panic;
mod prompt_reader;
mod shard_source;

use std::cell::RefCell;
use std::collections::BTreeSet;

use js_sys::{Array, Error as JsError, Function, JSON, Object, Promise, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::device::{self, Gpu};
use crate::kernels::{Preparation, Prepared, Tuning, prepare};
use crate::lora::{Lora, LoraHeader};
use crate::pipeline::{Event, Model, Observer, check_cancelled};
use crate::preset::Preset;
use crate::weights::{Encoding, Manifest};
use crate::{Error, Image, Pipeline, Precision, Request};

pub use bench::{run_bench, run_forecast, sizes};
pub use constructors::constructor_runs;
pub use memory::on_reclaim;
use observer::JsObserver;
pub use packing::Packing;
pub use prompt_reader::PromptReader;

use shard_source::JsShardSource;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export type ReadShard = (kind: "base" | "refiner", file: string) => Promise<Uint8Array>;
export interface Manifests { base: object; refiner: object | null; }
export interface EngineOptions {
  /** What `Generator.tuning` said on this GPU before; without it, or if it is of another version, it is found out anew. */
  tuning: object | null;
  /** What networks are computed in; without it, f16 where it is faster. */
  precision: "f32" | "f16" | null;
}
/** Pixels of a canvas: four bytes each, row by row. A mask is redrawn where it is light. */
export interface Pixels { width: number; height: number; data: Uint8Array | Uint8ClampedArray; }
export interface Inputs { image: Pixels | null; mask: Pixels | null; }
/** Images, height, width and channels of what the VAE decodes, and its f32 values, the lowest byte first. */
export interface Latents { shape: [number, number, number, number]; values: Uint8Array; }
export interface LoraFacts { triggerWords: string[]; baseModel: string | null; preset: object | null; }
export interface Picture { width: number; height: number; png: Uint8Array; }
"#;

/// Runs before everything else in the module; wasm-bindgen's test harness leaves it to the tests.
#[doc(hidden)]
#[wasm_bindgen(start)]
pub fn start() {
    constructors::run_once();
    panic::install();
}

/// A loaded model on the GPU of this worker.
#[wasm_bindgen]
pub struct Generator {
    pipeline: Pipeline<JsShardSource>,
    tuning: Tuning,
}

#[wasm_bindgen]
impl Generator {
    /// Opens the GPU, compiles and tests the kernels, and reads the configs and tokenizers of the models; tells `on_event` how
    /// it goes on, and stops between kernels when `signal` is aborted. `read_shard` gives the plain bytes of a shard, checked
    /// against the manifest's hash; it is not called before the kernels are ready.
    pub async fn create(
        #[wasm_bindgen(unchecked_param_type = "Manifests")] manifests: JsValue,
        #[wasm_bindgen(js_name = readShard, unchecked_param_type = "ReadShard")]
        read_shard: Function,
        #[wasm_bindgen(unchecked_param_type = "EngineOptions")] options: JsValue,
        #[wasm_bindgen(js_name = onEvent)] on_event: Function,
        signal: AbortSignal,
    ) -> Result<Generator, JsValue> {
        let base = manifest(&manifests, "base")?.ok_or_else(|| {
            into_js(Error::BadManifest {
                place: "base".into(),
                problem: "there is none".into(),
                source: None,
            })
        })?;
        let refiner = manifest(&manifests, "refiner")?;

        let gpu = open_gpu().await.map_err(into_js)?;
        // Only those that will be used: compiling a kernel is slow.
        let both = [Some(&base), refiner.as_ref()].into_iter().flatten();
        let encodings: BTreeSet<Encoding> = both.flat_map(Manifest::encodings).collect();
        let encodings: Vec<Encoding> = encodings.into_iter().collect();
        let EngineOptions { tuning, precision } = serde_wasm_bindgen::from_value(options)
            .map_err(|error| bad_request("options", &error.to_string()))?;
        let mut observer = JsObserver::new(on_event, signal);
        let preparation = Preparation {
            tuning: known_tuning(tuning),
            precision,
            encodings: &encodings,
            clock: &seconds,
            progress: &mut |done, all| {
                observer.event(Event::Compile { done, all });
                check_cancelled(&observer)
            },
        };
        let Prepared { tuning, precision } =
            prepare(&gpu.device, preparation).await.map_err(into_js)?;

        let open = async |kind: &'static str, manifest| {
            let source = JsShardSource::new(kind, read_shard.clone());
            Model::open(manifest, source).await.map_err(into_js)
        };
        let base = open("base", base).await?;
        let refiner = match refiner {
            Some(refiner) => Some(open("refiner", refiner).await?),
            None => None,
        };
        let pipeline = Pipeline::new(base, refiner, gpu.device)
            .and_then(|pipeline| pipeline.with_room(gpu.room))
            .and_then(|pipeline| pipeline.with_precision(precision))
            .map_err(into_js)?;
        Ok(Self { pipeline, tuning })
    }

    /// What was found out about the GPU, to be kept for the next time.
    #[wasm_bindgen(getter, unchecked_return_type = "object")]
    pub fn tuning(&self) -> Result<JsValue, JsValue> {
        to_js(&self.tuning)
    }

    /// Makes the LoRA of a safetensors file known under a name, which requests then use; refuses one that does not fit.
    #[wasm_bindgen(js_name = addLora, unchecked_return_type = "LoraFacts")]
    pub fn add_lora(&mut self, name: &str, bytes: Vec<u8>) -> Result<JsValue, JsValue> {
        let lora = Lora::parse(name, bytes).map_err(into_js)?;
        self.pipeline.add_lora(&lora).map_err(into_js)?;
        to_js(&LoraFacts::of(name, lora.header()))
    }

    /// Forgets a LoRA.
    #[wasm_bindgen(js_name = removeLora)]
    pub fn remove_lora(&mut self, name: &str) {
        self.pipeline.remove_lora(name);
    }

    /// Plans for a GPU that has so many bytes for networks, or for as many as nobody said otherwise; what does not fit is done
    /// in smaller portions, or refused.
    #[wasm_bindgen(js_name = setMemory)]
    pub fn set_memory(&mut self, bytes: Option<f64>) {
        let memory = bytes.map_or(device::DEFAULT_MEMORY, |bytes| bytes as u64);
        self.pipeline.set_memory(memory);
    }

    /// Draws the pictures of a request (see `request.rs`), from those of `inputs` if there are any, tells `on_event` how it
    /// goes on (see `progress.rs`), and stops, within a step too, when `signal` is aborted.
    #[wasm_bindgen(unchecked_return_type = "Picture[]")]
    pub async fn generate(
        &self,
        request: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Inputs | null")] inputs: JsValue,
        #[wasm_bindgen(js_name = onEvent)] on_event: Function,
        signal: AbortSignal,
    ) -> Result<Array, JsValue> {
        let request: Request = serde_wasm_bindgen::from_value(request)
            .map_err(|error| bad_request("request", &error.to_string()))?;
        let inputs = inputs::parse(&inputs).map_err(into_js)?;
        let mut observer = JsObserver::new(on_event, signal);
        let images = self
            .pipeline
            .generate(&request, &inputs, &mut observer)
            .await
            .map_err(into_js)?;
        images.iter().map(picture).collect()
    }

    /// Makes pictures of what the event `latents` of a run told.
    #[wasm_bindgen(unchecked_return_type = "Picture[]")]
    pub async fn decode(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Latents")] latents: JsValue,
        #[wasm_bindgen(js_name = onEvent)] on_event: Function,
        signal: AbortSignal,
    ) -> Result<Array, JsValue> {
        let latents = inputs::latents(&latents).map_err(into_js)?;
        let mut observer = JsObserver::new(on_event, signal);
        let images = self
            .pipeline
            .decode_again(&latents, &mut observer)
            .await
            .map_err(into_js)?;
        images.iter().map(picture).collect()
    }
}

/// What the header of a LoRA's file says (`json`, of a file of `length` bytes), before the rest is there; refuses what is no LoRA.
#[wasm_bindgen(js_name = loraFacts, unchecked_return_type = "LoraFacts")]
pub fn lora_facts(name: &str, json: &[u8], length: f64) -> Result<JsValue, JsValue> {
    let header = LoraHeader::parse(name, json, length as u64).map_err(into_js)?;
    to_js(&LoraFacts::of(name, &header))
}

fn manifest(manifests: &JsValue, kind: &str) -> Result<Option<Manifest>, JsValue> {
    let manifest = Reflect::get(manifests, &kind.into())?;
    if manifest.is_null() || manifest.is_undefined() {
        return Ok(None);
    }
    let json = String::from(JSON::stringify(&manifest)?);
    Manifest::parse(json.as_bytes()).map(Some).map_err(into_js)
}

/// `None` where it is of another version, or was never found out.
fn known_tuning(tuning: serde_json::Value) -> Option<Tuning> {
    let known = serde_json::from_value(tuning).ok();
    known.filter(|known: &Tuning| known.version == Tuning::VERSION)
}

#[derive(Deserialize)]
struct EngineOptions {
    tuning: serde_json::Value,
    precision: Option<Precision>,
}

/// What a LoRA's file says of itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoraFacts<'a> {
    trigger_words: Vec<String>,
    base_model: Option<&'a str>,
    preset: Option<Preset>,
}

impl<'a> LoraFacts<'a> {
    fn of(name: &str, header: &'a LoraHeader) -> Self {
        Self {
            trigger_words: header.trigger_words(),
            base_model: header.base_model(),
            preset: Preset::detect(name, header.metadata()),
        }
    }
}

fn picture(image: &Image) -> Result<Object, JsValue> {
    let png = image.to_png().map_err(into_js)?;
    let picture = Object::new();
    let set = |name: &str, value: JsValue| Reflect::set(&picture, &name.into(), &value);
    set("width", image.width.into())?;
    set("height", image.height.into())?;
    set("png", Uint8Array::from(png.as_slice()).into())?;
    Ok(picture)
}

thread_local! {
    /// CubeCL opens an adapter once and for all.
    static GPU: RefCell<Option<Gpu>> = const { RefCell::new(None) };
}

/// The GPU of this worker.
#[doc(hidden)]
pub async fn open_gpu() -> crate::Result<Gpu> {
    if let Some(gpu) = GPU.with_borrow(Clone::clone) {
        return Ok(gpu);
    }
    let gpu = device::open().await?;
    GPU.set(Some(gpu.clone()));
    Ok(gpu)
}

#[wasm_bindgen]
extern "C" {
    /// Milliseconds since the worker began.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn milliseconds() -> f64;
}

fn seconds() -> f64 {
    milliseconds() / 1e3
}

fn bad_request(field: &'static str, problem: &str) -> JsValue {
    let problem = problem.to_owned();
    into_js(Error::BadRequest { field, problem })
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    // A list of numbers for each picture's every byte is what JSON would make of them.
    Ok(value.serialize(&serializer.serialize_bytes_as_arrays(false))?)
}

/// A JavaScript `Error` whose name is the error's code.
fn into_js(error: Error) -> JsValue {
    let js = JsError::new(&error.to_string());
    js.set_name(error.code());
    if let Error::BadRequest { field, .. } = error {
        // A plain property of an object that was just made: it cannot be refused.
        let _ = Reflect::set(&js, &"field".into(), &field.into());
    }
    js.into()
}

/// What a promise of the page's was resolved or rejected with.
async fn settled(promise: JsValue) -> Result<JsValue, JsValue> {
    wasm_bindgen_futures::JsFuture::from(Promise::resolve(&promise)).await
}
