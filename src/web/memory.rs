//! Giving GPU memory back: see [`crate::device::on_reclaim`].

use std::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::device;

thread_local! {
    static CALLBACK: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Calls `callback` whenever this module has let go of GPU buffers. Those that it still uses are in its table of JavaScript
/// values, the export `__wbindgen_externrefs`; the others are to be destroyed.
#[wasm_bindgen]
pub fn on_reclaim(#[wasm_bindgen(unchecked_param_type = "() => void")] callback: Function) {
    CALLBACK.set(Some(callback));
    device::on_reclaim(reclaim);
}

fn reclaim() {
    CALLBACK.with_borrow(|callback| {
        if let Some(callback) = callback {
            // Memory that could not be given back is the garbage collector's.
            let _ = callback.call0(&JsValue::NULL);
        }
    });
}
