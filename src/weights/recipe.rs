//! What a packed model is made of, and finding it.

use std::rc::Rc;

use serde_json::Value;

use super::checkpoint::Checkpoint;
use super::files::{Files, Location};
use super::inventory::Spec;
use super::manifest::{ComponentName, Encoding, Kind};
use super::model_files::{ModelFiles, lender};
use super::names::Origin;
use crate::{Error, Result};

/// What to pack, and how.
#[derive(Debug)]
pub struct Recipe<F> {
    /// A diffusers folder or a single safetensors file.
    pub checkpoint: Location<F>,
    /// Base or refiner; found out where it is not given.
    pub kind: Option<Kind>,
    /// The model's name, for people.
    pub name: String,
    /// How weights are stored ([`super::scheme::encoding_of`]).
    pub scheme: Encoding,
    /// Which of a folder's weights are read where there are several.
    pub variant: Variant,
    /// Only these components; all that the model has where it is not given.
    pub components: Option<Vec<ComponentName>>,
    /// A folder with component configs, as diffusers publishes them.
    pub configs: Option<Rc<F>>,
    /// A folder with a tokenizer's vocabulary.
    pub tokenizer: Option<Rc<F>>,
    /// Where the autoencoder is taken from: a model, the autoencoder's folder, or a single file of either.
    pub vae: Option<Location<F>>,
    /// A model that the text encoders are taken from, and their tokenizers with them.
    pub text_encoders: Option<Location<F>>,
}

/// Published folders may hold their weights twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// As trained.
    Full,
    /// diffusers' `fp16`: half the bytes to read.
    Fp16,
}

/// The model, and what components are taken from instead.
pub(super) struct Ingredients<F> {
    pub(super) model: ModelFiles<F>,
    vae: Option<ModelFiles<F>>,
    text_encoders: Option<ModelFiles<F>>,
}

/// A component whose files were found and agree with its config.
pub(super) struct Found<F> {
    pub(super) name: ComponentName,
    pub(super) config: Value,
    pub(super) weights: Option<ComponentWeights<F>>,
}

/// The tensors of a component, each with its place in the checkpoint, where it has the right shape.
pub(super) struct ComponentWeights<F> {
    pub(super) checkpoint: Rc<Checkpoint<F>>,
    pub(super) tensors: Vec<(Spec, Origin)>,
}

impl<F: Files> Ingredients<F> {
    pub(super) async fn open(recipe: &Recipe<F>) -> Result<Self> {
        let Recipe {
            configs, variant, ..
        } = recipe;
        let model = ModelFiles::open(&recipe.checkpoint, configs, *variant, recipe.kind).await?;
        let mut lent = [None, None];
        for (lent, location) in lent.iter_mut().zip([&recipe.vae, &recipe.text_encoders]) {
            if let Some(location) = location {
                let part = ModelFiles::open_part(location, configs, *variant, model.kind()).await?;
                *lent = Some(part);
            }
        }
        let [vae, text_encoders] = lent;
        Ok(Self {
            model,
            vae,
            text_encoders,
        })
    }

    pub(super) fn of(&self, component: ComponentName) -> &ModelFiles<F> {
        let lent = match component {
            ComponentName::Vae => &self.vae,
            ComponentName::TextEncoder
            | ComponentName::TextEncoder2
            | ComponentName::Tokenizer
            | ComponentName::Tokenizer2 => &self.text_encoders,
            ComponentName::Scheduler | ComponentName::Unet => &None,
        };
        lent.as_ref().unwrap_or(&self.model)
    }

    /// The components that a recipe asks for.
    pub(super) async fn find(&self, recipe: &Recipe<F>) -> Result<Vec<Found<F>>> {
        let kind = self.model.kind();
        let (mut all, mut problems) = (Vec::new(), Vec::new());
        for name in ComponentName::ALL {
            let asked = recipe.components.as_ref().map(|only| only.contains(&name));
            if asked == Some(false) || asked.is_none() && !belongs(kind, name) {
                continue;
            }
            let files = self.of(name);
            let lacks = |problem: String| match asked == Some(true) || required(kind, name) {
                true => Err(files.bad(problem)),
                false => Ok(()),
            };
            let Some(config) = files.config(name).await? else {
                lacks(format!(
                    "there is no config for {name}: add it, or choose other --components"
                ))?;
                continue;
            };
            let weights = match name {
                ComponentName::Scheduler | ComponentName::Tokenizer | ComponentName::Tokenizer2 => {
                    None
                }
                _ => match files.weights(name, &config, &mut problems).await? {
                    None => {
                        lacks(format!("it has no {name}{}", lender(name)))?;
                        continue;
                    }
                    found => found,
                },
            };
            all.push(Found {
                name,
                config,
                weights,
            });
        }
        match problems.is_empty() {
            true => Ok(all),
            false => Err(Error::WrongTensors { problems }),
        }
    }
}

/// The refiner listens to the second encoder only.
fn belongs(kind: Kind, name: ComponentName) -> bool {
    kind == Kind::Base || !matches!(name, ComponentName::TextEncoder | ComponentName::Tokenizer)
}

/// The rest of a refiner may be the base's.
fn required(kind: Kind, name: ComponentName) -> bool {
    kind == Kind::Base || matches!(name, ComponentName::Unet | ComponentName::Scheduler)
}
