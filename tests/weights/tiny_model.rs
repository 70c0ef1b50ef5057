//! A model of SDXL's architecture, small enough to write in a test, as a folder and as a single file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use sdxl_web::Result;
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::weights::inventory::tensors_of;
use sdxl_web::weights::manifest::TensorEntry;
use sdxl_web::weights::names::{Change, single_file_map};
use sdxl_web::weights::pack::{Options, Report, pack};
use sdxl_web::weights::quantize::decode;
use sdxl_web::weights::recipe::Variant;
use sdxl_web::weights::source::StreamReader;
use sdxl_web::weights::{ComponentName, Encoding, Kind, Manifest};
use serde_json::{Value, json};

pub struct TinyModel {
    pub kind: Kind,
    /// Path below the model's folder to content.
    pub configs: BTreeMap<String, Value>,
    pub tensors: BTreeMap<ComponentName, Vec<Tensor>>,
}

#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

pub const VOCABULARY: &str = r#"{"!":0,"a</w>":1,"<|startoftext|>":2,"<|endoftext|>":3}"#;
pub const MERGES: &str = "#version: 0.2\na b</w>\n";

impl TinyModel {
    pub fn base() -> Self {
        let mut model = Self::new(Kind::Base, 64 + 16);
        model.add(ComponentName::TextEncoder, clip(32, "CLIPTextModel"));
        model.add(
            ComponentName::TextEncoder2,
            clip(48, "CLIPTextModelWithProjection"),
        );
        model.add(ComponentName::Vae, vae());
        for (folder, pad) in [("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")] {
            model.configs.insert(
                format!("{folder}/tokenizer_config.json"),
                json!({"pad_token": pad}),
            );
            model.configs.insert(
                format!("{folder}/special_tokens_map.json"),
                json!({"pad_token": pad}),
            );
        }
        model.configs.insert(
            "model_index.json".into(),
            json!({"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": true,
                   "text_encoder": ["transformers", "CLIPTextModel"]}),
        );
        model
    }

    /// With the second encoder, without autoencoder and tokenizer: those are the base's.
    pub fn refiner() -> Self {
        let mut model = Self::new(Kind::Refiner, 48 + 16);
        model.add(
            ComponentName::TextEncoder2,
            clip(48, "CLIPTextModelWithProjection"),
        );
        model.configs.insert(
            "model_index.json".into(),
            json!({"requires_aesthetics_score": true, "text_encoder": [null, null]}),
        );
        model
    }

    fn new(kind: Kind, pooled: usize) -> Self {
        let mut model = Self {
            kind,
            configs: BTreeMap::new(),
            tensors: BTreeMap::new(),
        };
        model.add(ComponentName::Unet, unet(pooled));
        let scheduler =
            json!({"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"});
        model
            .configs
            .insert("scheduler/scheduler_config.json".into(), scheduler);
        model
    }

    fn add(&mut self, component: ComponentName, config: Value) {
        let tensor = |spec: sdxl_web::weights::inventory::Spec| {
            let count = spec.shape.iter().product();
            let values = values(&format!("{component}/{}", spec.name), count);
            Tensor {
                name: spec.name,
                shape: spec.shape,
                values,
            }
        };
        let tensors = tensors_of(component, &config)
            .unwrap()
            .into_iter()
            .map(tensor)
            .collect();
        self.tensors.insert(component, tensors);
        self.configs
            .insert(format!("{component}/config.json"), config);
    }

    pub fn tensor_mut(&mut self, component: ComponentName, name: &str) -> &mut Tensor {
        let tensors = self.tensors.get_mut(&component).unwrap();
        tensors
            .iter_mut()
            .find(|tensor| tensor.name == name)
            .unwrap()
    }

    /// Makes the weights so small that a network of them keeps numbers in bounds.
    pub fn soften(&mut self, component: ComponentName) {
        for tensor in self.tensors.get_mut(&component).unwrap() {
            let columns: usize = tensor.shape[1..].iter().product();
            let spread = 1.0 / (columns as f32).sqrt();
            tensor.values.iter_mut().for_each(|v| *v *= spread);
        }
    }

    /// As diffusers saves it.
    pub fn write_folder(&self, folder: &Path) -> PathBuf {
        self.write_configs(folder);
        for (component, tensors) in &self.tensors {
            write_safetensors(&weight_file(folder, *component), tensors, Dtype::F32);
        }
        if self.kind == Kind::Base {
            write_tokenizer(&folder.join("tokenizer"));
        }
        folder.to_owned()
    }

    pub fn write_configs(&self, folder: &Path) {
        for (path, config) in &self.configs {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, config.to_string()).unwrap();
        }
    }

    /// As Stability AI published it: the changes of `names.rs` undone, by other code than its own.
    pub fn write_single_file(&self, file: &Path) {
        let mut single: BTreeMap<String, Tensor> = BTreeMap::new();
        let mut put = |name: String, shape: Vec<usize>, values: Vec<f32>| {
            single.insert(
                name.clone(),
                Tensor {
                    name,
                    shape,
                    values,
                },
            )
        };
        for (component, tensors) in &self.tensors {
            let config = &self.configs[&format!("{component}/config.json")];
            let mut fused: BTreeMap<String, Vec<f32>> = BTreeMap::new();
            for (tensor, (spec, origin)) in tensors
                .iter()
                .zip(single_file_map(self.kind, *component, config).unwrap())
            {
                assert_eq!(tensor.name, spec.name);
                match origin.change {
                    Change::Copy | Change::Conv1x1 => {
                        put(origin.name, origin.shape, tensor.values.clone())
                    }
                    Change::Transpose => {
                        let (rows, columns) = (tensor.shape[0], tensor.shape[1]);
                        let mut values = vec![0.0; rows * columns];
                        for r in 0..rows {
                            for c in 0..columns {
                                values[c * rows + r] = tensor.values[r * columns + c];
                            }
                        }
                        put(origin.name, vec![columns, rows], values)
                    }
                    Change::Third(i) => {
                        let whole = fused.entry(origin.name.clone()).or_default();
                        assert_eq!(
                            whole.len(),
                            i * tensor.values.len(),
                            "query, key, value come in order"
                        );
                        whole.extend(&tensor.values);
                        put(origin.name, origin.shape, whole.clone())
                    }
                };
            }
        }
        if self.kind == Kind::Base && self.tensors.contains_key(&ComponentName::TextEncoder2) {
            put(
                "conditioner.embedders.1.model.logit_scale".into(),
                vec![1],
                vec![4.6],
            );
        }
        write_safetensors(file, &single.into_values().collect::<Vec<_>>(), Dtype::F32);
    }
}

pub fn write_tokenizer(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("vocab.json"), VOCABULARY).unwrap();
    fs::write(folder.join("merges.txt"), MERGES).unwrap();
}

pub fn weight_file(folder: &Path, component: ComponentName) -> PathBuf {
    let encoder = component.as_str().starts_with("text");
    let file = if encoder {
        "model.safetensors"
    } else {
        "diffusion_pytorch_model.safetensors"
    };
    folder.join(component.as_str()).join(file)
}

pub fn write_safetensors(file: &Path, tensors: &[Tensor], dtype: Dtype) {
    fs::write(file, safetensors_bytes(tensors, dtype, None)).unwrap();
}

pub fn safetensors_bytes(
    tensors: &[Tensor],
    dtype: Dtype,
    metadata: Option<&[(&str, &str)]>,
) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| {
            let values = tensor.values.iter();
            match dtype {
                Dtype::F32 => values.flat_map(|v| v.to_le_bytes()).collect(),
                Dtype::F16 => values
                    .flat_map(|&v| half::f16::from_f32(v).to_le_bytes())
                    .collect(),
                Dtype::BF16 => values
                    .flat_map(|&v| half::bf16::from_f32(v).to_le_bytes())
                    .collect(),
                Dtype::I64 => values.flat_map(|&v| (v as i64).to_le_bytes()).collect(),
                other => panic!("no test writes {other:?}"),
            }
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        (
            tensor.name.clone(),
            TensorView::new(dtype, tensor.shape.clone(), bytes).unwrap(),
        )
    });
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let metadata = metadata.map(|entries| entries.iter().map(owned).collect());
    safetensors::serialize(views, metadata).unwrap()
}

/// Numbers that f16 holds exactly, different for each tensor.
fn values(seed: &str, count: usize) -> Vec<f32> {
    let mut state = seed.bytes().fold(7u64, |hash, b| {
        hash.wrapping_mul(1099511628211) ^ u64::from(b)
    });
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((state >> 40) % 4001) as f32 / 1024.0 - 2000.0 / 1024.0
    };
    (0..count).map(|_| next()).collect()
}

pub fn options(checkpoint: &Path, out: &Path, scheme: Encoding) -> Options {
    Options {
        checkpoint: checkpoint.into(),
        out: out.into(),
        kind: None,
        name: Some("tiny".into()),
        scheme,
        variant: Variant::Full,
        components: None,
        configs: None,
        tokenizer: None,
        vae: None,
        text_encoders: None,
    }
}

pub fn run(options: &Options) -> Result<Report> {
    pack(options, &mut |_| {})
}

pub type ValuesAndShape = (Vec<f32>, Vec<usize>);

/// The tensors of a packed component, decoded.
pub fn read_tensors(
    folder: &Path,
    component: ComponentName,
) -> Result<BTreeMap<String, ValuesAndShape>> {
    let (source, manifest) = FolderSource::open(folder)?;
    let part = manifest.component(component)?;
    let mut reader = StreamReader::new(&source, component, part);
    let read = |tensor: &TensorEntry| {
        let bytes = pollster::block_on(reader.tensor(tensor))?;
        let values = decode(&bytes, &tensor.shape, tensor.encoding);
        Ok((tensor.name.clone(), (values, tensor.shape.clone())))
    };
    part.tensors.iter().map(read).collect()
}

pub fn read_file(folder: &Path, component: ComponentName, name: &str) -> Result<String> {
    let (source, manifest) = FolderSource::open(folder)?;
    let part = manifest.component(component)?;
    let file = part.file(name).unwrap();
    let bytes = pollster::block_on(StreamReader::new(&source, component, part).file(file))?;
    Ok(String::from_utf8(bytes).unwrap())
}

pub fn manifest(folder: &Path) -> Manifest {
    FolderSource::open(folder).unwrap().1
}

/// Every file of a folder, by name.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

fn unet(pooled: usize) -> Value {
    json!({
        "_class_name": "UNet2DConditionModel", "in_channels": 4, "out_channels": 4, "block_out_channels": [16, 48],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"], "mid_block_type": "UNetMidBlock2DCrossAttn",
        "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"], "layers_per_block": 1,
        "transformer_layers_per_block": [1, 2], "cross_attention_dim": 80, "addition_embed_type": "text_time",
        "projection_class_embeddings_input_dim": pooled, "use_linear_projection": true, "norm_num_groups": 8,
        "sample_size": 8, "attention_head_dim": [1, 2], "addition_time_embed_dim": 16, "norm_eps": 1e-5,
        "flip_sin_to_cos": true, "freq_shift": 0, "act_fn": "silu",
    })
}

fn vae() -> Value {
    json!({
        "_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "latent_channels": 4,
        "block_out_channels": [16, 40], "layers_per_block": 1, "scaling_factor": 0.13,
        "norm_num_groups": 8, "act_fn": "silu", "force_upcast": true,
    })
}

fn clip(width: usize, architecture: &str) -> Value {
    json!({
        "vocab_size": 50, "hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 77, "projection_dim": width - 16, "hidden_act": "gelu",
        "architectures": [architecture], "layer_norm_eps": 1e-5, "eos_token_id": 2,
    })
}
