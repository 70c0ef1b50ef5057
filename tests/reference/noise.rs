use sdxl_web::noise::Generator;
use serde::Deserialize;

use super::check::{Check, NOISE};

#[derive(Deserialize)]
struct Noise {
    draws: Vec<Draw>,
    sequences: Vec<Sequence>,
}

/// The first and last values of a tensor; all of them where it has few.
#[derive(Deserialize)]
struct Draw {
    seed: u64,
    shape: Vec<usize>,
    first: Vec<f32>,
    last: Vec<f32>,
}

/// What one generator draws, one tensor after the other.
#[derive(Deserialize)]
struct Sequence {
    seed: u64,
    draws: Vec<Whole>,
}

#[derive(Deserialize)]
struct Whole {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Noise is that of torch's CPU generator.
pub fn run(check: &mut Check<'_>) {
    // Python writes the deviation of a single value, which is none, as JSON does not know it.
    let json = String::from_utf8(check.set().file("rng.json")).unwrap();
    let noise: Noise = serde_json::from_str(&json.replace(": NaN", ": null")).unwrap();
    for draw in &noise.draws {
        let count: usize = draw.shape.iter().product();
        let values = Generator::new(draw.seed).normal(count);
        let case = format!("seed {}", draw.seed);
        let tensor = format!("{:?}", draw.shape);
        let (first, last) = (draw.first.len(), count - draw.last.len());
        check.values(
            &case,
            &format!("{tensor} first"),
            &values[..first],
            &draw.first,
            NOISE,
        );
        check.values(
            &case,
            &format!("{tensor} last"),
            &values[last..],
            &draw.last,
            NOISE,
        );
    }
    for sequence in &noise.sequences {
        let mut generator = Generator::new(sequence.seed);
        for (number, draw) in sequence.draws.iter().enumerate() {
            let values = generator.normal(draw.shape.iter().product());
            let case = format!("seed {}, one generator", sequence.seed);
            check.values(
                &case,
                &format!("draw {number}"),
                &values,
                &draw.values,
                NOISE,
            );
        }
    }
}
