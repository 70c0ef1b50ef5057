//! The LoRAs that requests may name.

use super::{Model, Pipeline};
use crate::lora::{Adapters, FittedLora, Lora};
use crate::request::{LoraUse, Request};
use crate::weights::source::ShardSource;
use crate::{Error, Result};

/// A LoRA, and which of the two models it is for.
pub(super) struct LoadedLora {
    fitted: FittedLora,
    refines: bool,
}

impl<S: ShardSource> Pipeline<S> {
    /// Makes a LoRA known, in place of one of the same name. One that does not fit the base is taken to be for the refiner.
    pub fn add_lora(&mut self, lora: &Lora) -> Result<()> {
        let loaded = match (self.base.fit(lora), &self.refiner) {
            (Ok(fitted), _) => LoadedLora {
                fitted,
                refines: false,
            },
            (Err(error), None) => return Err(error),
            (Err(error), Some(refiner)) => LoadedLora {
                fitted: refiner.fit(lora).map_err(|_| error)?,
                refines: true,
            },
        };
        self.remove_lora(lora.name());
        self.loras.push(loaded);
        Ok(())
    }

    /// Forgets a LoRA.
    pub fn remove_lora(&mut self, name: &str) {
        self.loras.retain(|known| known.fitted.name() != name);
    }

    /// What a request adds to the weights of a model.
    pub(super) fn adapters(&self, model: &Model<S>, request: &Request) -> Adapters<'_> {
        let refines = !std::ptr::eq(model, &self.base);
        let mut adapters = Adapters::default();
        for wanted in &request.loras {
            let named = |known: &&LoadedLora| known.fitted.name() == wanted.name;
            if let Some(known) = self
                .loras
                .iter()
                .find(named)
                .filter(|known| known.refines == refines)
            {
                adapters.add(&known.fitted, wanted.weight);
            }
        }
        adapters
    }

    pub(super) fn check_loras(&self, request: &Request) -> Result<()> {
        for LoraUse { name, .. } in &request.loras {
            let known = self.loras.iter().find(|known| known.fitted.name() == name);
            let problem = match known {
                None => format!("`{name}` is not loaded: load it first"),
                Some(known) if known.refines && request.refiner.is_none() => {
                    format!("`{name}` is for the refiner, which takes no part")
                }
                Some(known) if !known.refines && request.skip_base => {
                    format!("`{name}` is for the base, which takes no part")
                }
                Some(_) => continue,
            };
            let field = "loras";
            return Err(Error::BadRequest { field, problem });
        }
        for model in [Some(&self.base), self.refiner.as_ref()]
            .into_iter()
            .flatten()
        {
            self.check_tensor(self.adapters(model, request).largest_factor())?;
        }
        Ok(())
    }
}
