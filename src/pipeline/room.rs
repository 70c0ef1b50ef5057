//! What of a run is on the GPU at once, decided before it begins: how many samples a forward takes, and how large the VAE's
//! strips are.

use super::{Model, Pipeline};
use crate::device::Room;
use crate::request::Request;
use crate::unet::UNetConfig;
use crate::vae::VaeConfig;
use crate::weights::ComponentName;
use crate::weights::source::ShardSource;
use crate::{Error, Result};

/// What a UNet computes at once, and the bytes of it.
struct Portion {
    samples: usize,
    weights: u64,
    activations: u64,
}

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

    /// Plans for so many bytes from now on.
    pub fn set_memory(&mut self, bytes: u64) {
        self.room.memory = bytes;
    }

    /// Refuses a request that has no room, even in the smallest portions. `tokens` is the length of the context.
    pub(super) fn check_room(&self, request: &Request, tokens: usize) -> Result<()> {
        if !request.skip_base {
            self.samples_at_once(&self.base, request, tokens)?;
        }
        if let (Some(refiner), Some(_)) = (&self.refiner, request.refiner) {
            self.samples_at_once(refiner, request, tokens)?;
        }
        let size = [request.height, request.width];
        let vae_weights = self.vae_weights()?;
        self.room.strips(self.vae(), size, vae_weights).map(|_| ())
    }

    /// Bytes that the GPU holds at most while a request is drawn with a context of so many tokens, as it is going to be cut into
    /// portions here.
    pub fn memory(&self, request: &Request, tokens: usize) -> Result<u64> {
        let vae_weights = self.vae_weights()?;
        let size = [request.height, request.width];
        let rows = self.room.strips(self.vae(), size, vae_weights)?;
        let activations = self.vae().activations_of_strips(size, rows);
        let mut most = with_pools(vae_weights, activations, VaeConfig::POOLS);
        let refiner = self.refiner.as_ref().filter(|_| request.refiner.is_some());
        for model in [Some(&self.base), refiner].into_iter().flatten() {
            let Portion {
                weights,
                activations,
                ..
            } = self.portion(model, request, tokens)?;
            most = most.max(with_pools(weights, activations, UNetConfig::POOLS));
        }
        Ok(most)
    }

    /// Samples that a UNet takes in one forward: those of a step, or else a divisor of the pictures, as large as there is room
    /// for. `tokens` is the length of the context.
    pub(super) fn samples_at_once(
        &self,
        model: &Model<S>,
        request: &Request,
        tokens: usize,
    ) -> Result<usize> {
        Ok(self.portion(model, request, tokens)?.samples)
    }

    fn portion(&self, model: &Model<S>, request: &Request, tokens: usize) -> Result<Portion> {
        let adapters = self.adapters(model, request);
        let weights = model.weight_size(ComponentName::Unet, |_| true)? + adapters.bytes();
        let value = self.precision.get().dtype().size() as u64;
        let scale = self.size_multiple();
        let size = [request.height / scale, request.width / scale];
        let (samples, images) = (request.samples(), request.images);
        // Largest tensor and activations; smaller portions than a step keep a context for each half of the guidance.
        let needed = |at_once| {
            let footprint = model
                .unet
                .footprint(at_once, size, tokens, !adapters.is_empty());
            let footprint = footprint.map_err(|(field, problem)| Error::BadConfig {
                component: ComponentName::Unet.to_string(),
                field: field.into(),
                problem,
            })?;
            let contexts = match at_once == samples {
                true => 1,
                false => (samples / images) as u64,
            };
            let all = footprint.all + contexts * footprint.context;
            Ok::<_, Error>((value * footprint.largest, value * all))
        };
        let room = self.room.beside(weights, UNetConfig::POOLS);
        let divisors = (1..=images).rev().filter(|n| images.is_multiple_of(*n));
        for samples in std::iter::once(samples).chain(divisors) {
            let (largest, activations) = needed(samples)?;
            if largest <= room.tensor && activations <= room.memory {
                return Ok(Portion {
                    samples,
                    weights,
                    activations,
                });
            }
        }
        let (largest, all) = needed(1)?;
        self.room.check_tensor(largest)?;
        Err(self
            .room
            .too_large("a step", weights, all, UNetConfig::POOLS))
    }

    /// Rows of the latent that the VAE takes at a time for a picture.
    pub(super) fn rows_per_strip(&self, size: [usize; 2]) -> Result<usize> {
        self.room.strips(self.vae(), size, self.vae_weights()?)
    }

    /// The decoder's, which are the more.
    fn vae_weights(&self) -> Result<u64> {
        self.base
            .weight_size(ComponentName::Vae, VaeConfig::is_of_decoder)
    }

    pub(super) fn check_tensor(&self, needed: u64) -> Result<()> {
        self.room.check_tensor(needed)
    }
}

impl Room {
    /// Rows of the latent that a VAE takes at a time for a picture of this height and width, beside its weights.
    pub(crate) fn strips(self, vae: &VaeConfig, size: [usize; 2], weights: u64) -> Result<usize> {
        let room = self.beside(weights, VaeConfig::POOLS);
        let Some(rows) = vae.rows_per_strip(size, room) else {
            self.check_tensor(vae.largest_activation_of_strips(size, 1))?;
            let activations = vae.activations_of_strips(size, 1);
            let what = "decoding this picture";
            return Err(self.too_large(what, weights, activations, VaeConfig::POOLS));
        };
        Ok(rows)
    }

    /// Refuses a tensor that the device cannot bind.
    fn check_tensor(self, needed: u64) -> Result<()> {
        let (limit, available) = ("maxStorageBufferBindingSize", self.tensor);
        if needed > available {
            return Err(Error::LimitTooSmall {
                limit,
                needed,
                available,
            });
        }
        Ok(())
    }

    fn too_large(self, what: &'static str, weights: u64, activations: u64, pools: f64) -> Error {
        Error::TooLarge {
            what,
            needed: with_pools(weights, activations, pools),
            available: self.memory,
        }
    }
}

fn with_pools(weights: u64, activations: u64, pools: f64) -> u64 {
    weights + (activations as f64 * pools) as u64
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

    #[test]
    fn a_tensor_that_cannot_be_bound_is_refused_by_the_limits_name() {
        let room = |tensor| Room {
            tensor,
            ..Room::UNLIMITED
        };
        // So large that its maps are larger than any weight.
        let large = Request {
            width: 1024,
            height: 1024,
            ..request()
        };
        let (refused, error) = largest_refused(&large, room);
        let Error::LimitTooSmall {
            limit,
            needed,
            available,
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(limit, "maxStorageBufferBindingSize");
        assert_eq!((needed, available), (refused + 1, refused));
    }

    /// The largest number for which a request is refused, and how.
    fn largest_refused(request: &Request, room: impl Fn(u64) -> Room) -> (u64, Error) {
        let check = |bytes| pipeline(room(bytes)).check(request, &Inputs::default());
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
        let (refused, error) = largest_refused(&request(), room);
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        let tight = pipeline(room(refused + 1));
        let at_once = |pipeline: &Pipeline<_>| {
            pipeline.samples_at_once(&pipeline.base, &request(), pipeline.base.tokens())
        };
        assert_eq!(at_once(&tight).unwrap(), 1);
        let memory =
            |pipeline: &Pipeline<_>| pipeline.memory(&request(), pipeline.base.tokens()).unwrap();
        assert!(memory(&tight) <= refused + 1);
        let unlimited = pipeline(Room::UNLIMITED);
        assert_eq!(at_once(&unlimited).unwrap(), 4);
        assert!(memory(&unlimited) > memory(&tight));
        // Sums in another order: a level, here and there.
        for (a, b) in draw(&tight).iter().zip(draw(&unlimited)) {
            let off = a.rgb.iter().zip(&b.rgb).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(off <= Some(1), "{off:?} levels");
        }
    }
}
