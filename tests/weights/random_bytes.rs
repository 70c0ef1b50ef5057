//! Whatever bytes come in, the parsers answer; they never panic and never believe a wrong number.

use proptest::prelude::*;
use sdxl_web::weights::Manifest;
use sdxl_web::weights::header::{Header, PREFIX, json_len};

const MANIFEST: &str = r#"{"format":1,"name":"n","kind":"base","pipeline":{},"components":{"vae":{"config":{},"tensors":[{"name":"a","shape":[2,33],"encoding":"q8","offset":16,"length":136}],"files":[],"shards":[{"file":"vae-000.bin","length":160,"sha256":"0000000000000000000000000000000000000000000000000000000000000000","compression":null,"stored_length":160}]}}}"#;
const HEADER: &str = r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}"#;

fn mutated(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
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

fn check_manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else {
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
    let Ok(header) = Header::parse("x.safetensors", json, file_len) else {
        return;
    };
    let bytes: u64 = header.tensors.values().map(|info| info.length).sum();
    assert_eq!(PREFIX + json.len() as u64 + bytes, file_len);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn manifests_of_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_manifest(&bytes);
    }

    #[test]
    fn manifests_with_random_damage(bytes in mutated(MANIFEST)) {
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
    fn headers_with_random_damage(bytes in mutated(HEADER), extra in -8i64..8) {
        let honest = PREFIX + bytes.len() as u64 + 32;
        check_header(&bytes, honest);
        check_header(&bytes, honest.wrapping_add_signed(extra));
    }

    #[test]
    fn the_unharmed_text_is_accepted(_ in 0..1u8) {
        assert!(Manifest::parse(MANIFEST.as_bytes()).is_ok());
        assert!(Header::parse("x", HEADER.as_bytes(), PREFIX + HEADER.len() as u64 + 32).is_ok());
    }
}
