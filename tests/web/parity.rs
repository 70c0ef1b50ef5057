//! Cases of the reference set through WebGPU, one of each kind at least: the same code as `--test reference`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sdxl_web::kernels::{Tuning, tune};
use sdxl_web::web::{open_gpu, start};
use sdxl_web::weights::Manifest;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::cases::check::Check;
use super::cases::set::{Packed, Set, Shards};
use super::cases::{self, GROUPS};
use super::fixtures::{BASE, DUMPS, Files, REFINER, TOKENIZERS, find, unpack};

/// What is run of each group; software WebGPU is slow, and natively every case is run.
const CASES: [&str; 22] = [
    "t0",
    "base0",
    "refiner3",
    "timesteps",
    "plain",
    "odd",
    "block",
    "vae",
    "round_trip",
    "euler",
    "euler_karras",
    "dpmpp_2m_sde_karras",
    "unipc",
    "lcm",
    "add_noise_euler",
    "t2i_rescale",
    "t2i_dpmpp_2m_karras",
    "ensemble_base",
    "refiner_img2img",
    "inpaint_half",
    "lora",
    "w1",
];

/// Groups that need no GPU count for nothing here.
const OFF_THE_GPU: [&str; 2] = ["tokens", "rng"];

/// Fewer would not be one of each kind.
const LEAST_CASES: usize = 20;

#[wasm_bindgen_test]
async fn numbers_are_those_of_diffusers() {
    start();
    let device = open_gpu().await.unwrap().device;
    // The variants that GPUs run, whatever suits this adapter; the generator's pictures are drawn with those.
    tune(Tuning::default());
    let set = set().await;
    let mut compared = BTreeSet::new();
    let mut failed = Vec::new();
    for group in GROUPS {
        let mut check = Check::new(&set, device.clone()).only(|case| CASES.contains(&case));
        cases::run(group, &mut check).await;
        assert!(!check.rows.is_empty(), "{group}: nothing was compared");
        for row in check.rows {
            console_log!("{group} {} {}: {}", row.case, row.tensor, row.difference);
            if !OFF_THE_GPU.contains(&group) {
                compared.insert((group, row.case.clone()));
            }
            if !row.passed {
                failed.push(format!("{} {}: {}", row.case, row.tensor, row.difference));
            }
        }
    }
    console_log!("{} cases compared on the GPU", compared.len());
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(compared.len() >= LEAST_CASES, "{} cases", compared.len());
}

async fn set() -> Set {
    let mut base = packed(BASE).await;
    base.take_tokenizers(&packed(TOKENIZERS).await);
    Set {
        files: Box::new(|name| find(DUMPS, name).map(<[u8]>::to_vec)),
        base,
        refiner: packed(REFINER).await,
    }
}

async fn packed(files: &Files) -> Packed {
    let manifest = Manifest::parse(find(files, "manifest.json").unwrap()).unwrap();
    let mut shards = BTreeMap::new();
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".bin")) {
        shards.insert((*name).to_owned(), unpack(bytes).await.unwrap().to_vec());
    }
    let shards = Shards(Rc::new(shards));
    Packed { manifest, shards }
}
