//! A LoRA's safetensors file: pairs of matrices by the name of the module they are for, whatever program wrote it.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::weights::header::{Dtype, Header, TensorInfo};
use crate::{Error, Result};

/// A LoRA as its file has it, not yet fitted to a model.
#[derive(Debug, Clone)]
pub struct Lora {
    pub(super) header: LoraHeader,
    pub(super) bytes: Rc<Vec<u8>>,
    /// By the module's name in the file.
    pub(super) pairs: BTreeMap<String, Pair>,
}

/// What can be known of a LoRA before its numbers are there.
#[derive(Debug, Clone)]
pub struct LoraHeader {
    pub(super) name: String,
    /// By their names in the file.
    pub(super) modules: BTreeMap<String, Module>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// The two factors of one layer's addition.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    /// `[rank, in]`, or `[rank, in, height, width]` for a convolution.
    pub down: TensorInfo,
    /// `[out, rank]`, or `[out, rank, 1, 1]`.
    pub up: TensorInfo,
    /// alpha / rank; 1 where the file has no alpha.
    pub factor: f64,
}

/// What a tensor of the file is to its module.
#[derive(Debug, Clone, Copy)]
enum Part {
    Down,
    Up,
    Alpha,
}

/// The tensors that are for one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Module {
    down: Option<TensorInfo>,
    up: Option<TensorInfo>,
    alpha: Option<TensorInfo>,
}

/// How a tensor's name ends: PEFT, kohya, and three generations of diffusers.
const ENDINGS: [(&str, Part); 13] = [
    (".lora_A.weight", Part::Down),
    (".lora_B.weight", Part::Up),
    (".lora_A.default.weight", Part::Down),
    (".lora_B.default.weight", Part::Up),
    (".lora_down.weight", Part::Down),
    (".lora_up.weight", Part::Up),
    (".lora.down.weight", Part::Down),
    (".lora.up.weight", Part::Up),
    (".lora_linear_layer.down.weight", Part::Down),
    (".lora_linear_layer.up.weight", Part::Up),
    ("_lora.down.weight", Part::Down),
    ("_lora.up.weight", Part::Up),
    (".alpha", Part::Alpha),
];

/// Out, in, height and width.
const CONVOLUTION_AXES: usize = 4;

/// What a name has in it that belongs to another method.
const OTHER_KINDS: [(&str, &str); 8] = [
    (".hada_", "LoHa"),
    (".lokr_", "LoKr"),
    ("dora_scale", "DoRA"),
    ("lora_magnitude_vector", "DoRA"),
    (".lora_mid", "LoCon with a core between the factors"),
    (".oft_", "OFT"),
    (".diff", "a full difference of weights"),
    (".on_input", "IA3"),
];

impl LoraHeader {
    /// Reads the JSON of a file of `file_len` bytes; `name` is what errors and requests call it.
    pub fn parse(name: &str, json: &[u8], file_len: u64) -> Result<Self> {
        let header = Header::parse(name, json, file_len).map_err(|error| as_lora(name, error))?;
        Self::of(name, &header)
    }

    fn of(name: &str, header: &Header) -> Result<Self> {
        let mut modules: BTreeMap<String, Module> = BTreeMap::new();
        for (key, info) in &header.tensors {
            let refuse = |problem: String| Err(bad(name, Some(key.clone()), problem));
            let Some((module, part)) = split(key) else {
                return refuse(foreign(key));
            };
            if let Dtype::Other(_) = info.dtype {
                return refuse("is not in f32, f16 or bf16".into());
            }
            let found = modules.entry(module).or_default();
            let slot = match part {
                Part::Down => &mut found.down,
                Part::Up => &mut found.up,
                Part::Alpha => &mut found.alpha,
            };
            if slot.replace(info.clone()).is_some() {
                return refuse("is in the file under two names".into());
            }
        }
        if modules.is_empty() {
            return Err(bad(name, None, "there is nothing in it".into()));
        }
        Ok(Self {
            name: name.to_owned(),
            modules,
            metadata: header.metadata.clone(),
        })
    }

    /// What the file says of itself, as its trainer wrote it.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }
}

impl Lora {
    /// Reads a file's bytes; `name` is what errors and requests call it.
    pub fn parse(name: &str, bytes: Vec<u8>) -> Result<Self> {
        let file = Header::read(name, &bytes).map_err(|error| as_lora(name, error))?;
        // By their names alone it may be refused, before any number is read.
        let header = LoraHeader::of(name, &file)?;
        for (key, info) in &file.tensors {
            let finite = |values: Vec<f32>| values.iter().all(|v| v.is_finite());
            if !values(&bytes, info).is_none_or(finite) {
                let problem = "has values that are not finite".into();
                return Err(bad(name, Some(key.clone()), problem));
            }
        }
        let pairs = header.modules.iter().map(|(module, found)| {
            let pair = found.pair(&bytes);
            let pair = pair.map_err(|problem| bad(name, Some(module.clone()), problem))?;
            Ok((module.clone(), pair))
        });
        let pairs = pairs.collect::<Result<BTreeMap<_, _>>>()?;
        Ok(Self {
            header,
            pairs,
            bytes: Rc::new(bytes),
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.header.name
    }

    /// What its header says.
    pub fn header(&self) -> &LoraHeader {
        &self.header
    }
}

impl Module {
    fn pair(&self, bytes: &[u8]) -> std::result::Result<Pair, String> {
        let (Some(down), Some(up)) = (&self.down, &self.up) else {
            let lacks = if self.down.is_none() { "down" } else { "up" };
            return Err(format!("has no {lacks} matrix"));
        };
        let rank = match (&down.shape[..], &up.shape[..]) {
            (down, up) if down.len().max(up.len()) > CONVOLUTION_AXES => {
                return Err(format!("has factors {down:?} and {up:?} of too many axes"));
            }
            (&[rank, _, ..], &[_, up, ..]) if rank == up && rank > 0 => rank,
            (down, up) => return Err(format!("has factors {down:?} and {up:?} of unlike rank")),
        };
        let factor = match &self.alpha {
            None => 1.0,
            Some(info) => match values(bytes, info).as_deref() {
                Some(&[alpha]) => f64::from(alpha) / rank as f64,
                _ => return Err("has an alpha that is not one number".into()),
            },
        };
        Ok(Pair {
            down: down.clone(),
            up: up.clone(),
            factor,
        })
    }
}

/// The values of a tensor of a file whose header was checked, where they are a weight's.
pub(super) fn values(bytes: &[u8], info: &TensorInfo) -> Option<Vec<f32>> {
    let (start, length) = (info.start as usize, info.length as usize);
    info.dtype.decode(&bytes[start..start + length])
}

/// A fault of the file's header, as one of the LoRA.
fn as_lora(name: &str, error: Error) -> Error {
    match error {
        Error::BadCheckpoint {
            tensor, problem, ..
        } => bad(name, tensor, problem),
        other => other,
    }
}

pub(super) fn bad(lora: &str, key: Option<String>, problem: String) -> Error {
    Error::BadLora {
        lora: lora.to_owned(),
        key,
        problem,
    }
}

/// Module and part by a tensor's name.
fn split(key: &str) -> Option<(String, Part)> {
    let (module, part) = ENDINGS
        .iter()
        .find_map(|(ending, part)| Some((key.strip_suffix(ending)?, *part)))?;
    // diffusers' first LoRAs belonged to attention processors.
    Some((module.replace(".processor.", "."), part))
}

fn foreign(key: &str) -> String {
    let kind = OTHER_KINDS.iter().find(|(part, _)| key.contains(part));
    match kind {
        Some((_, kind)) => format!("is of the kind {kind}; only plain LoRA is supported"),
        None => "is not a LoRA's tensor".into(),
    }
}
