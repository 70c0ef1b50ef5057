//! A few numbers that stand for an output, so that a browser, which has no twins, can be held against them.
//!
//! Each is the sum of all values under random signs. For the difference of two outputs, the mean square of such sums is the
//! square of its length (Johnson and Lindenstrauss): the sketches of two outputs tell how far apart the outputs are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Sums of one sketch; the distance is told within a fifth, give or take.
const SUMS: usize = 16;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sketch {
    shape: Vec<usize>,
    /// Of the vector of all values.
    length: f32,
    sums: Vec<f32>,
}

/// Sketches by case.
pub type Sketches = BTreeMap<String, Sketch>;

impl Sketch {
    pub fn of(shape: &[usize], values: &[f32]) -> Self {
        let mut sums = vec![0.0; SUMS];
        for (i, &value) in values.iter().enumerate() {
            let signs = scrambled(i as u64);
            for (bit, sum) in sums.iter_mut().enumerate() {
                let value = f64::from(value);
                *sum += if signs >> bit & 1 == 0 { value } else { -value };
            }
        }
        let squares = values.iter().map(|&value| f64::from(value).powi(2));
        Self {
            shape: shape.to_vec(),
            length: squares.sum::<f64>().sqrt() as f32,
            sums: sums.into_iter().map(|sum| sum as f32).collect(),
        }
    }

    /// The distance of the outputs, relative to this one's length; infinite if they are of other shapes.
    pub fn distance(&self, other: &Self) -> f64 {
        if self.shape != other.shape {
            return f64::INFINITY;
        }
        let pairs = self.sums.iter().zip(&other.sums);
        let squares = pairs.map(|(a, b)| f64::from(a - b).powi(2));
        (squares.sum::<f64>() / SUMS as f64).sqrt() / f64::from(self.length)
    }
}

/// Random bits for a number (Steele, Lea and Flood's splitmix).
fn scrambled(number: u64) -> u64 {
    let mut x = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
