use sdxl_web::noise::Generator;
use serde::Deserialize;

use crate::compare::{NOISE, compare_values};
use crate::fixture::cases;

/// What one generator draws, one tensor after the other.
#[derive(Deserialize)]
struct Case {
    seed: u64,
    draws: Vec<Draw>,
}

/// A tensor's first and last values; all of them where it has few.
#[derive(Deserialize)]
struct Draw {
    count: usize,
    first: Vec<f32>,
    last: Vec<f32>,
}

#[test]
fn noise_is_that_of_torch() {
    for Case { seed, draws } in cases("noise") {
        let mut generator = Generator::new(seed);
        for (number, draw) in draws.iter().enumerate() {
            let values = generator.normal(draw.count);
            let case = format!("seed {seed}, draw {number}");
            let (first, last) = (draw.first.len(), draw.count - draw.last.len());
            let ends = [
                ("first", &values[..first], &draw.first),
                ("last", &values[last..], &draw.last),
            ];
            for (end, actual, expected) in ends {
                let name = format!("{end} of {}", draw.count);
                compare_values(&case, &name, actual, expected, NOISE);
            }
        }
    }
}
