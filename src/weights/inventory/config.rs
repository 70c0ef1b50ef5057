//! Reading a component's `config.json`, with bounds on what it may claim.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::weights::ComponentName;
use crate::{Error, Result};

/// The widest layer a config may claim, the most layers and the most levels: far above SDXL's, far below what would
/// exhaust memory.
const MAX_WIDTH: u64 = 1 << 20;
const MAX_LAYERS: u64 = 64;
const MAX_LEVELS: usize = 8;

/// Reads the fields that decide a component's tensors.
pub(crate) fn read<T: DeserializeOwned>(component: ComponentName, config: &Value) -> Result<T> {
    check_numbers(component, config)?;
    T::deserialize(config).map_err(|source| bad(component, "config.json", source.to_string()))
}

/// Bounds every number of a config, at the top or in a list, so that no arithmetic on them can overflow.
fn check_numbers(component: ComponentName, config: &Value) -> Result<()> {
    for (field, value) in config.as_object().into_iter().flatten() {
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let max = if field.contains("layers") {
            MAX_LAYERS
        } else {
            MAX_WIDTH
        };
        if values.len() > MAX_LEVELS {
            return Err(bad(
                component,
                field,
                format!("has more than {MAX_LEVELS} entries"),
            ));
        }
        if values.iter().filter_map(Value::as_u64).any(|n| n > max) {
            return Err(bad(component, field, format!("is more than {max}")));
        }
    }
    Ok(())
}

pub(super) fn bad(component: ComponentName, field: &str, problem: impl Into<String>) -> Error {
    Error::BadConfig {
        component: component.to_string(),
        field: field.into(),
        problem: problem.into(),
    }
}
