use burn::tensor::{Device, Tensor};
use sdxl_web::conditioning::Conditioning;
use sdxl_web::pipeline::{Conditionings, Event, Observer, Pipeline};
use sdxl_web::prompt::PromptSyntax;
use sdxl_web::request::Refine;
use sdxl_web::weights::ComponentName;
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::{Error, Request, Result};

use crate::demo;

/// More than one chunk, fewer than three.
const LONG: &str = "a red apple, (a yellow star:1.2) inside of a large blue circle, ";

fn pipeline() -> Pipeline<FolderSource> {
    let (base, refiner) = (demo("base", |_| ()), demo("refiner", |_| ()));
    Pipeline::new(base, Some(refiner), Device::flex()).unwrap()
}

fn request(prompt: &str) -> Request {
    Request {
        prompt: prompt.into(),
        prompt_syntax: PromptSyntax::Weighted,
        ..Request::default()
    }
}

fn encode(request: &Request) -> Result<Conditionings> {
    pollster::block_on(pipeline().encode_text(request, &mut ()))
}

fn base(request: &Request) -> Conditioning {
    encode(request).unwrap().base.unwrap()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// Part of one row of the context.
fn context(told: &Conditioning, row: usize, tokens: std::ops::Range<usize>) -> Vec<f32> {
    let context = told.context.clone().narrow(0, row, 1);
    values(context.narrow(1, tokens.start, tokens.len()))
}

fn assert_close(actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len());
    let off = actual.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let off = off.fold(0.0, f32::max);
    assert!(off < 1e-5, "off by {off}");
}

#[derive(Default)]
struct Loads(Vec<ComponentName>);

impl Observer for Loads {
    fn event(&mut self, event: Event) {
        if let Event::Load {
            component,
            bytes: 0,
            ..
        } = event
        {
            self.0.push(component);
        }
    }
}

#[test]
fn each_encoder_is_loaded_once_for_base_and_refiner() {
    let request = Request {
        negative_prompt: Some("blurry".into()),
        refiner: Some(Refine::Ensemble { switch_at: 0.8 }),
        ..request("a red apple")
    };
    let mut loads = Loads::default();
    let told = pollster::block_on(pipeline().encode_text(&request, &mut loads)).unwrap();
    assert!(told.base.is_some() && told.refiner.is_some());
    let both = [ComponentName::TextEncoder, ComponentName::TextEncoder2];
    assert_eq!(loads.0, both);
}

#[test]
fn the_refiner_alone_reads_with_encoder_2_alone() {
    let request = Request {
        refiner: Some(Refine::SdEdit {
            strength: 0.3,
            steps: None,
        }),
        skip_base: true,
        ..request("a red apple")
    };
    let mut loads = Loads::default();
    let told = pollster::block_on(pipeline().encode_text(&request, &mut loads)).unwrap();
    assert!(told.base.is_none() && told.refiner.is_some());
    assert_eq!(loads.0, [ComponentName::TextEncoder2]);
}

#[test]
fn a_long_prompt_goes_on_and_the_shorter_one_is_filled_up_with_nothing() {
    let long = Request {
        negative_prompt: Some("blurry".into()),
        ..request(&LONG.repeat(8))
    };
    let told = base(&long);
    let [_, tokens, _] = told.context.dims();
    assert_eq!(tokens, 2 * 77);

    let short = base(&Request {
        negative_prompt: Some(String::new()),
        ..request("blurry")
    });
    let [nothing, blurry] = [0, 1].map(|row| context(&short, row, 0..77));
    assert_close(&context(&told, 0, 0..77), &blurry);
    assert_close(&context(&told, 0, 77..154), &nothing);
    assert_ne!(context(&told, 1, 77..154), nothing);
    let pooled = values(short.pooled.narrow(0, 1, 1));
    assert_close(&values(told.pooled.narrow(0, 0, 1)), &pooled);
}

#[test]
fn a_break_starts_another_chunk() {
    let told = base(&request("a red apple BREAK (a star:1.3)"));
    let apple = base(&request("a red apple"));
    let star = base(&request("(a star:1.3)"));
    assert_close(&context(&told, 1, 0..77), &context(&apple, 1, 0..77));
    assert_close(&context(&told, 1, 77..154), &context(&star, 1, 0..77));
    assert_close(&values(told.pooled), &values(apple.pooled));
}

#[test]
fn plain_prompts_have_no_syntax() {
    let plain = base(&Request {
        prompt_syntax: PromptSyntax::Plain,
        ..request("(a star:1.3)")
    });
    let escaped = base(&request("\\(a star:1.3\\)"));
    // The escaped one is one fragment, so it has the same tokens.
    assert_close(&values(plain.context), &values(escaped.context));
}

#[test]
fn weights_leave_pooled_text_and_mean_as_they_are() {
    let plain = base(&request("a star"));
    let weighted = base(&request("(a star:1.3)"));
    assert_close(&values(weighted.pooled), &values(plain.pooled));
    assert_ne!(values(weighted.context), values(plain.context));
}

#[test]
fn a_negative_prompt_that_is_not_given_is_what_each_model_says() {
    let refiner = Some(Refine::Ensemble { switch_at: 0.8 });
    let long = Request {
        refiner,
        ..request(&LONG.repeat(8))
    };
    let is_zero = |told: Option<Conditioning>| {
        let told = told.unwrap();
        let pooled = values(told.pooled.clone().narrow(0, 0, 1));
        let mut values = context(&told, 0, 0..154);
        values.extend(pooled);
        values.iter().all(|&value| value == 0.0)
    };
    let told = encode(&long).unwrap();
    assert!(is_zero(told.base));
    assert!(!is_zero(told.refiner));

    let flag = "force_zeros_for_empty_prompt";
    let base = demo("base", |manifest| {
        manifest.pipeline.insert(flag.into(), false.into());
    });
    let refiner = demo("refiner", |manifest| {
        manifest.pipeline.remove(flag);
    });
    let pipeline = Pipeline::new(base, Some(refiner), Device::flex()).unwrap();
    let told = pollster::block_on(pipeline.encode_text(&long, &mut ())).unwrap();
    assert!(!is_zero(told.base));
    assert!(is_zero(told.refiner));
}

#[test]
fn clip_skip_is_for_the_prompt_and_bounded_by_the_layers() {
    let skipping = |clip_skip| Request {
        clip_skip,
        negative_prompt: Some(String::new()),
        ..request("a star")
    };
    let (none, one) = (base(&skipping(0)), base(&skipping(1)));
    assert_close(&context(&one, 0, 0..77), &context(&none, 0, 0..77));
    assert_ne!(context(&one, 1, 0..77), context(&none, 1, 0..77));
    assert_close(&values(one.pooled), &values(none.pooled));

    match encode(&skipping(1000)) {
        Err(Error::BadRequest { field, .. }) => assert_eq!(field, "clipSkip"),
        other => panic!("{:?}", other.map(|_| "encoded")),
    }
}
