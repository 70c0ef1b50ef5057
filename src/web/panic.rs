//! Panics, told to the page: after one the module cannot go on, and its pending promises never settle.

use std::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::prelude::*;

thread_local! {
    static CALLBACK: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Calls `callback` with the message of a panic.
#[wasm_bindgen]
pub fn on_panic(
    #[wasm_bindgen(unchecked_param_type = "(message: string) => void")] callback: Function,
) {
    CALLBACK.set(Some(callback));
}

pub(super) fn install() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        // The cell may be in use if setting it is what panicked; nothing is left to be done about that, or about a callback
        // that throws.
        CALLBACK.with(|callback| {
            if let Ok(callback) = callback.try_borrow()
                && let Some(callback) = &*callback
            {
                let _ = callback.call1(&JsValue::NULL, &info.to_string().into());
            }
        });
    }));
}
