//! safetensors files whose header lies.

use std::fs;
use std::rc::Rc;

use sdxl_web::Error;
use sdxl_web::Result;
use sdxl_web::weights::checkpoint::Checkpoint;
use sdxl_web::weights::disk::DiskFiles;
use tempfile::tempdir;

const FILE: &str = "model.safetensors";

fn open(bytes: &[u8]) -> Result<Checkpoint<DiskFiles>> {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join(FILE), bytes).unwrap();
    let files = Rc::new(DiskFiles::new(folder.path()));
    pollster::block_on(Checkpoint::open(&files, &[FILE.to_owned()]))
}

fn safetensors(json: &str, data: usize) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// The refusal of a file: its message, checked to name the file, and the tensor it names.
fn refusal(bytes: &[u8]) -> (String, Option<String>) {
    match open(bytes).unwrap_err() {
        Error::BadCheckpoint {
            file,
            tensor,
            problem,
            ..
        } => {
            assert!(file.ends_with(FILE));
            (problem, tensor)
        }
        other => panic!("not a BadCheckpoint: {other}"),
    }
}

#[track_caller]
fn refuses_tensor(json: &str, data: usize, problem: &str) {
    let (actual, tensor) = refusal(&safetensors(json, data));
    assert!(
        actual.contains(problem),
        "{actual:?} does not say {problem:?}"
    );
    assert_eq!(tensor.as_deref(), Some("b"));
}

const A: &str = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;

#[test]
fn accepts_an_honest_header() {
    let json = format!(
        r#"{{"__metadata__":{{"format":"pt"}},{A},"b":{{"dtype":"F16","shape":[3],"data_offsets":[8,14]}}}}"#
    );
    let checkpoint = open(&safetensors(&json, 14)).unwrap();
    assert_eq!(checkpoint.names().collect::<Vec<_>>(), ["a", "b"]);
    let (_, b) = checkpoint.tensor("b").unwrap();
    assert_eq!((b.start, b.length), (8 + json.len() as u64 + 8, 6));
    assert_eq!(b.shape, [3]);
}

#[test]
fn refuses_files_that_are_no_safetensors_files() {
    assert!(refusal(b"1234567").0.contains("7 bytes"));
    assert!(
        refusal(&u64::MAX.to_le_bytes())
            .0
            .contains("18446744073709551615")
    );
    assert!(refusal(&safetensors("{", 0)).0.contains("not valid"));
    assert!(refusal(&safetensors("[]", 0)).0.contains("not valid"));
    assert!(
        refusal(&safetensors(r#"{"a":7}"#, 0))
            .0
            .contains("not valid")
    );
}

#[test]
fn refuses_a_header_longer_than_the_file_before_making_room_for_it() {
    let mut bytes = 90_000_000u64.to_le_bytes().to_vec();
    bytes.extend(b"{}");
    assert!(
        refusal(&bytes)
            .0
            .contains("claims 90000000 bytes; the file has 10")
    );
}

#[test]
fn refuses_offsets_past_the_end_of_the_file() {
    refuses_tensor(
        &format!(r#"{{{A},"b":{{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}}}"#),
        12,
        "past the end",
    );
    let huge = u64::MAX;
    refuses_tensor(
        &format!(r#"{{{A},"b":{{"dtype":"F32","shape":[4],"data_offsets":[8,{huge}]}}}}"#),
        12,
        "past the end",
    );
}

#[test]
fn refuses_a_truncated_file() {
    let json = format!(r#"{{{A},"b":{{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}}}"#);
    let whole = safetensors(&json, 24);
    let (problem, tensor) = refusal(&whole[..whole.len() - 1]);
    assert!(problem.contains("past the end"), "{problem}");
    assert_eq!(tensor.as_deref(), Some("b"));
}

#[test]
fn refuses_bytes_that_belong_to_no_tensor() {
    assert!(
        refusal(&safetensors(&format!("{{{A}}}"), 9))
            .0
            .contains("its tensors end")
    );
    refuses_tensor(
        &format!(r#"{{{A},"b":{{"dtype":"U8","shape":[1],"data_offsets":[9,10]}}}}"#),
        10,
        "gap",
    );
}

#[test]
fn refuses_overlapping_tensors() {
    refuses_tensor(
        &format!(r#"{{{A},"b":{{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}}}"#),
        12,
        "overlaps",
    );
}

#[test]
fn refuses_offsets_that_end_before_they_start() {
    refuses_tensor(
        &format!(r#"{{{A},"b":{{"dtype":"F32","shape":[2],"data_offsets":[8,4]}}}}"#),
        8,
        "before they start",
    );
}

#[test]
fn refuses_a_shape_that_does_not_take_its_bytes() {
    refuses_tensor(
        &format!(r#"{{{A},"b":{{"dtype":"F32","shape":[2,2],"data_offsets":[8,16]}}}}"#),
        16,
        "not those of",
    );
    let overflow = "4294967296,4294967296,4294967296";
    refuses_tensor(
        &format!(r#"{{{A},"b":{{"dtype":"F32","shape":[{overflow}],"data_offsets":[8,8]}}}}"#),
        8,
        "not those of",
    );
}

#[test]
fn refuses_types_it_does_not_know() {
    refuses_tensor(
        &format!(r#"{{{A},"b":{{"dtype":"Q3","shape":[2],"data_offsets":[8,10]}}}}"#),
        10,
        "unknown type",
    );
}

#[test]
fn refuses_two_tensors_of_one_name() {
    assert!(
        refusal(&safetensors(&format!("{{{A},{A}}}"), 8))
            .0
            .contains("`a` occurs twice")
    );
}
