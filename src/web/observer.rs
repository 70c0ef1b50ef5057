use js_sys::Function;
use serde::Serialize;
use wasm_bindgen::JsValue;
use web_sys::AbortSignal;

use super::to_js;
use crate::pipeline::{Event, Observer};

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

impl Observer for JsObserver {
    fn event(&mut self, event: Event) {
        self.tell(&event);
    }

    fn is_cancelled(&self) -> bool {
        self.signal.aborted()
    }
}
