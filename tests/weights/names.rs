//! The rules of `names.rs` and `inventory` against the published models' own tables.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use sdxl_web::weights::names::{Change, kind_of_single_file, single_file_map};
use sdxl_web::weights::{ComponentName, Kind};
use serde::Deserialize;
use serde_json::Value;

/// Single-file name and shape, component, folder name and shape, operation.
type Row = (String, Vec<usize>, String, String, Vec<usize>, String);

/// Every tensor of a published model.
#[derive(Deserialize)]
struct Table {
    unused: Vec<String>,
    rows: Vec<Row>,
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn table(kind: &str) -> Table {
    let file = fs::File::open(project().join("tests/fixtures/sdxl-tensors.json.gz")).unwrap();
    let mut tables: Value = serde_json::from_reader(GzDecoder::new(file)).unwrap();
    serde_json::from_value(tables[kind].take()).unwrap()
}

fn operation(change: Change) -> String {
    match change {
        Change::Copy => "copy".into(),
        Change::Transpose => "transpose".into(),
        Change::Conv1x1 => "conv1x1".into(),
        Change::Third(i) => format!("rows {i}/3"),
    }
}

fn covers(kind: Kind, folder: &str, count: usize) {
    let table = table(folder);
    assert_eq!(table.rows.len(), count);
    let expected: BTreeSet<_> = table.rows.into_iter().collect();
    let mut actual = BTreeSet::new();
    for component in ComponentName::ALL {
        let path = project()
            .join("www/models/sdxl")
            .join(folder)
            .join(component.as_str())
            .join("config.json");
        let Ok(config) = fs::read(path) else { continue };
        let config = serde_json::from_slice(&config).unwrap();
        for (spec, origin) in single_file_map(kind, component, &config).unwrap() {
            let operation = operation(origin.change);
            let row = (
                origin.name,
                origin.shape,
                component.to_string(),
                spec.name,
                spec.shape,
                operation,
            );
            assert!(actual.insert(row.clone()), "twice: {row:?}");
        }
    }
    let missing: Vec<_> = expected.difference(&actual).collect();
    let wrong: Vec<_> = actual.difference(&expected).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "missing {missing:#?}, wrong {wrong:#?}"
    );
}

#[test]
fn every_tensor_of_the_published_base_has_its_name_shape_and_change() {
    covers(Kind::Base, "base", 2641);
}

#[test]
fn every_tensor_of_the_published_refiner_has_its_name_shape_and_change() {
    covers(Kind::Refiner, "refiner", 1985);
}

#[test]
fn tells_base_refiner_and_strangers_apart_by_their_names() {
    for (folder, kind) in [("base", Kind::Base), ("refiner", Kind::Refiner)] {
        let table = table(folder);
        let names = table
            .rows
            .iter()
            .map(|row| row.0.as_str())
            .chain(table.unused.iter().map(String::as_str));
        assert_eq!(kind_of_single_file(names), Some(kind));
    }
    assert_eq!(
        kind_of_single_file(["model.diffusion_model.out.0.weight"]),
        None
    );
}
