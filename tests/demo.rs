//! The packed demo model, natively, against the pictures that diffusers drew with the exact weights in f32.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test may fail, and has no readers from outside"
)]

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use burn::tensor::Device;
use sdxl_web::pipeline::{Event, Latents, Model, Observer};
use sdxl_web::request::Refine;
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::{Image, Inputs, Pipeline, Request};

/// Q8 alone costs these two pictures 40 and 53 dB; a wrong operation costs far more.
const LEAST_PSNR: f64 = 35.0;

async fn open() -> Pipeline<FolderSource> {
    let half = |kind| async move {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("www/models/demo")
            .join(kind);
        let (source, manifest) = FolderSource::open(folder).unwrap();
        Model::open(manifest, source).await.unwrap()
    };
    let refiner = Some(half("refiner").await);
    Pipeline::new(half("base").await, refiner, Device::flex()).unwrap()
}

fn draw(prompt: &str, seed: u64, refiner: Option<Refine>) -> Image {
    pollster::block_on(async {
        let pipeline = open().await;
        let side = pipeline.native_size();
        assert_eq!(side, 256);
        let request = Request {
            prompt: prompt.into(),
            seed,
            steps: 30,
            guidance_scale: 4.0,
            width: side,
            height: side,
            refiner,
            ..Request::default()
        };
        let inputs = Inputs::default();
        let images = pipeline.generate(&request, &inputs, &mut ()).await;
        images.unwrap().remove(0)
    })
}

fn assert_like(image: &Image, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/demo")
        .join(file);
    let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap()))
        .read_info()
        .unwrap();
    let mut expected = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut expected).unwrap();
    assert_eq!(image.rgb.len(), expected.len(), "{file}");
    let squares = image
        .rgb
        .iter()
        .zip(&expected)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    let psnr = 10.0 * (255.0 * 255.0 * expected.len() as f64 / squares.sum::<f64>()).log10();
    println!("{file}: {psnr:.1} dB");
    assert!(
        psnr >= LEAST_PSNR,
        "{file}: {psnr:.1} dB, at least {LEAST_PSNR} wanted"
    );
}

#[test]
fn the_base_draws_what_diffusers_draws() {
    assert_like(
        &draw("a large red circle on a white background", 8, None),
        "008-base.png",
    );
}

#[test]
fn the_refiner_finishes_what_the_base_began() {
    let refiner = Some(Refine::Ensemble { switch_at: 0.8 });
    assert_like(
        &draw("a small blue square left of a green triangle", 9, refiner),
        "009-refined.png",
    );
}

/// Keeps the latents, and nothing else.
#[derive(Default)]
struct Keeper(Option<Latents>);

impl Observer for Keeper {
    fn event(&mut self, _: Event) {}

    fn keeps_latents(&self) -> bool {
        true
    }

    fn denoised(&mut self, latents: &Latents) {
        self.0 = Some(latents.clone());
    }
}

#[test]
fn kept_latents_are_decoded_to_the_same_pictures() {
    let request = Request {
        prompt: "a large red circle on a white background".into(),
        images: 2,
        steps: 2,
        width: 64,
        height: 96,
        ..Request::default()
    };
    pollster::block_on(async {
        let (pipeline, mut keeper) = (open().await, Keeper::default());
        let inputs = Inputs::default();
        let drawn = pipeline.generate(&request, &inputs, &mut keeper);
        let drawn = drawn.await.unwrap();
        let latents = keeper.0.unwrap();
        let again = async |latents: Latents| pipeline.decode_again(&latents, &mut ()).await;
        assert_eq!(again(latents.clone()).await.unwrap(), drawn);

        let [images, height, width, channels] = latents.shape;
        let mut broken = latents.values.clone();
        broken[7] = f32::NAN;
        for (shape, values) in [
            ([images, height, width, channels + 1], &latents.values),
            ([images, height + 1, width, channels], &latents.values),
            ([0, height, width, channels], &latents.values),
            ([images, usize::MAX, width, channels], &latents.values),
            (latents.shape, &broken),
        ] {
            let values = values.clone();
            let refused = again(Latents { shape, values }).await.unwrap_err();
            assert_eq!(refused.code(), "BadRequest", "{shape:?}: {refused}");
        }
    });
}
