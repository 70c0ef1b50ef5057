//! Link-time constructors, run exactly once.
//!
//! CubeCL registers its operations in link-time constructors. Where nothing in the module calls `__wasm_call_ctors`,
//! wasm-ld makes every export call it, among them those that wasm-bindgen calls for each JavaScript object: all constructors
//! then run again and again, which costs milliseconds for each GPU operation. One explicit call makes wasm-ld leave it be.

use std::sync::atomic::{AtomicU32, Ordering};

use wasm_bindgen::prelude::*;

static RUNS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count() {
    RUNS.fetch_add(1, Ordering::Relaxed);
}

#[used]
#[unsafe(link_section = ".init_array")]
static COUNT: extern "C" fn() = count;

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Runs the constructors, if nothing has.
pub(super) fn run_once() {
    if constructor_runs() == 0 {
        // SAFETY: what wasm-ld makes of the constructors takes no arguments and returns nothing, and has not run.
        unsafe { __wasm_call_ctors() }
    }
}

/// How often the constructors have run, for a test.
#[doc(hidden)]
#[wasm_bindgen(js_name = constructorRuns)]
pub fn constructor_runs() -> u32 {
    RUNS.load(Ordering::Relaxed)
}
