//! One half of SDXL as it was packed: its configs, its tokenizers, and where its weights come from.

use burn::tensor::Device;
use serde_json::Value;

use super::config;
use super::progress::{Event, Observer, check_cancelled};
use crate::conditioning::Conditioning;
use crate::lora::{Adapters, FittedLora, Lora};
use crate::prompt::{Chunk, PromptSyntax, chunks};
use crate::sampling::SchedulerConfig;
use crate::text_encoder::TextEncoderConfig;
use crate::tokenizer::Tokenizer;
use crate::unet::UNetConfig;
use crate::vae::VaeConfig;
use crate::weights::source::{ShardSource, StreamReader};
use crate::weights::{ComponentName, Manifest, Resident, Scope, Weights};
use crate::{Error, Result};

/// A packed base or refiner.
pub struct Model<S> {
    manifest: Manifest,
    source: S,
    /// Of the denoiser.
    pub unet: UNetConfig,
    /// Of the noise schedule.
    pub scheduler: SchedulerConfig,
    /// Of the autoencoder; a refiner may leave it to the base.
    pub vae: Option<VaeConfig>,
    /// Encoder 1, which only the base has.
    pub text: Option<TextModel>,
    /// Encoder 2; a refiner may leave it to the base.
    pub text_2: Option<TextModel>,
}

/// A text encoder's config and tokenizer.
pub struct TextModel {
    /// Which component it is.
    pub name: ComponentName,
    /// Of the encoder.
    pub config: TextEncoderConfig,
    /// Its own: the two encoders pad differently.
    pub tokenizer: Tokenizer,
}

impl TextModel {
    /// A prompt as the encoder reads it.
    pub fn chunks(&self, prompt: &str, syntax: PromptSyntax) -> Result<Vec<Chunk>> {
        chunks(prompt, syntax, &self.tokenizer, self.length())
    }

    /// The empty prompt.
    pub fn empty_chunk(&self) -> Chunk {
        Chunk::empty(&self.tokenizer, self.length())
    }

    /// Tokens that the encoder reads at once.
    fn length(&self) -> usize {
        self.config.max_position_embeddings
    }
}

impl<S: ShardSource> Model<S> {
    /// Reads configs and tokenizers; the weights stay where they are until they are needed.
    pub async fn open(manifest: Manifest, source: S) -> Result<Self> {
        let unet = config::unet(manifest.component(ComponentName::Unet)?)?;
        let scheduler = config::scheduler(manifest.component(ComponentName::Scheduler)?)?;
        let vae = manifest.components.get(&ComponentName::Vae);
        let vae = vae.map(config::vae).transpose()?;
        let text = open_text(
            &manifest,
            &source,
            ComponentName::TextEncoder,
            ComponentName::Tokenizer,
        )
        .await?;
        let text_2 = open_text(
            &manifest,
            &source,
            ComponentName::TextEncoder2,
            ComponentName::Tokenizer2,
        )
        .await?;
        Ok(Self {
            manifest,
            source,
            unet,
            scheduler,
            vae,
            text,
            text_2,
        })
    }

    /// Whether a negative prompt that is not given stands for zeros, as it does unless the model says otherwise
    /// [`StableDiffusionXLPipeline.__init__`].
    pub fn force_zeros_for_empty_prompt(&self) -> bool {
        let flag = self.manifest.pipeline.get("force_zeros_for_empty_prompt");
        flag.and_then(Value::as_bool).unwrap_or(true)
    }

    /// Encoded bytes of the largest tensor.
    pub(super) fn largest_weight(&self) -> u64 {
        let tensors = self
            .manifest
            .components
            .values()
            .flat_map(|component| &component.tensors);
        tensors
            .map(|tensor| tensor.length)
            .max()
            .unwrap_or_default()
    }

    /// Encoded bytes of those tensors of a component that are `wanted`.
    pub fn weight_size(&self, name: ComponentName, wanted: impl Fn(&str) -> bool) -> Result<u64> {
        Ok(Weights::size(self.manifest.component(name)?, wanted))
    }

    /// Tokens that a text encoder reads at once.
    pub(super) fn tokens(&self) -> usize {
        let text = self.text.as_ref().or(self.text_2.as_ref());
        text.map_or(0, TextModel::length)
    }

    /// Refuses text or sizes of another width than the denoiser takes.
    pub(super) fn check_conditioning(&self, conditioning: &Conditioning) -> Result<()> {
        let Conditioning {
            context,
            pooled,
            time_ids,
        } = conditioning;
        let refuse = |field: &str, expected: usize, actual: usize| {
            let problem = format!("is {expected}, text encoders and sizes give {actual}");
            Err(Error::BadConfig {
                component: ComponentName::Unet.to_string(),
                field: field.into(),
                problem,
            })
        };
        let [_, _, width] = context.dims();
        if width != self.unet.cross_attention_dim {
            return refuse("cross_attention_dim", self.unet.cross_attention_dim, width);
        }
        let [_, pooled] = pooled.dims();
        let ids = time_ids.first().map_or(0, Vec::len);
        let (expected, actual) = (
            self.unet.projection_class_embeddings_input_dim,
            pooled + ids * self.unet.addition_time_embed_dim,
        );
        if expected != actual {
            return refuse("projection_class_embeddings_input_dim", expected, actual);
        }
        Ok(())
    }

    /// Finds the layers of this model that a LoRA is for.
    pub fn fit(&self, lora: &Lora) -> Result<FittedLora> {
        lora.fit(&self.manifest)
    }

    /// Puts those tensors of a component on the device that are `wanted`, and builds a network of them.
    pub async fn load<N>(
        &self,
        name: ComponentName,
        device: &Device,
        observer: &mut dyn Observer,
        wanted: impl Fn(&str) -> bool,
        init: impl FnOnce(&Scope) -> Result<N>,
    ) -> Result<Resident<N>> {
        let none = Adapters::default();
        self.load_adapted(name, device, observer, &none, wanted, init)
            .await
    }

    /// As [`Self::load`], with LoRAs that were fitted to this model.
    pub async fn load_adapted<N>(
        &self,
        name: ComponentName,
        device: &Device,
        observer: &mut dyn Observer,
        adapters: &Adapters<'_>,
        wanted: impl Fn(&str) -> bool,
        init: impl FnOnce(&Scope) -> Result<N>,
    ) -> Result<Resident<N>> {
        let component = self.manifest.component(name)?;
        let total = Weights::size(component, &wanted);
        let mut bytes = 0;
        observer.event(Event::Load {
            component: name,
            bytes,
            total,
        });
        let progress = |length| {
            bytes += length;
            observer.event(Event::Load {
                component: name,
                bytes,
                total,
            });
            check_cancelled(observer)
        };
        let source = &self.source;
        Weights::load(source, name, component, device, adapters, wanted, progress)
            .await?
            .build(init)
    }
}

async fn open_text<S: ShardSource>(
    manifest: &Manifest,
    source: &S,
    name: ComponentName,
    tokenizer: ComponentName,
) -> Result<Option<TextModel>> {
    let Some(component) = manifest.components.get(&name) else {
        return Ok(None);
    };
    let config = config::text_encoder(name, component)?;
    let files = manifest.component(tokenizer)?;
    let mut reader = StreamReader::new(source, tokenizer, files);
    let mut contents = Vec::new();
    for file in ["vocab.json", "merges.txt"] {
        let entry = files.file(file).ok_or_else(|| Error::BadManifest {
            place: tokenizer.to_string(),
            problem: format!("the file `{file}` is missing"),
            source: None,
        })?;
        contents.push(reader.file(entry).await?);
    }
    let special = files
        .config
        .get("special_tokens_map")
        .unwrap_or(&Value::Null);
    let tokenizer = Tokenizer::new(&contents[0], &contents[1], special)?;
    if tokenizer.vocab_size() > config.vocab_size {
        return Err(Error::BadConfig {
            component: name.to_string(),
            field: "vocab_size".into(),
            problem: format!(
                "is {}, its tokenizer has ids up to {}",
                config.vocab_size,
                tokenizer.vocab_size() - 1
            ),
        });
    }
    Ok(Some(TextModel {
        name,
        config,
        tokenizer,
    }))
}
