//! Manifests that contradict themselves: each is refused, and says where.

use sdxl_web::Error;
use sdxl_web::weights::Manifest;
use serde_json::{Value, json};

fn honest() -> Value {
    json!({
        "format": 1, "name": "demo", "kind": "base", "pipeline": {"force_zeros_for_empty_prompt": true},
        "components": {
            "unet": {
                "config": {}, "files": [],
                "tensors": [
                    {"name": "conv_in.weight", "shape": [64, 3, 3, 4], "encoding": "f16", "offset": 0, "length": 4608},
                    {"name": "proj.weight", "shape": [2, 33], "encoding": "q8", "offset": 4608, "length": 136},
                ],
                "shards": [shard("unet-000.bin", 4000), shard("unet-001.bin", 752)],
            },
            "tokenizer": {
                "config": {}, "tensors": [], "files": [{"name": "vocab.json", "offset": 0, "length": 99}],
                "shards": [shard("tokenizer-000.bin", 112)],
            },
            "scheduler": {"config": {}, "tensors": [], "files": [], "shards": []},
        },
    })
}

fn shard(file: &str, length: u64) -> Value {
    json!({"file": file, "length": length, "stored_length": length, "compression": null, "sha256": "0a".repeat(32)})
}

#[track_caller]
fn refuses(pointer: &str, value: Value, place: &str) {
    let mut manifest = honest();
    *manifest
        .pointer_mut(pointer)
        .expect("the pointer leads somewhere") = value;
    let error = Manifest::parse(manifest.to_string().as_bytes()).expect_err("it was accepted");
    let Error::BadManifest { place: actual, .. } = &error else {
        panic!("{error}")
    };
    assert!(actual.contains(place), "{error} does not name {place}");
}

const TENSOR: &str = "/components/unet/tensors/1";
const SHARD: &str = "/components/unet/shards/1";

#[test]
fn accepts_an_honest_manifest_and_writes_it_back_unchanged() {
    let manifest = Manifest::parse(honest().to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::to_value(&manifest).unwrap(), honest());
    let shards: Vec<_> = manifest
        .shards()
        .iter()
        .map(|shard| shard.file.clone())
        .collect();
    assert_eq!(
        shards,
        ["tokenizer-000.bin", "unet-000.bin", "unet-001.bin"]
    );
}

#[test]
fn refuses_what_is_not_a_manifest() {
    for wrong in ["", "{", "[]", "null", r#"{"format":1}"#, "<!DOCTYPE html>"] {
        let error = Manifest::parse(wrong.as_bytes()).unwrap_err();
        assert!(
            matches!(
                &error,
                Error::BadManifest {
                    source: Some(_),
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn refuses_other_versions_kinds_components_and_encodings() {
    refuses("/format", json!(2), "format");
    refuses("/kind", json!("turbo"), "manifest.json");
    refuses(
        "/components",
        json!({"controlnet": honest()["components"]["scheduler"]}),
        "manifest.json",
    );
    refuses(&format!("{TENSOR}/encoding"), json!("q2"), "manifest.json");
}

#[test]
fn refuses_tensors_outside_their_shards() {
    for offset in [4624, 1 << 40, u64::MAX - 15] {
        refuses(
            &format!("{TENSOR}/offset"),
            json!(offset),
            "unet: tensor `proj.weight`",
        );
    }
    refuses(
        &format!("{TENSOR}/offset"),
        json!(8),
        "unet: tensor `proj.weight`",
    );
    refuses(&format!("{TENSOR}/offset"), json!(-16), "manifest.json");
    refuses(
        "/components/tokenizer/files/0/length",
        json!(113),
        "tokenizer: file `vocab.json`",
    );
    refuses(
        "/components/tokenizer/files/0/length",
        json!(u64::MAX),
        "tokenizer: file `vocab.json`",
    );
}

#[test]
fn refuses_lengths_that_are_not_the_shapes() {
    refuses(
        &format!("{TENSOR}/length"),
        json!(135),
        "unet: tensor `proj.weight`",
    );
    refuses(
        &format!("{TENSOR}/length"),
        json!(0),
        "unet: tensor `proj.weight`",
    );
    for shape in [
        json!([]),
        json!([0, 33]),
        json!([66]),
        json!([2, 33, 1, 1, 1]),
        json!([1u64 << 40, 1u64 << 40]),
    ] {
        refuses(
            &format!("{TENSOR}/shape"),
            shape,
            "unet: tensor `proj.weight`",
        );
    }
    refuses(&format!("{TENSOR}/shape"), json!([1e300]), "manifest.json");
}

#[test]
fn refuses_names_that_occur_twice() {
    refuses(
        &format!("{TENSOR}/name"),
        json!("conv_in.weight"),
        "unet: tensor `conv_in.weight`",
    );
    refuses(&format!("{TENSOR}/name"), json!(""), "unet: tensor");
    let twice =
        json!([{"name": "a", "offset": 0, "length": 1}, {"name": "a", "offset": 16, "length": 1}]);
    refuses("/components/tokenizer/files", twice, "tokenizer: file `a`");
    refuses(
        &format!("{SHARD}/file"),
        json!("tokenizer-000.bin"),
        "shard `tokenizer-000.bin`",
    );
}

#[test]
fn refuses_file_names_that_lead_elsewhere() {
    for name in [
        "",
        ".",
        "..",
        "../x.bin",
        "/etc/passwd",
        "a/b.bin",
        "a\\b.bin",
        "c:x",
        ".hidden",
        "a%2fb",
        "a?b",
        "ä",
    ] {
        refuses(&format!("{SHARD}/file"), json!(name), "unet: shard");
        refuses(
            "/components/tokenizer/files/0/name",
            json!(name),
            "tokenizer: file",
        );
    }
    refuses(
        &format!("{SHARD}/file"),
        json!("a".repeat(256)),
        "unet: shard",
    );
}

#[test]
fn refuses_shards_of_impossible_sizes() {
    for length in [0, (32 << 20) + 1, u64::MAX] {
        refuses(
            SHARD,
            shard("unet-001.bin", length),
            "unet: shard `unet-001.bin`",
        );
    }
    refuses(
        &format!("{SHARD}/stored_length"),
        json!(751),
        "unet: shard `unet-001.bin`",
    );
    let mut gzip = shard("unet-001.bin", 752);
    gzip["compression"] = json!("gzip");
    for stored in [0, 753] {
        gzip["stored_length"] = json!(stored);
        refuses(SHARD, gzip.clone(), "unet: shard `unet-001.bin`");
    }
    gzip["compression"] = json!("zip");
    refuses(SHARD, gzip, "manifest.json");
}

#[test]
fn refuses_hashes_that_are_none() {
    for hash in [
        "",
        "0a",
        &"0A".repeat(32),
        &"zz".repeat(32),
        &"0a".repeat(33),
    ] {
        refuses(
            &format!("{SHARD}/sha256"),
            json!(hash),
            "unet: shard `unet-001.bin`",
        );
    }
}
