//! Which layer of a model each pair of a LoRA is for.
//!
//! A file's names are flattened, as kohya's are, and looked up among the flattened names of the model's own layers: no rule
//! about blocks is needed but that of the single-file checkpoints.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Lora;
use super::file::{Pair, bad, values};
use crate::Result;
use crate::weights::inventory::Role;
use crate::weights::names::{UNET, single_file_map};
use crate::weights::{ComponentName, Manifest, channels_last};

/// A LoRA and the layers of one model that it is for.
#[derive(Debug, Clone)]
pub struct FittedLora {
    name: String,
    bytes: Rc<Vec<u8>>,
    /// By component and the layer's name without `.weight`.
    pairs: BTreeMap<(ComponentName, String), Pair>,
}

/// One layer's addition in the layout of the packed weights: `scale * up · down`.
pub(super) struct Factors {
    pub rank: usize,
    /// `[rank, in]`, or `[rank, height, width, in]`.
    pub down: Vec<f32>,
    /// `[out, rank]`.
    pub up: Vec<f32>,
    /// The weight times alpha / rank, times what was taken out of the factors.
    pub scale: f32,
}

/// A layer that can be added to.
struct Layer {
    name: String,
    /// PyTorch's: `[out, in]` or `[out, in, height, width]`.
    shape: Vec<usize>,
}

/// Layers by component and flattened name.
type Layers = BTreeMap<(ComponentName, String), Rc<Layer>>;

/// How a module's name begins: kohya's, diffusers', and that of files in the UNet's single-file names.
const PREFIXES: [(&str, ComponentName); 7] = [
    ("lora_unet_", ComponentName::Unet),
    ("lora_te1_", ComponentName::TextEncoder),
    ("lora_te2_", ComponentName::TextEncoder2),
    ("unet.", ComponentName::Unet),
    ("text_encoder.", ComponentName::TextEncoder),
    ("text_encoder_2.", ComponentName::TextEncoder2),
    ("diffusion_model.", ComponentName::Unet),
];
/// What PEFT puts around a model.
const WRAPPER: &str = "base_model.model.";

impl Lora {
    /// Finds the layers of a model that this is for; each pair must have its layer.
    pub fn fit(&self, manifest: &Manifest) -> Result<FittedLora> {
        let layers = layers_of(manifest)?;
        let mut pairs = BTreeMap::new();
        let mut fault: Option<(&str, String)> = None;
        let mut faults = 0;
        for (module, pair) in &self.pairs {
            let problem = match find(&layers, module) {
                None => Some("is for a layer that this model does not have".into()),
                Some((component, layer)) => match pair.mismatch(&layer.shape) {
                    Some(problem) => Some(problem),
                    None => pairs
                        .insert((component, layer.name.clone()), pair.clone())
                        .map(|_| format!("is the second for the layer `{}`", layer.name)),
                },
            };
            if let Some(problem) = problem {
                faults += 1;
                fault.get_or_insert((module, problem));
            }
        }
        match fault {
            None => Ok(FittedLora {
                name: self.name().to_owned(),
                bytes: Rc::clone(&self.bytes),
                pairs,
            }),
            Some((module, problem)) => Err(bad(
                self.name(),
                Some(module.to_owned()),
                self.explained(problem, faults),
            )),
        }
    }

    fn explained(&self, mut problem: String, faults: usize) -> String {
        if faults > 1 {
            problem += &format!(" ({faults} of its {} pairs do not fit)", self.pairs.len());
        }
        if self.header.is_for_another_model() {
            let base = self
                .header
                .base_model()
                .unwrap_or("a model with one text encoder");
            problem += &format!("; it was made for {base}, not for SDXL");
        }
        problem
    }
}

impl FittedLora {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Values of both factors, by layer.
    pub(super) fn sizes(&self) -> impl Iterator<Item = (&(ComponentName, String), [u64; 2])> {
        let count = |shape: &[usize]| shape.iter().map(|&n| n as u64).product();
        let pairs = self.pairs.iter();
        pairs.map(move |(layer, pair)| {
            (layer, [&pair.down, &pair.up].map(|half| count(&half.shape)))
        })
    }

    /// The factors of a layer's addition, times `weight`.
    pub(super) fn factors(
        &self,
        component: ComponentName,
        layer: &str,
        weight: f64,
    ) -> Option<Factors> {
        let pair = self.pairs.get(&(component, layer.to_owned()))?;
        let mut down = values(&self.bytes, &pair.down)?;
        let mut up = values(&self.bytes, &pair.up)?;
        if let &[rank, input, height, width] = &pair.down.shape[..] {
            (down, _) = channels_last(down, [rank, input, height, width]);
        }
        let scale = pair.factor * weight * normalize(&mut down) * normalize(&mut up);
        Some(Factors {
            rank: pair.down.shape[0],
            down,
            up,
            scale: scale as f32,
        })
    }
}

/// Takes a power of two out of the values, so that the largest is between 1 and 2: then f16 holds what f16 held before, and
/// nothing that counts is so small that a GPU may take it for zero.
fn normalize(values: &mut [f32]) -> f64 {
    let largest = values.iter().fold(0f32, |max, v| max.max(v.abs()));
    let power = f64::from(largest).log2().floor().exp2();
    if !power.is_normal() {
        return 1.0;
    }
    for value in values {
        *value = (f64::from(*value) / power) as f32;
    }
    power
}

impl Pair {
    /// What is wrong with the factors for a layer whose weight has this shape.
    fn mismatch(&self, shape: &[usize]) -> Option<String> {
        let rank = self.down.shape[0];
        let mut down = shape.to_vec();
        down[0] = rank;
        // Trainers write the factors of linear layers as 1x1 convolutions, and the other way round.
        let bare = |shape: &[usize]| {
            let ones = shape.iter().rev().take_while(|&&n| n == 1).count();
            shape[..(shape.len() - ones).max(2)].to_vec()
        };
        let fits =
            bare(&self.down.shape) == bare(&down) && bare(&self.up.shape) == [shape[0], rank];
        (!fits).then(|| {
            let (down, up) = (&self.down.shape, &self.up.shape);
            format!("has the shapes {down:?} and {up:?}, for a layer of {shape:?}")
        })
    }
}

fn find<'a>(layers: &'a Layers, module: &str) -> Option<(ComponentName, &'a Layer)> {
    let unwrapped = module.strip_prefix(WRAPPER).unwrap_or(module);
    let prefix = PREFIXES
        .iter()
        .find_map(|&(prefix, component)| Some((component, unwrapped.strip_prefix(prefix)?)));
    // A UNet that was saved by itself has no prefix.
    let (component, name) = prefix.unwrap_or((ComponentName::Unet, unwrapped));
    let name = name.strip_prefix(WRAPPER).unwrap_or(name);
    let layer = layers.get(&(component, name.replace('.', "_")))?;
    Some((component, layer))
}

/// The layers of a model that LoRA knows, each under every name that files have for it.
fn layers_of(manifest: &Manifest) -> Result<Layers> {
    let mut layers = BTreeMap::new();
    for component in [
        ComponentName::Unet,
        ComponentName::TextEncoder,
        ComponentName::TextEncoder2,
    ] {
        let Some(config) = manifest.components.get(&component).map(|part| &part.config) else {
            continue;
        };
        for (spec, origin) in single_file_map(manifest.kind, component, config)? {
            let (Role::Linear | Role::Convolution, Some(name)) =
                (spec.role, spec.name.strip_suffix(".weight"))
            else {
                continue;
            };
            let mut names = vec![name];
            // diffusers' attention processors had no dropout behind the projection.
            names.extend(
                name.strip_suffix("to_out.0")
                    .map(|_| &name[..name.len() - 2]),
            );
            let single = origin.name.strip_prefix(UNET);
            names.extend(single.and_then(|name| name.strip_suffix(".weight")));
            let layer = Rc::new(Layer {
                name: name.to_owned(),
                shape: spec.shape.clone(),
            });
            for name in names {
                layers.insert((component, name.replace('.', "_")), Rc::clone(&layer));
            }
        }
    }
    Ok(layers)
}
