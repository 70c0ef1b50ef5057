//! Weights out of nothing, of a model's names, shapes and encodings: loading, memory and kernels cannot tell them from real
//! ones. Matrices are uniform noise of the deviation 1/sqrt(fan-in), norms do nothing, so that activations stay finite.

use std::cell::Cell;
use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use half::f16;
use serde_json::Value;

use super::Configs;
use super::clock::finish;
use crate::pipeline::Model;
use crate::weights::inventory::{Role, Spec, tensors_of};
use crate::weights::manifest::{ALIGNMENT, FORMAT, ShardEntry, TensorEntry};
use crate::weights::quantize::{BLOCK, encode};
use crate::weights::scheme::encoding_of;
use crate::weights::source::ShardSource;
use crate::weights::{Component, ComponentName, Encoding, Kind, Manifest};
use crate::{Error, Result};

/// Bytes that are uploaded before the device is waited for. Nothing else would slow this down: a browser would pile up what
/// the device has not taken yet, and hear no cancellation.
const AHEAD: u64 = 256 << 20;

/// Makes each tensor when it is asked for: one tensor is one shard, so that memory holds one at a time.
pub(super) struct Synthetic {
    shards: BTreeMap<String, Stored>,
    device: Device,
    ahead: Cell<u64>,
}

struct Stored {
    shape: Vec<usize>,
    encoding: Encoding,
    role: Role,
}

/// A base or a refiner of these configs.
pub(super) async fn model(
    configs: &Configs,
    kind: Kind,
    scheme: Encoding,
    device: &Device,
) -> Result<Model<Synthetic>> {
    let unet = match (kind, &configs.refiner) {
        (Kind::Refiner, Some(refiner)) => refiner,
        _ => &configs.unet,
    };
    let mut source = Synthetic::new(device);
    let mut components = BTreeMap::new();
    for (name, config) in [
        (ComponentName::Unet, unet),
        (ComponentName::Vae, &configs.vae),
        (ComponentName::Scheduler, &configs.scheduler),
    ] {
        let specs = tensors_of(name, config)?;
        components.insert(name, source.component(name, config, specs, scheme)?);
    }
    let manifest = Manifest {
        format: FORMAT,
        name: configs.name.clone(),
        kind,
        pipeline: serde_json::Map::new(),
        components,
    };
    Model::open(manifest, source).await
}

/// A component of a single layer, with the tensors `weight` and `bias`.
pub(super) fn layer(
    outputs: usize,
    columns: usize,
    scheme: Encoding,
    device: &Device,
) -> Result<(Component, Synthetic)> {
    let spec = |name: &str, shape: &[usize], role| Spec {
        name: name.to_owned(),
        shape: shape.to_vec(),
        role,
    };
    let specs = vec![
        spec("weight", &[outputs, columns], Role::Linear),
        spec("bias", &[outputs], Role::Bias),
    ];
    let mut source = Synthetic::new(device);
    let component = source.component(ComponentName::Unet, &Value::Null, specs, scheme)?;
    Ok((component, source))
}

impl Synthetic {
    fn new(device: &Device) -> Self {
        Self {
            shards: BTreeMap::new(),
            device: device.clone(),
            ahead: Cell::new(0),
        }
    }

    fn component(
        &mut self,
        name: ComponentName,
        config: &Value,
        specs: Vec<Spec>,
        scheme: Encoding,
    ) -> Result<Component> {
        let (mut tensors, mut shards, mut offset) = (Vec::new(), Vec::new(), 0);
        for spec in specs {
            let encoding = encoding_of(&spec, scheme);
            let shape = match spec.shape[..] {
                [out, input, height, width] => vec![out, height, width, input],
                _ => spec.shape,
            };
            let length = encoding
                .byte_len(&shape)
                .ok_or_else(|| Error::BadManifest {
                    place: format!("{name}: tensor `{}`", spec.name),
                    problem: format!("no tensor in {encoding} has the shape {shape:?}"),
                    source: None,
                })?;
            let padded = length.next_multiple_of(ALIGNMENT);
            let file = format!("{name}.{}", spec.name);
            shards.push(ShardEntry {
                file: file.clone(),
                length: padded,
                sha256: String::new(),
                compression: None,
                stored_length: padded,
            });
            tensors.push(TensorEntry {
                name: spec.name,
                shape: shape.clone(),
                encoding,
                offset,
                length,
            });
            let role = spec.role;
            self.shards.insert(
                file,
                Stored {
                    shape,
                    encoding,
                    role,
                },
            );
            offset += padded;
        }
        Ok(Component {
            config: config.clone(),
            tensors,
            files: Vec::new(),
            shards,
        })
    }
}

impl ShardSource for Synthetic {
    async fn read(&self, shard: &ShardEntry) -> Result<Vec<u8>> {
        self.ahead.update(|bytes| bytes + shard.length);
        if self.ahead.get() > AHEAD {
            finish(Tensor::zeros([1], &self.device)).await?;
            self.ahead.set(0);
        }
        let mut bytes = match self.shards.get(&shard.file) {
            Some(tensor) => tensor.bytes(),
            None => Vec::new(),
        };
        bytes.resize(shard.length as usize, 0);
        Ok(bytes)
    }
}

impl Stored {
    fn bytes(&self) -> Vec<u8> {
        match self.role {
            Role::Norm => self.constant(1.0),
            Role::Bias => self.constant(0.0),
            Role::Linear | Role::Convolution | Role::TokenEmbedding | Role::PositionEmbedding => {
                self.noise()
            }
        }
    }

    fn constant(&self, value: f32) -> Vec<u8> {
        let values = vec![value; self.shape.iter().product()];
        let Ok(bytes) = encode(&values, &self.shape, self.encoding) else {
            unreachable!("zero and one fit every encoding");
        };
        bytes
    }

    fn noise(&self) -> Vec<u8> {
        let (rows, columns) = (self.shape[0], self.shape[1..].iter().product::<usize>());
        // A uniform number from -peak to peak has the deviation peak / sqrt(3).
        let peak = (3.0 / columns as f32).sqrt();
        let bytes = |count| random_bytes(count, (rows * columns) as u64);
        // 256 levels about zero are noise enough.
        let level = |byte: u8| (f32::from(byte as i8) + 0.5) / 128.0 * peak;
        let blocks = rows * columns.div_ceil(BLOCK);
        let scaled = |mut integers: Vec<u8>, largest: f32| {
            let scale = f16::from_f32(peak / largest).to_le_bytes();
            integers.extend(scale.repeat(blocks));
            integers.resize(integers.len().next_multiple_of(4), 0);
            integers
        };
        let integers = || bytes(blocks * self.encoding.block_bytes());
        match self.encoding {
            Encoding::F32 => {
                let table = table(|byte| level(byte).to_le_bytes());
                mapped(&bytes(rows * columns), &table)
            }
            Encoding::F16 => {
                let table = table(|byte| f16::from_f32(level(byte)).to_le_bytes());
                mapped(&bytes(rows * columns), &table)
            }
            Encoding::Q8 => scaled(integers(), 127.0),
            Encoding::Q4 => {
                // A nibble of -8 has no counterpart: the mean would not be zero.
                let nibble = |nibble: u8| if nibble == 8 { 0 } else { nibble };
                let table = table(|byte| [nibble(byte & 0xF) | nibble(byte >> 4) << 4]);
                scaled(mapped(&integers(), &table), 7.0)
            }
        }
    }
}

fn table<const N: usize>(of: impl Fn(u8) -> [u8; N]) -> [[u8; N]; 256] {
    std::array::from_fn(|byte| of(byte as u8))
}

fn mapped<const N: usize>(bytes: &[u8], table: &[[u8; N]; 256]) -> Vec<u8> {
    let mapped = bytes.iter().flat_map(|&byte| table[usize::from(byte)]);
    let mut out = Vec::with_capacity(bytes.len() * N);
    out.extend(mapped);
    out
}

/// SplitMix64 (Steele, Lea and Flood 2014): two multiplications for eight bytes.
fn random_bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = vec![0; count];
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::quantize::decode;

    #[test]
    fn noise_has_the_deviation_that_keeps_activations_as_they_are() {
        for encoding in [Encoding::F32, Encoding::F16, Encoding::Q8, Encoding::Q4] {
            let shape = vec![64, 3, 3, 36];
            let tensor = Stored {
                shape: shape.clone(),
                encoding,
                role: Role::Convolution,
            };
            let values = decode(&tensor.bytes(), &shape, encoding);
            let count = values.len() as f32;
            let mean = values.iter().sum::<f32>() / count;
            let deviation = (values.iter().map(|v| v * v).sum::<f32>() / count).sqrt();
            let fan_in = (9.0f32 * 36.0).sqrt();
            assert!(
                (deviation * fan_in - 1.0).abs() < 0.1,
                "{encoding}: {deviation}"
            );
            assert!((mean * fan_in).abs() < 0.02, "{encoding}: {mean}");
        }
    }
}
