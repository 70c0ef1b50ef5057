//! Damaged shards: each is refused by name, with what was expected and what was found.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::write::GzEncoder;
use sdxl_web::Error;
use sdxl_web::error::ShardFault;
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::weights::manifest::{Compression, ShardEntry};
use sdxl_web::weights::sha256_hex;
use sdxl_web::weights::source::ShardSource;
use sdxl_web::weights::{ComponentName, Encoding};
use tempfile::{TempDir, tempdir};

use crate::tiny_model::{TinyModel, options, read_tensors, run};

/// A packed model with its vae in one shard, stored plain; and that shard.
fn packed() -> (TempDir, ShardEntry) {
    let (from, out) = (tempdir().unwrap(), tempdir().unwrap());
    run(&options(
        &TinyModel::base().write_folder(from.path()),
        out.path(),
        Encoding::Q8,
    ))
    .unwrap();
    let (source, mut manifest) = FolderSource::open(out.path()).unwrap();
    let shard = &mut manifest
        .components
        .get_mut(&ComponentName::Vae)
        .unwrap()
        .shards[0];
    let plain = pollster::block_on(source.read(shard)).unwrap();
    fs::write(out.path().join(&shard.file), &plain).unwrap();
    (shard.compression, shard.stored_length) = (None, shard.length);
    let shard = shard.clone();
    fs::write(
        out.path().join("manifest.json"),
        serde_json::to_vec(&manifest).unwrap(),
    )
    .unwrap();
    read_tensors(out.path(), ComponentName::Vae).unwrap();
    (out, shard)
}

fn fault(folder: &Path) -> ShardFault {
    match read_tensors(folder, ComponentName::Vae).unwrap_err() {
        Error::BadShard { file, fault } => {
            assert_eq!(file, "vae-000.bin");
            fault
        }
        other => panic!("not a BadShard: {other}"),
    }
}

#[test]
fn a_wrong_byte_is_found_by_the_hash() {
    let (folder, shard) = packed();
    let path = folder.path().join(&shard.file);
    let mut bytes = fs::read(&path).unwrap();
    bytes[1234] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let ShardFault::Hash { expected, actual } = fault(folder.path()) else {
        panic!("another fault")
    };
    assert_eq!((expected, actual), (shard.sha256, sha256_hex(&bytes)));
}

#[test]
fn a_truncated_shard_is_refused_by_its_length() {
    let (folder, shard) = packed();
    let path = folder.path().join(&shard.file);
    fs::write(&path, &fs::read(&path).unwrap()[..1000]).unwrap();
    let ShardFault::StoredLength { expected, actual } = fault(folder.path()) else {
        panic!("another fault")
    };
    assert_eq!((expected, actual), (shard.length, 1000));
}

#[test]
fn a_missing_shard_is_named() {
    let (folder, shard) = packed();
    fs::remove_file(folder.path().join(shard.file)).unwrap();
    assert!(
        matches!(fault(folder.path()), ShardFault::Unreadable(e) if e.kind() == std::io::ErrorKind::NotFound)
    );
}

#[test]
fn a_missing_manifest_is_named() {
    let folder = tempdir().unwrap();
    let error = FolderSource::open(folder.path()).unwrap_err();
    assert!(
        matches!(&error, Error::BadManifest { place, .. } if place.ends_with("manifest.json")),
        "{error}"
    );
    assert_eq!(error.code(), "BadManifest");
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// The fault in a gzip shard that is declared to be `length` zero bytes.
fn gzip_fault(stored: &[u8], length: u64) -> ShardFault {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("vae-000.bin"), stored).unwrap();
    let shard = ShardEntry {
        file: "vae-000.bin".into(),
        length,
        sha256: sha256_hex(&vec![0; length as usize]),
        compression: Some(Compression::Gzip),
        stored_length: stored.len() as u64,
    };
    let empty = r#"{"format":1,"name":"","kind":"base","components":{}}"#;
    fs::write(folder.path().join("manifest.json"), empty).unwrap();
    let (source, _) = FolderSource::open(folder.path()).unwrap();
    match pollster::block_on(source.read(&shard)).unwrap_err() {
        Error::BadShard { fault, .. } => fault,
        other => panic!("not a BadShard: {other}"),
    }
}

#[test]
fn a_gzip_bomb_unfolds_no_further_than_one_byte_past_its_declared_length() {
    let bomb = gzip(&vec![0; 8 << 20]);
    let ShardFault::Length { expected, actual } = gzip_fault(&bomb, 65536) else {
        panic!("another fault")
    };
    assert_eq!((expected, actual), (65536, 65537));
}

#[test]
fn compressed_data_that_ends_early_or_is_damaged_is_refused() {
    let whole = gzip(&vec![0; 65536]);
    let ShardFault::Length {
        expected: 131072,
        actual: 65536,
    } = gzip_fault(&whole, 131072)
    else {
        panic!("short")
    };
    assert!(matches!(
        gzip_fault(&whole[..whole.len() / 2], 65536),
        ShardFault::Compression(_)
    ));
    assert!(matches!(
        gzip_fault(b"not gzip at all", 65536),
        ShardFault::Compression(_)
    ));
}
