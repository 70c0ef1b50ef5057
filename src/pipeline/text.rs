//! The text stage: what base and refiner are told, from the prompts of a request.

use burn::tensor::Tensor;

use super::model::TextModel;
use super::{Model, Observer, Pipeline};
use crate::conditioning::Conditioning;
use crate::request::Request;
use crate::text_encoder::TextEncoding;
use crate::weights::source::ShardSource;
use crate::weights::{ComponentName, Scope};
use crate::{Error, Result};

impl<S: ShardSource> Pipeline<S> {
    /// The base's conditioning, negative half first where there is guidance [`StableDiffusionXLPipeline.encode_prompt`].
    pub(super) async fn encode_base(
        &self,
        request: &Request,
        observer: &mut dyn Observer,
    ) -> Result<Conditioning> {
        let negative = match &request.negative_prompt {
            Some(text) => Some(text.as_str()),
            None if self.base.force_zeros_for_empty_prompt() => None,
            None => Some(""),
        };
        let negative = negative.filter(|_| request.is_guided());
        let second = request.prompt_2.as_deref().unwrap_or(&request.prompt);
        let text = needed(&self.base.text, ComponentName::TextEncoder)?;
        let text_2 = needed(&self.base.text_2, ComponentName::TextEncoder2)?;

        let first = self
            .encode(
                &self.base,
                text,
                [Some(request.prompt.as_str()), negative],
                observer,
            )
            .await?;
        let second = self
            .encode(&self.base, text_2, [Some(second), negative], observer)
            .await?;
        let [positive_sizes, negative_sizes] =
            [request.sizes(), request.negative_size_conditioning()];
        let conditioning = |row: usize, ids: Vec<f32>| -> Result<Conditioning> {
            let context = Tensor::cat(vec![states(&first, row), states(&second, row)], 2);
            Ok(Conditioning {
                context,
                pooled: pooled(&second, row)?,
                time_ids: vec![ids],
            })
        };
        let positive = conditioning(0, positive_sizes.base_ids())?;
        if !request.is_guided() {
            return Ok(positive);
        }
        let negative = match negative {
            Some(_) => conditioning(1, negative_sizes.base_ids())?,
            None => Conditioning {
                context: positive.context.zeros_like(),
                pooled: positive.pooled.zeros_like(),
                time_ids: vec![negative_sizes.base_ids()],
            },
        };
        Ok(negative.join(positive))
    }

    /// The refiner's, which reads encoder 2 alone and encodes a negative prompt that is not given
    /// as the empty one, as the published refiner says [`StableDiffusionXLImg2ImgPipeline.encode_prompt`].
    pub(super) async fn encode_refiner(
        &self,
        refiner: &Model<S>,
        request: &Request,
        observer: &mut dyn Observer,
    ) -> Result<Conditioning> {
        let model = if refiner.text_2.is_some() {
            refiner
        } else {
            &self.base
        };
        let text = needed(&model.text_2, ComponentName::TextEncoder2)?;
        let negative = request
            .is_guided()
            .then(|| request.negative_prompt.as_deref().unwrap_or_default());
        let encoded = self
            .encode(
                model,
                text,
                [Some(request.prompt.as_str()), negative],
                observer,
            )
            .await?;

        let [negative_score, score] = request.aesthetic_scores();
        let conditioning = |row: usize, ids: Vec<f32>| -> Result<Conditioning> {
            Ok(Conditioning {
                context: states(&encoded, row),
                pooled: pooled(&encoded, row)?,
                time_ids: vec![ids],
            })
        };
        let positive = conditioning(0, request.sizes().refiner_ids(score))?;
        if negative.is_none() {
            return Ok(positive);
        }
        let ids = request
            .negative_size_conditioning()
            .refiner_ids(negative_score);
        Ok(conditioning(1, ids)?.join(positive))
    }

    async fn encode(
        &self,
        model: &Model<S>,
        text: &TextModel,
        prompts: [Option<&str>; 2],
        observer: &mut dyn Observer,
    ) -> Result<TextEncoding> {
        let length = text.config.max_position_embeddings;
        let ids = prompts
            .into_iter()
            .flatten()
            .map(|prompt| text.tokenizer.encode(prompt, length));
        let ids = ids.collect::<Result<Vec<_>>>()?;
        let init = |weights: &Scope| text.config.init(weights);
        let encoder = model
            .load(text.name, &self.device, observer, |_| true, init)
            .await?;
        Ok(encoder.forward(&ids, &self.device))
    }
}

fn states(encoding: &TextEncoding, row: usize) -> Tensor<3> {
    encoding.penultimate.clone().narrow(0, row, 1)
}

fn pooled(encoding: &TextEncoding, row: usize) -> Result<Tensor<2>> {
    match &encoding.pooled {
        Some(pooled) => Ok(pooled.clone().narrow(0, row, 1)),
        None => Err(Error::BadConfig {
            component: ComponentName::TextEncoder2.to_string(),
            field: "architectures".into(),
            problem: "must name CLIPTextModelWithProjection, as in SDXL".into(),
        }),
    }
}

fn needed(text: &Option<TextModel>, name: ComponentName) -> Result<&TextModel> {
    text.as_ref().ok_or_else(|| Error::BadManifest {
        place: name.to_string(),
        problem: "the model has no such component".into(),
        source: None,
    })
}
