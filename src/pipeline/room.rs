//! What of a run is on the GPU at once, decided before it begins: how many samples a forward takes, and how large the VAE's
//! strips are.

use super::{Model, Pipeline};
use crate::device::Room;
use crate::request::Request;
use crate::vae::VaeConfig;
use crate::weights::ComponentName;
use crate::weights::source::ShardSource;
use crate::{Error, Result};

impl<S: ShardSource> Pipeline<S> {
    /// Refuses models, and later requests, for which a device has no room; those that have it if less is done at once are
    /// computed so.
    pub fn with_room(mut self, room: Room) -> Result<Self> {
        self.room = room;
        for model in [Some(&self.base), self.refiner.as_ref()]
            .into_iter()
            .flatten()
        {
            self.check_tensor(model.largest_weight())?;
        }
        Ok(self)
    }

    /// Refuses a request that has no room, even in the smallest portions.
    pub(super) fn check_room(&self, request: &Request) -> Result<()> {
        let tokens = self.base.tokens();
        if !request.skip_base {
            self.samples_at_once(&self.base, request, tokens)?;
        }
        if let (Some(refiner), Some(_)) = (&self.refiner, request.refiner) {
            self.samples_at_once(refiner, request, tokens)?;
        }
        let size = [request.height, request.width];
        let Some(_) = self.strips(size)? else {
            let vae = self.vae();
            self.check_tensor(vae.largest_activation_of_strips(size, 1))?;
            let activations = vae.activations_of_strips(size, 1);
            return Err(self.too_large("decoding this picture", self.vae_weights()?, activations));
        };
        Ok(())
    }

    /// Samples that a UNet takes in one forward: at most those of a step, as many as there is room for. `tokens` is the length
    /// of the context.
    pub(super) fn samples_at_once(
        &self,
        model: &Model<S>,
        request: &Request,
        tokens: usize,
    ) -> Result<usize> {
        let adapters = self.adapters(model, request);
        let weights = model.weight_size(ComponentName::Unet, |_| true)? + adapters.bytes();
        let value = self.precision.get().dtype().size() as u64;
        let scale = self.size_multiple();
        let size = [request.height / scale, request.width / scale];
        let footprint = |samples| {
            let footprint = model
                .unet
                .footprint(samples, size, tokens, !adapters.is_empty());
            footprint.map_err(|(field, problem)| Error::BadConfig {
                component: ComponentName::Unet.to_string(),
                field: field.into(),
                problem,
            })
        };
        let room = self.room.beside(weights);
        for samples in (1..=request.samples()).rev() {
            let footprint = footprint(samples)?;
            if value * footprint.largest <= room.tensor && value * footprint.all <= room.memory {
                return Ok(samples);
            }
        }
        let one = footprint(1)?;
        self.check_tensor(value * one.largest)?;
        Err(self.too_large("a step", weights, value * one.all))
    }

    /// Rows of the latent that the VAE takes at a time; a request for which there are none is refused by its check.
    pub(super) fn rows_per_strip(&self, size: [usize; 2]) -> Result<usize> {
        Ok(self.strips(size)?.unwrap_or(1))
    }

    fn strips(&self, size: [usize; 2]) -> Result<Option<usize>> {
        let room = self.room.beside(self.vae_weights()?);
        Ok(self.vae().rows_per_strip(size, room))
    }

    /// The decoder's, which are the more.
    fn vae_weights(&self) -> Result<u64> {
        self.base
            .weight_size(ComponentName::Vae, VaeConfig::is_of_decoder)
    }

    /// Refuses a tensor that the device cannot bind.
    pub(super) fn check_tensor(&self, needed: u64) -> Result<()> {
        let (limit, available) = ("maxStorageBufferBindingSize", self.room.tensor);
        if needed > available {
            return Err(Error::LimitTooSmall {
                limit,
                needed,
                available,
            });
        }
        Ok(())
    }

    fn too_large(&self, what: &'static str, weights: u64, activations: u64) -> Error {
        Error::TooLarge {
            what,
            needed: weights + Room::taken_by(activations),
            available: self.room.memory,
        }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use std::path::Path;

    use burn::tensor::Device;

    use super::*;
    use crate::request::Inputs;
    use crate::weights::folder::FolderSource;
    use crate::{Image, Request};

    const SIDE: usize = 64;

    /// The demo's base, on the CPU.
    fn pipeline(room: Room) -> Pipeline<FolderSource> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/models/demo/base");
        let (source, manifest) = FolderSource::open(folder).unwrap();
        let base = pollster::block_on(Model::open(manifest, source)).unwrap();
        let pipeline = Pipeline::new(base, None, Device::flex()).unwrap();
        pipeline.with_room(room).unwrap()
    }

    fn request() -> Request {
        Request {
            prompt: "a large red circle on a white background".into(),
            seed: 8,
            images: 2,
            steps: 3,
            guidance_scale: 4.0,
            width: SIDE,
            height: SIDE,
            ..Request::default()
        }
    }

    fn draw(pipeline: &Pipeline<FolderSource>) -> Vec<Image> {
        let (request, inputs) = (request(), Inputs::default());
        pollster::block_on(pipeline.generate(&request, &inputs, &mut ())).unwrap()
    }

    /// The largest number for which the request is refused, and how.
    fn largest_refused(room: impl Fn(u64) -> Room) -> (u64, Error) {
        let check = |bytes| pipeline(room(bytes)).check(&request(), &Inputs::default());
        // No weight is larger than the least.
        let (mut refused, mut taken) = (4 << 20, 1 << 34);
        while taken - refused > 1 {
            let middle = (refused + taken) / 2;
            match check(middle) {
                Ok(()) => taken = middle,
                Err(_) => refused = middle,
            }
        }
        (refused, check(refused).unwrap_err())
    }

    #[test]
    fn the_least_memory_draws_the_same_pictures_in_smaller_portions() {
        let room = |memory| Room {
            memory,
            ..Room::UNLIMITED
        };
        let (refused, error) = largest_refused(room);
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        let tight = pipeline(room(refused + 1));
        let at_once = |pipeline: &Pipeline<_>| {
            pipeline.samples_at_once(&pipeline.base, &request(), pipeline.base.tokens())
        };
        assert_eq!(at_once(&tight).unwrap(), 1);
        let unlimited = pipeline(Room::UNLIMITED);
        assert_eq!(at_once(&unlimited).unwrap(), 4);
        // Sums in another order: a level, here and there.
        for (a, b) in draw(&tight).iter().zip(draw(&unlimited)) {
            let off = a.rgb.iter().zip(&b.rgb).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(off <= Some(1), "{off:?} levels");
        }
    }
}
