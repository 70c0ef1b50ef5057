use js_sys::Function;
use serde::{Serialize, Serializer};
use wasm_bindgen::JsValue;
use web_sys::AbortSignal;

use super::to_js;
use crate::Image;
use crate::pipeline::{Event, Latents, Observer};

/// An observer on the other side of the boundary.
pub(super) struct JsObserver {
    on_event: Function,
    signal: AbortSignal,
}

impl JsObserver {
    pub fn new(on_event: Function, signal: AbortSignal) -> Self {
        Self { on_event, signal }
    }

    pub fn tell(&self, event: &impl Serialize) {
        // A callback that throws does not stop the work; the browser's console has the exception.
        let _ = to_js(event).and_then(|event| self.on_event.call1(&JsValue::NULL, &event));
    }
}

/// Small pictures, each with the pixels of a canvas.
#[derive(Serialize)]
struct PreviewEvent {
    r#type: &'static str,
    previews: Vec<Preview>,
}

#[derive(Serialize)]
struct Preview {
    width: usize,
    height: usize,
    #[serde(serialize_with = "serialize_bytes")]
    rgba: Vec<u8>,
}

impl Preview {
    fn of(image: &Image) -> Self {
        let pixels = image.rgb.as_chunks().0.iter();
        Self {
            width: image.width,
            height: image.height,
            rgba: pixels.flat_map(|&[r, g, b]| [r, g, b, u8::MAX]).collect(),
        }
    }
}

/// As bytes, not as a sequence: they become a `Uint8Array`.
fn serialize_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// What `Generator.decode` takes; the values are f32, the lowest byte first.
#[derive(Serialize)]
struct LatentsEvent {
    r#type: &'static str,
    shape: [usize; 4],
    #[serde(serialize_with = "serialize_bytes")]
    values: Vec<u8>,
}

impl Observer for JsObserver {
    fn event(&mut self, event: Event) {
        self.tell(&event);
    }

    fn wants_previews(&self) -> bool {
        true
    }

    fn preview(&mut self, images: &[Image]) {
        let previews: Vec<Preview> = images.iter().map(Preview::of).collect();
        self.tell(&PreviewEvent {
            r#type: "preview",
            previews,
        });
    }

    fn keeps_latents(&self) -> bool {
        true
    }

    fn denoised(&mut self, Latents { shape, values }: &Latents) {
        self.tell(&LatentsEvent {
            r#type: "latents",
            shape: *shape,
            values: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        });
    }

    fn is_cancelled(&self) -> bool {
        self.signal.aborted()
    }
}
