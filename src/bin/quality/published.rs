//! What a scheme makes of the size of SDXL's published base.

use sdxl_web::weights::ComponentName::{self, TextEncoder, TextEncoder2, Unet, Vae};
use sdxl_web::weights::inventory::tensors_of;
use sdxl_web::{Error, Result};
use serde_json::Value;

use super::scheme::Scheme;

macro_rules! config {
    ($component:literal) => {
        include_str!(concat!(
            "../../../www/models/sdxl/base/",
            $component,
            "/config.json"
        ))
    };
}

const CONFIGS: [(ComponentName, &str); 4] = [
    (TextEncoder, config!("text_encoder")),
    (TextEncoder2, config!("text_encoder_2")),
    (Unet, config!("unet")),
    (Vae, config!("vae")),
];

/// The published config of a component.
pub fn config(component: ComponentName) -> Result<Value> {
    let json = CONFIGS.iter().find(|(name, _)| *name == component);
    let (_, json) = json.ok_or_else(|| bad(component, "there is none".into()))?;
    serde_json::from_str(json).map_err(|error| bad(component, error.to_string()))
}

/// An error about a published config.
pub fn bad(component: ComponentName, problem: String) -> Error {
    Error::BadConfig {
        component: component.to_string(),
        field: "config.json".into(),
        problem,
    }
}

/// Size of all weights.
pub fn gigabytes(scheme: &Scheme) -> Result<f64> {
    let mut bytes = 0;
    for (component, _) in CONFIGS {
        for spec in tensors_of(component, &config(component)?)? {
            let encoding = scheme.encoding(component, &spec);
            bytes += encoding.byte_len(&spec.shape).unwrap_or_default();
        }
    }
    Ok(bytes as f64 / 1e9)
}
