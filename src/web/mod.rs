//! The boundary to JavaScript: one class, [`Generator`]. In here, values are only parsed and handed on; nothing outside
//! this folder knows the browser.

mod constructors;
mod observer;
mod panic;
mod shard_source;

use std::collections::BTreeSet;

use burn::tensor::Device;
use js_sys::{Error as JsError, Function, JSON, Promise, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::kernels::self_test;
use crate::pipeline::Model;
use crate::weights::manifest::TensorEntry;
use crate::weights::{Encoding, Manifest};
use crate::{Error, Pipeline, Request, device};

pub use constructors::constructor_runs;
use observer::JsObserver;

use shard_source::JsShardSource;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export type ReadShard = (kind: "base" | "refiner", file: string) => Promise<Uint8Array>;
export interface Manifests { base: object; refiner: object | null; }
export interface Adapter { name: string; backend: string; features: string[]; maxBufferSize: number; maxStorageBufferBindingSize: number; }
export interface Picture { width: number; height: number; rgba: Uint8Array; png: Uint8Array; }
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
    adapter: Adapter,
}

/// What a picture is computed on.
#[doc(hidden)]
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adapter {
    name: String,
    backend: String,
    features: Vec<String>,
    max_buffer_size: u64,
    max_storage_buffer_binding_size: u64,
}

#[wasm_bindgen]
impl Generator {
    /// Opens the GPU, reads the configs and tokenizers of the models, and tests the kernels. `read_shard` gives the
    /// plain bytes of a shard, checked against the manifest's hash.
    pub async fn create(
        #[wasm_bindgen(unchecked_param_type = "Manifests")] manifests: JsValue,
        #[wasm_bindgen(js_name = readShard, unchecked_param_type = "ReadShard")]
        read_shard: Function,
    ) -> Result<Generator, JsValue> {
        let (device, adapter) = open_gpu().await.map_err(into_js)?;
        let mut encodings = BTreeSet::new();
        let mut open = async |kind: &'static str| -> Result<Option<Model<JsShardSource>>, JsValue> {
            let manifest = Reflect::get(&manifests, &kind.into())?;
            if manifest.is_null() || manifest.is_undefined() {
                return Ok(None);
            }
            let json = String::from(JSON::stringify(&manifest)?);
            let manifest = Manifest::parse(json.as_bytes()).map_err(into_js)?;
            check_tensors_fit(&manifest, &adapter).map_err(into_js)?;
            encodings.extend(tensors(&manifest).map(|tensor| tensor.encoding));
            let source = JsShardSource::new(kind, read_shard.clone());
            Model::open(manifest, source)
                .await
                .map(Some)
                .map_err(into_js)
        };
        let base = open("base").await?.ok_or_else(|| {
            into_js(Error::BadManifest {
                place: "base".into(),
                problem: "there is none".into(),
                source: None,
            })
        })?;
        let refiner = open("refiner").await?;
        // Only those that will be used: compiling a kernel is slow, and these are compiled for good.
        let encodings: Vec<Encoding> = encodings.into_iter().collect();
        self_test(&device, &encodings).await.map_err(into_js)?;
        let pipeline = Pipeline::new(base, refiner, device).map_err(into_js)?;
        Ok(Self { pipeline, adapter })
    }

    /// What the picture is computed on.
    #[wasm_bindgen(unchecked_return_type = "Adapter")]
    pub fn adapter(&self) -> Result<JsValue, JsValue> {
        to_js(&self.adapter)
    }

    /// Draws the picture of a request (see `request.rs`), tells `on_event` how it goes on (see `progress.rs`), and stops
    /// between steps when `signal` is aborted.
    #[wasm_bindgen(unchecked_return_type = "Picture")]
    pub async fn generate(
        &self,
        request: JsValue,
        #[wasm_bindgen(js_name = onEvent)] on_event: Function,
        signal: AbortSignal,
    ) -> Result<JsValue, JsValue> {
        let request: Request = serde_wasm_bindgen::from_value(request).map_err(|error| {
            into_js(Error::BadRequest {
                field: "request",
                problem: error.to_string(),
            })
        })?;
        let mut observer = JsObserver::new(on_event, signal);
        let image = self
            .pipeline
            .generate(&request, &mut observer)
            .await
            .map_err(into_js)?;
        let png = image.to_png().map_err(into_js)?;
        let picture = js_sys::Object::new();
        let set = |name: &str, value: JsValue| Reflect::set(&picture, &name.into(), &value);
        set("width", image.width.into())?;
        set("height", image.height.into())?;
        set("rgba", Uint8Array::from(image.to_rgba().as_slice()).into())?;
        set("png", Uint8Array::from(png.as_slice()).into())?;
        Ok(picture.into())
    }
}

thread_local! {
    /// CubeCL opens an adapter once and for all.
    static GPU: std::cell::RefCell<Option<(Device, Adapter)>> = const { std::cell::RefCell::new(None) };
}

/// The GPU of this worker.
#[doc(hidden)]
pub async fn open_gpu() -> crate::Result<(Device, Adapter)> {
    if let Some(gpu) = GPU.with_borrow(Clone::clone) {
        return Ok(gpu);
    }
    let (device, setup) = device::open().await?;
    let (info, limits) = (setup.adapter.get_info(), setup.device.limits());
    let adapter = Adapter {
        name: info.name,
        backend: info.backend.to_string(),
        features: setup
            .device
            .features()
            .iter_names()
            .map(|(name, _)| name.to_owned())
            .collect(),
        max_buffer_size: limits.max_buffer_size,
        max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
    };
    GPU.set(Some((device.clone(), adapter.clone())));
    Ok((device, adapter))
}

fn tensors(manifest: &Manifest) -> impl Iterator<Item = &TensorEntry> {
    manifest
        .components
        .values()
        .flat_map(|component| &component.tensors)
}

fn check_tensors_fit(manifest: &Manifest, adapter: &Adapter) -> crate::Result<()> {
    let needed = tensors(manifest)
        .map(|tensor| tensor.length)
        .max()
        .unwrap_or_default();
    let available = adapter
        .max_storage_buffer_binding_size
        .min(adapter.max_buffer_size);
    if needed > available {
        return Err(Error::LimitTooSmall {
            limit: "maxStorageBufferBindingSize",
            needed,
            available,
        });
    }
    Ok(())
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    Ok(value.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
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
