use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;

use super::count::{GUIDED, TOKENS};
use super::work::{Kind as Layers, Work};
use super::*;
use crate::device::Room;
use crate::pipeline::Event;
use crate::unet::UNetConfig;
use crate::vae::VaeConfig;
use crate::weights::{ComponentName, Kind};

const LATENT: [usize; 2] = [128, 128];

fn teraflop(work: &Work) -> f64 {
    work.flops() as f64 / 1e12
}

fn published_unets() -> [UNetConfig; 2] {
    let configs = Configs::published().unwrap();
    [configs.unet, configs.refiner.unwrap()].map(|unet| serde_json::from_value(unet).unwrap())
}

#[test]
fn the_work_of_the_published_networks_is_known() {
    let [base, refiner] = published_unets();
    let of = |config, batch| unet_work(config, batch, LATENT, TOKENS).unwrap();
    // diffusers computes keys and values of the text in every step, 6.761 and 7.286 in all.
    let of_text = |blocks_by_width: &[(usize, usize)], context: usize| {
        let layers = blocks_by_width.iter();
        let flops = layers.map(|(blocks, width)| 2 * 2 * blocks * TOKENS * context * width);
        flops.sum::<usize>() as f64 / 1e12
    };
    let text = of_text(&[(60, 1280), (10, 640)], 2048);
    assert!((teraflop(&of(&base, 1)) + text - 6.761).abs() < 0.001);
    let text = of_text(&[(20, 768), (24, 1536)], 1280);
    assert!((teraflop(&of(&refiner, 1)) + text - 7.286).abs() < 0.001);
    let [one, two] = [1, 2].map(|batch| of(&base, batch));
    for kind in [Layers::Conv2d, Layers::Attention] {
        assert_eq!(2 * one.flops_of(kind), two.flops_of(kind));
    }

    let vae: VaeConfig = serde_json::from_value(Configs::published().unwrap().vae).unwrap();
    let decode = decoder_work(&vae, LATENT);
    assert!(
        (teraflop(&decode) - 10.5).abs() < 0.05,
        "{}",
        teraflop(&decode)
    );
}

#[test]
fn every_layer_of_the_base_is_counted() {
    let [base, _] = published_unets();
    let work = unet_work(&base, 1, LATENT, TOKENS).unwrap();
    let count = |kind| {
        let layers = work.layers().filter(|(layer, _)| layer.kind() == kind);
        layers.map(|(_, count)| count).sum::<usize>()
    };
    // The published UNet: 17 residual blocks, 11 transformers with 70 blocks in all.
    assert_eq!(count(Layers::Attention), 2 * 70);
    assert_eq!(count(Layers::Norm), 3 * 70 + 2 * 17 + 11 + 1);
    assert_eq!(count(Layers::Conv2d), 2 * 17 + 2 + 2 + 2);
}

#[test]
fn odd_sizes_go_up_to_where_they_came_from() {
    let [base, _] = published_unets();
    let work = unet_work(&base, 1, [37, 29], TOKENS).unwrap();
    let upsampled: Vec<_> = work
        .layers()
        .filter_map(|(layer, _)| match layer {
            work::Layer::Conv2d { input, resized, .. } if input != resized => {
                Some((input, resized))
            }
            _ => None,
        })
        .collect();
    assert_eq!(upsampled, [([10, 8], [19, 15]), ([19, 15], [37, 29])]);
}

/// 4 GiB with 8 bits, 2.6 GiB with 4: both halves of the guidance at once, and the VAE in strips that leave them their room.
#[test]
fn sdxl_has_room_at_its_native_size() {
    let (configs, device) = (Configs::published().unwrap(), Device::flex());
    let gibibyte = (1u64 << 30) as f64;
    for (scheme, limit) in [(Encoding::Q8, 4.0), (Encoding::Q4, 2.6)] {
        let room = Room {
            memory: (limit * gibibyte) as u64,
            ..Room::UNLIMITED
        };
        for kind in [Kind::Base, Kind::Refiner] {
            let model = pollster::block_on(synthetic::model(&configs, kind, scheme, &device));
            let model = model.unwrap();
            let size = |name, wanted: fn(&str) -> bool| model.weight_size(name, wanted).unwrap();
            let weights = size(ComponentName::Unet, |_| true);
            let footprint = model.unet.footprint(GUIDED, LATENT, TOKENS, false).unwrap();
            let activations = (footprint.all + footprint.context) * size_of::<f32>() as u64;
            let taken = weights + (activations as f64 * UNetConfig::POOLS) as u64;
            println!("{kind:?} in {scheme}: {:.2} GiB", taken as f64 / gibibyte);
            assert!(activations <= room.beside(weights, UNetConfig::POOLS).memory);

            let Some(vae) = &model.vae else { continue };
            let weights = size(ComponentName::Vae, VaeConfig::is_of_decoder);
            let rows = vae.rows_per_strip([1024, 1024], room.beside(weights, VaeConfig::POOLS));
            println!("VAE in {scheme}: strips of {rows:?} rows");
            assert!(rows.is_some());
        }
    }
}

struct Clock {
    began: Instant,
    measured: Vec<String>,
}

impl Observer for Clock {
    fn event(&mut self, _: Event) {}
}

impl Host for Clock {
    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn gpu_bytes(&mut self) -> Option<u64> {
        None
    }

    fn measuring(&mut self, what: &str, _: usize, _: usize) {
        self.measured.push(what.to_owned());
    }
}

impl Clock {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            measured: Vec::new(),
        }
    }
}

fn cpu() -> Gpu {
    Gpu {
        device: Device::flex(),
        adapter: "CPU".into(),
        room: Room::UNLIMITED,
        features: vec![],
    }
}

/// Of the reference set's tiny model.
fn tiny_configs() -> Configs {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference");
    Configs::read(&folder).unwrap()
}

fn run_tiny(only: Option<NetworkName>, size: usize) -> Result<Report> {
    let options = Options {
        size,
        weights: Encoding::Q8,
        f16: false,
        only,
        repeats: 1,
        adapter: None,
    };
    let mut host = Clock::new();
    let report = pollster::block_on(run(&tiny_configs(), &cpu(), &options, &mut host));
    assert!(report.is_err() || host.measured.len() > 10);
    report
}

#[test]
fn a_tiny_model_is_measured_whole_and_in_layers() {
    let report = run_tiny(None, 64).unwrap();
    assert_eq!(report.networks.len(), 3);
    assert!(report.yardstick.tflops > 0.0 && report.linear.tflops > 0.0);
    assert!(report.launch_us > 0.0);
    for network in &report.networks {
        assert!(network.finite, "{:?}", network.name);
        assert!(network.load_ms > 0.0 && network.weight_bytes > 0);
        assert!(network.tflops() > 0.0 && network.forward_ms > 0.0);
        let gflop: f64 = network.layers.iter().map(|layer| layer.gflop).sum();
        assert!((gflop / network.gflop - 1.0).abs() < 1e-6);
        assert!(network.layers.iter().all(|layer| layer.ms > 0.0));
    }
    let markdown = report.to_markdown();
    assert!(markdown.contains("at 64x64 on CPU"), "{markdown}");
    assert!(
        !markdown.contains("NaN") && !markdown.contains("NOT FINITE"),
        "{markdown}"
    );
    assert!(
        serde_json::to_string(&report)
            .unwrap()
            .contains("\"stepMs\"")
    );
}

#[test]
fn a_size_that_the_vae_cannot_have_is_refused() {
    let refused = run_tiny(Some(NetworkName::Vae), 63);
    assert!(matches!(
        refused,
        Err(Error::BadRequest { field: "size", .. })
    ));
}

#[test]
fn what_is_read_and_stored_of_sdxl_follows_from_its_configs() {
    let [base, refiner] = sizes(Encoding::Q8).unwrap();
    // Parameters that the published networks are known to have: UNet, CLIP-L, OpenCLIP-G, VAE; the refiner's UNet.
    let of_base = 2_567_463_684 + 123_060_480 + 694_659_840 + 83_653_863;
    let counted = [base, refiner].map(|bytes| bytes.read);
    assert_eq!(counted, [2 * of_base, 2 * 2_259_526_660]);
    let share = |bytes: Bytes| bytes.stored as f64 / bytes.read as f64;
    assert!(share(base) > 0.5 && share(base) < 0.55, "{}", share(base));
    let [four, _] = sizes(Encoding::Q4).unwrap();
    assert!(share(four) > 0.25 && share(four) < 0.32, "{}", share(four));
}

#[test]
fn a_forecast_needs_no_weights_and_no_full_run() {
    let plan = |size| Plan {
        size,
        weights: Encoding::Q8,
        // As fast as a processor: what is measured is a part of a layer.
        tuning: Some(Tuning {
            speed: 1e6,
            ..Tuning::default()
        }),
        memory: None,
    };
    let configs = tiny_configs();
    let told = |size| {
        let (gpu, plan, mut host) = (cpu(), plan(size), Clock::new());
        let told = forecast(&configs, &gpu, &plan, &mut host);
        pollster::block_on(told)
    };
    let small = told(64).unwrap();
    assert!(small.base_step > 0.0 && small.refiner_step > Some(0.0) && small.decode > 0.0);
    assert!(small.base_step.is_finite() && small.decode.is_finite());
    assert!(told(128).unwrap().memory > small.memory);
    assert!(matches!(
        told(63),
        Err(Error::BadRequest {
            field: "height",
            ..
        })
    ));
}

#[test]
fn parts_of_a_layer_are_its_work_divided() {
    let [base, _] = published_unets();
    let work = unet_work(&base, GUIDED, LATENT, TOKENS).unwrap();
    for (layer, _) in work.layers() {
        let amount = |layer: work::Layer| layer.flops() + layer.values_moved();
        let share = amount(layer) as f64 / amount(layer.part(2)) as f64;
        let small = share < 1.9;
        assert!(
            share <= 2.0 && (!small || amount(layer) < 1 << 30),
            "{layer}: {share}"
        );
    }
}
