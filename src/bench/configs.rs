//! The configs that the networks are built by: the published ones, or those of another model.

#[cfg(not(target_arch = "wasm32"))]
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::weights::ComponentName;
use crate::{Error, Result};

/// What `config.json` says of each component, and the model's name.
#[derive(Debug, Clone, Deserialize)]
pub struct Configs {
    /// For people.
    pub name: String,
    /// The base's UNet.
    pub unet: Value,
    /// The refiner's UNet, where there is a refiner.
    pub refiner: Option<Value>,
    /// The autoencoder.
    pub vae: Value,
    /// The noise schedule.
    pub scheduler: Value,
}

macro_rules! published {
    ($path:literal) => {
        include_str!(concat!("../../www/models/sdxl/", $path))
    };
}

impl Configs {
    /// SDXL 1.0's.
    pub fn published() -> Result<Self> {
        let unet = ComponentName::Unet;
        Ok(Self {
            name: "SDXL 1.0".into(),
            unet: parse(unet, published!("base/unet/config.json"))?,
            refiner: Some(parse(unet, published!("refiner/unet/config.json"))?),
            vae: parse(ComponentName::Vae, published!("base/vae/config.json"))?,
            scheduler: parse(
                ComponentName::Scheduler,
                published!("base/scheduler/scheduler_config.json"),
            )?,
        })
    }

    /// SDXL 1.0's first and second.
    pub(super) fn published_text_encoders() -> Result<[Value; 2]> {
        Ok([
            parse(
                ComponentName::TextEncoder,
                published!("base/text_encoder/config.json"),
            )?,
            parse(
                ComponentName::TextEncoder2,
                published!("base/text_encoder_2/config.json"),
            )?,
        ])
    }

    /// Those of a folder with `base` and, where there is one, `refiner`: folders that `pack` made, or diffusers' own.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read(folder: &Path) -> Result<Self> {
        let base = folder.join("base");
        let refiner = folder.join("refiner");
        let unet = ComponentName::Unet;
        Ok(Self {
            name: folder.display().to_string(),
            unet: read(&base, unet)?,
            refiner: refiner.exists().then(|| read(&refiner, unet)).transpose()?,
            vae: read(&base, ComponentName::Vae)?,
            scheduler: read(&base, ComponentName::Scheduler)?,
        })
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn read(model: &Path, component: ComponentName) -> Result<Value> {
    use crate::weights::Manifest;
    use crate::weights::manifest::MANIFEST_FILE;

    let text = |path: &Path| {
        std::fs::read_to_string(path).map_err(|source| Error::Io {
            action: "read",
            path: path.display().to_string(),
            source,
        })
    };
    let manifest = model.join(MANIFEST_FILE);
    if manifest.exists() {
        let manifest = Manifest::parse(text(&manifest)?.as_bytes())?;
        return Ok(manifest.component(component)?.config.clone());
    }
    let file = match component {
        ComponentName::Scheduler => "scheduler_config.json",
        _ => "config.json",
    };
    parse(
        component,
        &text(&model.join(component.as_str()).join(file))?,
    )
}

fn parse(component: ComponentName, json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|error| Error::BadConfig {
        component: component.to_string(),
        field: "config.json".into(),
        problem: error.to_string(),
    })
}
