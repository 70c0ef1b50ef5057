//! What the page calls: the generator.

use js_sys::{Array, Function, JSON, Object, Promise, Reflect, Uint8Array};
use sdxl_web::Precision;
use sdxl_web::kernels::{Tuning, self_test, tune};
use sdxl_web::web::{Generator, constructor_runs, on_reclaim, open_gpu, start};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{AbortController, AbortSignal};

use super::fixtures::{BASE, DUMPS, Files, REFINER, TOKENIZERS, find, unpack};

#[wasm_bindgen(inline_js = r#"
export function lend(manifest, from) {
  for (const name of ["tokenizer", "tokenizer_2"]) manifest.components[name] = from.components[name];
}
// Bytes of the GPU buffers that were destroyed, and of those that there are; `destroyDropped` destroys all that are not among
// the engine's values.
export function countBuffers({ __wbindgen_externrefs: values }) {
  const sizes = new Map();
  const count = { destroyed: 0, live: () => [...sizes.values()].reduce((sum, size) => sum + size, 0) };
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    sizes.set(buffer, descriptor.size);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    count.destroyed += sizes.get(this) ?? 0;
    sizes.delete(this);
    return destroy.call(this);
  };
  count.destroyDropped = () => {
    const held = new Set(Array.from({ length: values.length }, (_, index) => values.get(index)));
    for (const buffer of sizes.keys()) if (!held.has(buffer)) buffer.destroy();
  };
  return count;
}
export function abortInAMoment(controller) {
  setTimeout(() => controller.abort());
}
"#)]
extern "C" {
    fn lend(manifest: &JsValue, from: &JsValue);
    #[wasm_bindgen(js_name = countBuffers)]
    fn count_buffers(exports: JsValue) -> Object;
    #[wasm_bindgen(js_name = abortInAMoment)]
    fn abort_in_a_moment(controller: &AbortController);
}

fn manifest(files: &Files) -> JsValue {
    let text = std::str::from_utf8(find(files, "manifest.json").unwrap()).unwrap();
    JSON::parse(text).unwrap()
}

fn manifests() -> JsValue {
    let base = manifest(BASE);
    lend(&base, &manifest(TOKENIZERS));
    object(&[("base", base), ("refiner", manifest(REFINER))])
}

/// Reads shards out of this file; every shard of the fixtures is compressed. `spoil` may change the plain bytes.
fn read_shard(spoil: fn(&str, Uint8Array) -> Uint8Array) -> Function {
    let read =
        Closure::<dyn Fn(String, String) -> Promise>::new(move |kind: String, file: String| {
            wasm_bindgen_futures::future_to_promise(async move {
                let files = if kind == "base" {
                    [BASE, TOKENIZERS]
                } else {
                    [REFINER, &[]]
                };
                let bytes = files.into_iter().find_map(|files| find(files, &file));
                let bytes = bytes.ok_or_else(|| {
                    JsValue::from(js_sys::Error::new(&format!("no shard {file}")))
                })?;
                Ok(spoil(&file, unpack(bytes).await?).into())
            })
        });
    read.into_js_value().unchecked_into()
}

fn object(entries: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in entries {
        Reflect::set(&object, &(*key).into(), value).unwrap();
    }
    object.into()
}

/// The request of a case of pipelines.json.
fn request(changes: &[(&str, JsValue)]) -> JsValue {
    let request = object(&[
        (
            "prompt",
            "a photograph of an astronaut riding a horse, 4k".into(),
        ),
        ("negativePrompt", JsValue::NULL),
        ("seed", 42.into()),
        ("steps", 8.into()),
        ("guidanceScale", 5.into()),
        ("height", 64.into()),
        ("width", 96.into()),
        ("refiner", JsValue::NULL),
    ]);
    for (key, value) in changes {
        Reflect::set(&request, &(*key).into(), value).unwrap();
    }
    request
}

fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap()
}

fn text(object: &JsValue, key: &str) -> String {
    get(object, key).as_string().unwrap_or_default()
}

fn number(object: &JsValue, key: &str) -> f64 {
    get(object, key).as_f64().unwrap()
}

async fn generator() -> Generator {
    generator_of(manifests(), |_, bytes| bytes).await.unwrap()
}

async fn generator_of(
    manifests: JsValue,
    spoil: fn(&str, Uint8Array) -> Uint8Array,
) -> Result<Generator, JsValue> {
    start();
    let options = object(&[("tuning", JsValue::NULL), ("precision", JsValue::NULL)]);
    let (events, on_event) = listener();
    let generator =
        Generator::create(manifests, read_shard(spoil), options, on_event, unaborted()).await?;
    let last = events.get(events.length() - 1);
    assert_eq!(text(&last, "type"), "compile");
    assert_eq!(number(&last, "done"), number(&last, "all"));
    Ok(generator)
}

fn unaborted() -> AbortSignal {
    AbortController::new().unwrap().signal()
}

/// Collects the events of a run.
fn listener() -> (Array, Function) {
    let events = Array::new();
    let push = Closure::<dyn Fn(JsValue)>::new({
        let events = events.clone();
        move |event| {
            events.push(&event);
        }
    });
    (events, push.into_js_value().unchecked_into())
}

/// The bytes of a tensor in the fixture.
fn expected(name: &str) -> &'static [u8] {
    let pictures = find(DUMPS, "pipelines.safetensors").unwrap();
    let (length, rest) = pictures.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&rest[..length]).unwrap();
    let offsets: [usize; 2] = serde_json::from_value(header[name]["data_offsets"].clone()).unwrap();
    &rest[length..][offsets[0]..offsets[1]]
}

/// At most one level off, in under 0.5 % of the values: the tolerance for a picture in f32.
fn assert_same_picture(picture: &JsValue, name: &str) {
    let png = get(picture, "png").unchecked_into::<Uint8Array>().to_vec();
    let mut reader = png::Decoder::new(std::io::Cursor::new(png))
        .read_info()
        .unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut rgb).unwrap();
    let expected = expected(name);
    assert_eq!(rgb.len(), expected.len());
    let off: Vec<u8> = rgb
        .iter()
        .zip(expected)
        .map(|(a, b)| a.abs_diff(*b))
        .filter(|d| *d > 0)
        .collect();
    let worst = off.iter().max().copied().unwrap_or_default();
    assert!(
        worst <= 1 && off.len() * 200 < rgb.len(),
        "{name}: {} of {} values off, by up to {worst}",
        off.len(),
        rgb.len()
    );
}

#[wasm_bindgen_test]
async fn constructors_run_once_however_many_exports_are_called() {
    start();
    start();
    // Each of these makes JavaScript objects, which goes through exports of the module.
    for i in 0..100 {
        let promise = Promise::resolve(&object(&[("i", i.into())]));
        assert_eq!(
            number(&JsFuture::from(promise).await.unwrap(), "i"),
            f64::from(i)
        );
    }
    assert_eq!(constructor_runs(), 1);
}

#[wasm_bindgen_test]
async fn every_kernel_in_every_encoding_gives_the_known_answer() {
    start();
    let device = open_gpu().await.unwrap().device;
    use sdxl_web::weights::Encoding::{F16, F32, Q4, Q8};
    for shared in [false, true] {
        tune(Tuning {
            shared,
            ..Tuning::default()
        });
        let (encodings, precisions) = ([F32, F16, Q8, Q4], [Precision::F32]);
        self_test(&device, &encodings, &precisions, &mut |_, _| Ok(()))
            .await
            .unwrap();
    }
}

#[wasm_bindgen_test]
async fn base_and_refiner_draw_what_diffusers_draws_and_give_their_memory_back() {
    let count = count_buffers(wasm_bindgen::exports());
    on_reclaim(get(&count, "destroyDropped").unchecked_into());
    let generator = generator().await;
    let (events, on_event) = listener();
    let pictures = generator
        .generate(request(&[]), JsValue::NULL, on_event, unaborted())
        .await
        .unwrap();
    let picture = pictures.get(0);
    assert_same_picture(&picture, "t2i_neg_none.image_u8");
    assert_eq!(
        (number(&picture, "width"), number(&picture, "height")),
        (96.0, 64.0)
    );
    let steps: Vec<f64> = events
        .iter()
        .filter(|e| text(e, "type") == "step")
        .map(|e| number(&e, "step"))
        .collect();
    assert_eq!(steps, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let previews: Vec<JsValue> = events
        .iter()
        .filter(|e| text(e, "type") == "preview")
        .collect();
    assert_eq!(previews.len(), steps.len());
    for preview in previews {
        let pictures: Array = get(&preview, "previews").unchecked_into();
        let picture = pictures.get(0);
        let rgba: Uint8Array = get(&picture, "rgba").dyn_into().unwrap();
        let pixels = number(&picture, "width") * number(&picture, "height");
        assert_eq!(f64::from(rgba.length()), 4.0 * pixels);
    }
    let mut kept = events.iter().filter(|e| text(e, "type") == "latents");
    let latents = kept.next().unwrap();
    let again = generator.decode(latents, listener().1, unaborted()).await;
    assert_same_picture(&again.unwrap().get(0), "t2i_neg_none.image_u8");
    assert!(kept.next().is_none());
    let stages: Vec<String> = events
        .iter()
        .filter(|e| text(e, "type") == "stage")
        .map(|e| text(&e, "stage"))
        .collect();
    assert_eq!(stages, ["text", "base", "decode"]);

    // The weights of this run: what the load events say was uploaded.
    let loaded: f64 = events
        .iter()
        .filter(|e| text(e, "type") == "load" && number(e, "bytes") == number(e, "total"))
        .map(|e| number(&e, "total"))
        .sum();
    let destroyed = number(&count, "destroyed");
    assert!(
        loaded > 2e6 && destroyed >= loaded,
        "{destroyed} bytes of buffers destroyed, {loaded} bytes of weights loaded"
    );
    // What is left are CubeCL's uniforms and staging buffers, however much came and went.
    let live = get(&count, "live").unchecked_into::<Function>();
    let live = live.call0(&count).unwrap().as_f64().unwrap();
    assert!(live < loaded, "{live} bytes of buffers are left");

    let refiner = object(&[("switchAt", 0.8.into())]);
    let pictures = generator
        .generate(
            request(&[("refiner", refiner)]),
            JsValue::NULL,
            listener().1,
            unaborted(),
        )
        .await
        .unwrap();
    let picture = pictures.get(0);
    assert_same_picture(&picture, "ensemble_refiner.image_u8");
}

#[wasm_bindgen_test]
async fn latents_that_are_none_are_refused_by_name() {
    let generator = generator().await;
    let shape: Array = [1.0, 8.0, 12.0, 4.0].map(JsValue::from).iter().collect();
    for latents in [
        JsValue::NULL,
        object(&[("shape", shape.clone().into())]),
        object(&[
            ("shape", "1x8x12x4".into()),
            ("values", Uint8Array::new_with_length(16).into()),
        ]),
        object(&[
            ("shape", shape.into()),
            ("values", Uint8Array::new_with_length(3).into()),
        ]),
    ] {
        let decoded = generator.decode(latents, listener().1, unaborted());
        let error = decoded.await.unwrap_err();
        assert_eq!(text(&error, "name"), "BadRequest");
        assert_eq!(text(&error, "field"), "latents");
    }
}

#[wasm_bindgen_test]
async fn what_was_found_out_about_the_gpu_is_taken_back() {
    let tuning = generator().await.tuning().unwrap();
    assert!(number(&tuning, "speed") > 0.0);
    let known = object(&[("tuning", tuning.clone()), ("precision", JsValue::NULL)]);
    let (read, events) = (read_shard(|_, bytes| bytes), listener().1);
    let again = Generator::create(manifests(), read, known, events, unaborted()).await;
    let again = again.unwrap().tuning().unwrap();
    // A speed measured anew would not be the same to the last digit.
    assert_eq!(JSON::stringify(&again), JSON::stringify(&tuning));
}

#[wasm_bindgen_test]
async fn a_run_aborted_after_a_step_begins_no_other() {
    let controller = AbortController::new().unwrap();
    let abort = Closure::<dyn Fn(JsValue)>::new({
        let controller = controller.clone();
        move |event| {
            if text(&event, "type") == "step" {
                controller.abort();
            }
        }
    });
    let (events, push) = listener();
    let both = Closure::<dyn Fn(JsValue)>::new(move |event: JsValue| {
        push.call1(&JsValue::NULL, &event).unwrap();
        abort
            .as_ref()
            .unchecked_ref::<Function>()
            .call1(&JsValue::NULL, &event)
            .unwrap();
    });
    let error = generator()
        .await
        .generate(
            request(&[]),
            JsValue::NULL,
            both.into_js_value().unchecked_into(),
            controller.signal(),
        )
        .await
        .unwrap_err();
    assert_eq!(text(&error, "name"), "AbortError");
    assert_eq!(
        events.iter().filter(|e| text(e, "type") == "step").count(),
        1
    );
}

#[wasm_bindgen_test]
async fn an_abort_within_a_step_does_not_wait_for_its_end() {
    let generator = generator().await;
    // Of a device so slow that a network waits between its parts. Only then does anything else get to run in this worker.
    tune(Tuning {
        speed: 1e7,
        ..Tuning::default()
    });
    let controller = AbortController::new().unwrap();
    let abort_soon = Closure::<dyn Fn(JsValue)>::new({
        let signal = controller.clone();
        move |event: JsValue| {
            let is_last = text(&event, "type") == "load"
                && text(&event, "component") == "unet"
                && number(&event, "bytes") == number(&event, "total");
            if is_last {
                abort_in_a_moment(&signal);
            }
            assert_ne!(text(&event, "type"), "step", "a step went on to its end");
        }
    });
    let run = generator.generate(
        request(&[]),
        JsValue::NULL,
        abort_soon.into_js_value().unchecked_into(),
        controller.signal(),
    );
    let error = run.await.unwrap_err();
    tune(Tuning::default());
    assert_eq!(text(&error, "name"), "AbortError");
}

#[wasm_bindgen_test]
async fn a_bad_request_names_its_field() {
    let error = generator()
        .await
        .generate(
            request(&[("width", 97.into())]),
            JsValue::NULL,
            listener().1,
            unaborted(),
        )
        .await
        .unwrap_err();
    assert_eq!(
        (
            text(&error, "name").as_str(),
            text(&error, "field").as_str()
        ),
        ("BadRequest", "width")
    );
    let error = generator()
        .await
        .generate("no object".into(), JsValue::NULL, listener().1, unaborted())
        .await
        .unwrap_err();
    assert_eq!(text(&error, "name"), "BadRequest");
}

#[wasm_bindgen_test]
async fn bad_models_are_refused_by_name() {
    let short = |file: &str, bytes: Uint8Array| {
        if file.starts_with("unet") {
            bytes.slice(0, 1000)
        } else {
            bytes
        }
    };
    let generator = generator_of(manifests(), short).await.unwrap();
    let error = generator
        .generate(request(&[]), JsValue::NULL, listener().1, unaborted())
        .await
        .unwrap_err();
    assert_eq!(text(&error, "name"), "BadShard");
    assert!(
        text(&error, "message").contains("unet-000.bin"),
        "{}",
        text(&error, "message")
    );

    let nothing = object(&[("base", Object::new().into()), ("refiner", JsValue::NULL)]);
    let error = generator_of(nothing, |_, bytes| bytes).await.err().unwrap();
    assert_eq!(text(&error, "name"), "BadManifest");
}
