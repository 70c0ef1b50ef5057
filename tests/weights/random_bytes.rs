//! Whatever bytes come in, the parsers answer: they never panic, never believe a wrong number, and never make room for what is
//! only claimed. A long run: `PROPTEST_CASES=1000000 cargo test --release --test weights random_bytes`.

use std::ops::Range;
use std::sync::OnceLock;

use proptest::prelude::*;
use safetensors::Dtype;
use sdxl_web::lora::Lora;
use sdxl_web::weights::Manifest;
use sdxl_web::weights::header::{Header, PREFIX, json_len};
use tempfile::tempdir;

use crate::allocations::largest_allocation;
use crate::lora::{pair, tiny_base};
use crate::tiny_model::{Tensor, safetensors_bytes};

const MANIFEST: &str = r#"{"format":1,"name":"n","kind":"base","pipeline":{},"components":{"vae":{"config":{},"tensors":[{"name":"a","shape":[2,33],"encoding":"q8","offset":16,"length":136}],"files":[],"shards":[{"file":"vae-000.bin","length":160,"sha256":"0000000000000000000000000000000000000000000000000000000000000000","compression":null,"stored_length":160}]}}}"#;
const HEADER: &str = r#"{"__metadata__":{"ss_base_model_version":"sdxl"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}"#;
const CASES: u32 = 2000;

/// What numbers, and the words between quotes, are replaced by.
const VALUES: [&str; 16] = [
    "0",
    "1",
    "7",
    "-1",
    "4294967296",
    "33554433",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "1e300",
    "null",
    "[]",
    "{}",
    "[0,0,0,0,0,0,0,0]",
    "\"F16\"",
    "\"\"",
];

/// What names of LoRA tensors are made of.
const FRAGMENTS: [&str; 24] = [
    "lora_unet_",
    "lora_te1_",
    "lora_te2_",
    "unet.",
    "text_encoder.",
    "text_encoder_2.",
    "text_model_encoder_layers_0_",
    "down_blocks_1_attentions_0",
    "down_blocks.1.attentions.0.",
    "_transformer_blocks_0_",
    "transformer_blocks.0.attn1.",
    "attn1_to_q",
    "to_q",
    ".processor.",
    ".",
    "_",
    "\u{e9}\u{4e2d}",
    ".lora_A.weight",
    ".lora_B.weight",
    ".lora_down.weight",
    ".lora_up.weight",
    "_lora.down.weight",
    ".alpha",
    ".hada_w1_a",
];

fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: asked.map_or(CASES, |cases| cases.parse().unwrap()),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Bytes changed, put in and left out here and there.
fn damaged(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        0..text.len(),
        prop_oneof![Just(b'9'), Just(b'-'), Just(b'0'), Just(b'"'), any::<u8>()],
        0..3u8,
    );
    prop::collection::vec(edit, 1..4).prop_map(move |edits| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte, action) in edits {
            let at = at.min(bytes.len() - 1);
            match action {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

/// Still JSON, but with other values in some places.
fn lying(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let places = values_of(text);
    let lies = prop::collection::btree_map(0..places.len(), prop::sample::select(&VALUES), 1..4);
    lies.prop_map(move |lies| {
        let mut json = text.to_owned();
        for (at, lie) in lies.into_iter().rev() {
            json.replace_range(places[at].clone(), lie);
        }
        json.into_bytes()
    })
}

/// Where numbers, and strings that are values, stand.
fn values_of(json: &str) -> Vec<Range<usize>> {
    let bytes = json.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = match bytes[at] {
            b'"' => 2 + json[at + 1..].find('"').unwrap(),
            digit if digit.is_ascii_digit() => {
                let rest = bytes[at..].iter();
                rest.take_while(|byte| byte.is_ascii_digit()).count()
            }
            _ => 0,
        };
        if length > 0 && bytes.get(at + length) != Some(&b':') {
            found.push(at..at + length);
        }
        at += length.max(1);
    }
    found
}

/// JSON becomes up to 32 bytes for each of its own (a list of zeros), and tables have a least size; claimed numbers become nothing.
fn within(input: usize, allocation: usize) {
    let limit = 32 * input + 4096;
    assert!(
        allocation <= limit,
        "{allocation} bytes at once for an input of {input}"
    );
}

fn check_manifest(bytes: &[u8]) {
    let (parsed, largest) = largest_allocation(|| Manifest::parse(bytes));
    within(bytes.len(), largest);
    let Ok(manifest) = parsed else {
        return;
    };
    for component in manifest.components.values() {
        for tensor in &component.tensors {
            assert!(tensor.offset + tensor.length <= component.stream_len());
            assert_eq!(tensor.encoding.byte_len(&tensor.shape), Some(tensor.length));
        }
    }
}

fn check_header(json: &[u8], file_len: u64) {
    let (parsed, largest) = largest_allocation(|| Header::parse("x.safetensors", json, file_len));
    within(json.len(), largest);
    let Ok(header) = parsed else {
        return;
    };
    let bytes: u64 = header.tensors.values().map(|info| info.length).sum();
    assert_eq!(PREFIX + json.len() as u64 + bytes, file_len);
}

fn check_lora(bytes: Vec<u8>) {
    static BASE: OnceLock<Manifest> = OnceLock::new();
    let length = bytes.len();
    let (parsed, largest) = largest_allocation(|| Lora::parse("x", bytes));
    within(length, largest);
    if let Ok(lora) = parsed {
        // Fitted or refused: either is an answer.
        let _ = lora.fit(BASE.get_or_init(|| tiny_base(tempdir().unwrap().path())));
    }
}

/// A file with this header, and bytes behind it.
fn file(json: &[u8], data: &[u8]) -> Vec<u8> {
    let length = (json.len() as u64).to_le_bytes();
    [&length, json, data].concat()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn manifests_of_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_manifest(&bytes);
    }

    #[test]
    fn manifests_with_random_damage(bytes in damaged(MANIFEST)) {
        check_manifest(&bytes);
    }

    #[test]
    fn manifests_with_other_values(bytes in lying(MANIFEST)) {
        check_manifest(&bytes);
    }

    #[test]
    fn headers_of_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), file_len: u64) {
        check_header(&bytes, file_len);
        let prefix = file_len.rotate_left(7).to_le_bytes();
        if let Ok(length) = json_len("x.safetensors", prefix, file_len) {
            assert!(length + PREFIX <= file_len);
        }
    }

    #[test]
    fn headers_with_random_damage(bytes in damaged(HEADER), extra in -8i64..8) {
        let honest = PREFIX + bytes.len() as u64 + 32;
        check_header(&bytes, honest);
        check_header(&bytes, honest.wrapping_add_signed(extra));
    }

    #[test]
    fn headers_with_other_values(bytes in lying(HEADER), more in 0..64u64) {
        check_header(&bytes, PREFIX + bytes.len() as u64 + more);
    }

    #[test]
    fn loras_with_random_damage(at: prop::sample::Index, byte: u8, cut in 0..40usize) {
        let mut bytes = safetensors_bytes(&pair("a.lora_A.weight", "a.lora_B.weight"), Dtype::F32, None);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut);
        check_lora(bytes);
    }

    #[test]
    fn loras_with_other_values(json in lying(HEADER), data in prop::collection::vec(any::<u8>(), 0..64)) {
        check_lora(file(&json, &data));
    }

    #[test]
    fn loras_of_made_up_names(
        names in prop::collection::btree_set(prop::collection::vec(prop::sample::select(&FRAGMENTS), 1..6), 1..6),
        rank in 1..4usize,
        long in prop::sample::select(&[1, 32, 48]),
        form in 0..4u8,
    ) {
        let mut names: Vec<String> = names.into_iter().map(|parts| parts.concat()).collect();
        names.sort();
        names.dedup();
        let tensors: Vec<Tensor> = names.into_iter().enumerate().map(|(index, name)| {
            let shape = match (form, index % 2) {
                (0, _) => vec![],
                (1, _) => vec![rank],
                (_, 0) => vec![rank, long],
                _ => vec![long, rank],
            };
            let values = vec![0.5; shape.iter().product()];
            Tensor { name, shape, values }
        }).collect();
        check_lora(safetensors_bytes(&tensors, Dtype::F32, None));
    }

    #[test]
    fn the_unharmed_text_is_accepted(_ in 0..1u8) {
        assert!(Manifest::parse(MANIFEST.as_bytes()).is_ok());
        assert!(Header::parse("x", HEADER.as_bytes(), PREFIX + HEADER.len() as u64 + 32).is_ok());
    }
}
