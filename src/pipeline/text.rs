//! The text stage: what base and refiner are told, from the prompts of a request.

use burn::tensor::Tensor;

use super::model::TextModel;
use super::progress::unless_cancelled;
use super::{Conditionings, Event, Model, Observer, Pipeline, Stage};
use crate::conditioning::Conditioning;
use crate::prompt::{Chunk, renormalised, weighted};
use crate::request::Request;
use crate::text_encoder::{TextEncoding, TextInput};
use crate::weights::source::ShardSource;
use crate::weights::{ComponentName, Scope};
use crate::{Error, Result};

/// Inputs that an encoder computes at once: activations of a prompt without end stay within what a GPU can bind.
const TOGETHER: usize = 16;

impl<S: ShardSource> Pipeline<S> {
    /// The text stage: each encoder is loaded once, for everything that base and refiner want of it.
    pub async fn encode_text(
        &self,
        request: &Request,
        observer: &mut dyn Observer,
    ) -> Result<Conditionings> {
        observer.event(Event::Stage { stage: Stage::Text });
        let mut batches = Batches(Vec::new());
        let base = match request.skip_base {
            true => None,
            false => Some(self.base_prompts(request, &mut batches)?),
        };
        let refiner = self.refiner.as_ref().filter(|_| request.refiner.is_some());
        let refiner = match refiner {
            Some(model) => Some((model, self.refiner_prompts(model, request, &mut batches)?)),
            None => None,
        };

        let mut encodings = Vec::new();
        for batch in &batches.0 {
            encodings.push(self.encode(batch, request, observer).await?);
        }
        let [sizes, negative_sizes] = [request.sizes(), request.negative_size_conditioning()];
        let guided = request.is_guided();
        let base = match base {
            Some(told) => {
                let ids = [negative_sizes.base_ids(), sizes.base_ids()];
                let conditioning = told.conditioning(&encodings, ids, guided)?;
                self.base.check_conditioning(&conditioning)?;
                Some(conditioning)
            }
            None => None,
        };
        let refiner = match refiner {
            Some((model, told)) => {
                let [negative_score, score] = request.aesthetic_scores();
                let ids = [
                    negative_sizes.refiner_ids(negative_score),
                    sizes.refiner_ids(score),
                ];
                let conditioning = told.conditioning(&encodings, ids, guided)?;
                model.check_conditioning(&conditioning)?;
                Some(conditioning)
            }
            None => None,
        };
        Ok(Conditionings { base, refiner })
    }

    /// The base reads with both encoders [`StableDiffusionXLPipeline.encode_prompt`].
    fn base_prompts<'a>(&'a self, request: &Request, batches: &mut Batches<'a, S>) -> Result<Told> {
        let second = request.prompt_2.as_deref().filter(|text| !text.is_empty());
        let second = second.unwrap_or(&request.prompt);
        let encoders = [
            Encoder::new(&self.base, ComponentName::TextEncoder)?,
            Encoder::new(&self.base, ComponentName::TextEncoder2)?,
        ];
        let negative = negative_prompt(&self.base, request);
        batches.add(&encoders, &[&request.prompt, second], negative, request)
    }

    /// The refiner reads with encoder 2 alone [`StableDiffusionXLImg2ImgPipeline.encode_prompt`], the base's if it has
    /// none of its own.
    fn refiner_prompts<'a>(
        &'a self,
        refiner: &'a Model<S>,
        request: &Request,
        batches: &mut Batches<'a, S>,
    ) -> Result<Told> {
        let model = match refiner.text_2 {
            Some(_) => refiner,
            None => &self.base,
        };
        let encoder = Encoder::new(model, ComponentName::TextEncoder2)?;
        let negative = negative_prompt(refiner, request);
        batches.add(&[encoder], &[&request.prompt], negative, request)
    }

    async fn encode(
        &self,
        batch: &Batch<'_, S>,
        request: &Request,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TextEncoding>> {
        let Encoder { model, text } = batch.encoder;
        let adapters = self.adapters(model, request);
        let init = |weights: &Scope| text.config.init(weights);
        let encoder = model
            .load_adapted(text.name, &self.device, observer, &adapters, |_| true, init)
            .await?;
        let mut encodings = Vec::new();
        for inputs in batch.inputs.chunks(TOGETHER) {
            let part = encoder.forward(inputs, self.precision.get(), &self.device);
            encodings.extend(unless_cancelled(observer, part).await?);
        }
        Ok(encodings)
    }
}

/// `None` where there is no guidance, and where a negative prompt that is not given means zeros to the model.
fn negative_prompt<'a, S: ShardSource>(model: &Model<S>, request: &'a Request) -> Option<&'a str> {
    let given = request.negative_prompt.as_deref();
    let negative = match model.force_zeros_for_empty_prompt() {
        true => given,
        false => given.or(Some("")),
    };
    negative.filter(|_| request.is_guided())
}

/// A text encoder, and the model whose weights it has.
struct Encoder<'a, S> {
    model: &'a Model<S>,
    text: &'a TextModel,
}

impl<'a, S> Encoder<'a, S> {
    fn new(model: &'a Model<S>, name: ComponentName) -> Result<Self> {
        let text = match name {
            ComponentName::TextEncoder => &model.text,
            _ => &model.text_2,
        };
        let text = text.as_ref().ok_or_else(|| Error::BadManifest {
            place: name.to_string(),
            problem: "the model has no such component".into(),
            source: None,
        })?;
        Ok(Self { model, text })
    }
}

/// What one encoder reads in one go.
struct Batch<'a, S> {
    encoder: Encoder<'a, S>,
    inputs: Vec<TextInput>,
}

struct Batches<'a, S>(Vec<Batch<'a, S>>);

/// What a denoiser is told, by prompt as each of its encoders reads it.
struct Told {
    positive: Vec<Prompt>,
    negative: Option<Vec<Prompt>>,
}

/// A prompt among the inputs of an encoder.
struct Prompt {
    /// Index of the batch.
    batch: usize,
    /// Each with its index in the batch.
    chunks: Vec<(usize, Chunk)>,
}

impl<'a, S> Batches<'a, S> {
    /// Takes up a prompt for each encoder, and a negative prompt for all of them. The one with fewer chunks is filled up
    /// with the empty prompt, so that both have contexts of one length. `clip_skip` is not for the negative prompt, as
    /// in diffusers.
    fn add(
        &mut self,
        encoders: &[Encoder<'a, S>],
        prompts: &[&str],
        negative: Option<&str>,
        request: &Request,
    ) -> Result<Told> {
        let read = |prompts: &[&str]| -> Result<Vec<Vec<Chunk>>> {
            let each = encoders.iter().zip(prompts);
            each.map(|(encoder, prompt)| encoder.text.chunks(prompt, request.prompt_syntax))
                .collect()
        };
        let positive = read(prompts)?;
        let negative = negative
            .map(|prompt| read(&vec![prompt; encoders.len()]))
            .transpose()?;
        let all = positive.iter().chain(negative.iter().flatten());
        let count = all.map(Vec::len).max().unwrap_or_default();

        let mut enter = |side: Vec<Vec<Chunk>>, clip_skip: usize| -> Result<Vec<Prompt>> {
            let each = encoders.iter().zip(side);
            each.map(|(encoder, mut chunks)| {
                chunks.resize_with(count, || encoder.text.empty_chunk());
                self.enter(encoder, chunks, clip_skip)
            })
            .collect()
        };
        Ok(Told {
            positive: enter(positive, request.clip_skip)?,
            negative: negative.map(|side| enter(side, 0)).transpose()?,
        })
    }

    /// Chunks that are the same are read once.
    fn enter(
        &mut self,
        encoder: &Encoder<'a, S>,
        chunks: Vec<Chunk>,
        clip_skip: usize,
    ) -> Result<Prompt> {
        let Encoder { model, text } = *encoder;
        let most = text.config.most_clip_skip();
        if clip_skip > most {
            return Err(Error::BadRequest {
                field: "clipSkip",
                problem: format!(
                    "{clip_skip} is more than the {most} that {} can skip",
                    text.name
                ),
            });
        }
        let known = |batch: &Batch<S>| std::ptr::eq(batch.encoder.text, text);
        let batch = self.0.iter().position(known).unwrap_or_else(|| {
            self.0.push(Batch {
                encoder: Encoder { model, text },
                inputs: Vec::new(),
            });
            self.0.len() - 1
        });
        let inputs = &mut self.0[batch].inputs;
        let chunks = chunks.into_iter().map(|chunk| {
            let ids = chunk.ids.clone();
            let input = TextInput { ids, clip_skip };
            let known = inputs.iter().position(|known| *known == input);
            let row = known.unwrap_or_else(|| {
                inputs.push(input);
                inputs.len() - 1
            });
            (row, chunk)
        });
        let chunks = chunks.collect();
        Ok(Prompt { batch, chunks })
    }
}

impl Told {
    /// One batch of both halves, the negative first; `ids` likewise. A guided half that was not read is zeros.
    fn conditioning(
        &self,
        encodings: &[Vec<TextEncoding>],
        ids: [Vec<f32>; 2],
        guided: bool,
    ) -> Result<Conditioning> {
        let half = |prompts: &[Prompt], ids| -> Result<Conditioning> {
            let contexts = prompts.iter().map(|prompt| prompt.context(encodings));
            Ok(Conditioning {
                context: Tensor::cat(contexts.collect(), 2),
                pooled: prompts
                    .last()
                    .and_then(|prompt| prompt.pooled(encodings))
                    .ok_or_else(no_projection)?,
                time_ids: vec![ids],
            })
        };
        let [negative_ids, ids] = ids;
        let positive = half(&self.positive, ids)?;
        if !guided {
            return Ok(positive);
        }
        let negative = match &self.negative {
            Some(prompts) => half(prompts, negative_ids)?,
            None => Conditioning {
                context: positive.context.zeros_like(),
                pooled: positive.pooled.zeros_like(),
                time_ids: vec![negative_ids],
            },
        };
        Ok(negative.join(positive))
    }
}

impl Prompt {
    /// States of all chunks, one behind the other: `[1, tokens, width]`.
    fn context(&self, encodings: &[Vec<TextEncoding>]) -> Tensor<3> {
        let chunks = self.chunks.iter().map(|(row, chunk)| {
            let states = encodings[self.batch][*row].states.clone();
            match chunk.is_weighted() {
                true => renormalised(weighted(states.clone(), &chunk.weights), states),
                false => states,
            }
        });
        Tensor::cat(chunks.collect(), 1)
    }

    /// Of the first chunk, without its weights, as in the web UI: `[1, width]`.
    fn pooled(&self, encodings: &[Vec<TextEncoding>]) -> Option<Tensor<2>> {
        let (row, _) = self.chunks.first()?;
        encodings[self.batch][*row].pooled.clone()
    }
}

fn no_projection() -> Error {
    Error::BadConfig {
        component: ComponentName::TextEncoder2.to_string(),
        field: "architectures".into(),
        problem: "must name CLIPTextModelWithProjection, as in SDXL".into(),
    }
}
