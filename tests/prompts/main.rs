//! From what somebody types to what base and refiner are told.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test may fail, and is named by a sentence"
)]

mod random;
mod stage;

use std::path::Path;

use sdxl_web::pipeline::Model;
use sdxl_web::weights::Manifest;
use sdxl_web::weights::folder::FolderSource;

/// Half of the demo model, with its manifest as `change` leaves it.
fn demo(half: &str, change: impl FnOnce(&mut Manifest)) -> Model<FolderSource> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (source, mut manifest) =
        FolderSource::open(root.join("www/models/demo").join(half)).unwrap();
    change(&mut manifest);
    pollster::block_on(Model::open(manifest, source)).unwrap()
}
