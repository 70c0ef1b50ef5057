//! Normal noise equal to torch's CPU generator, so that a seed draws the picture it draws in diffusers.
//!
//! torch seeds a Mersenne twister (MT19937, Matsumoto and Nishimura 1998) and turns pairs of its numbers into normal ones by
//! Box and Muller's transform, sixteen at a time (`normal_fill` in ATen's DistributionTemplates.h).

/// Numbers of the twister's state.
const STATE: usize = 624;
/// Distance between the numbers that are combined.
const MIDDLE: usize = 397;
/// Values that torch transforms together; shorter tensors take another path.
const BLOCK: usize = 16;

/// A `torch.Generator("cpu")`.
#[derive(Debug, Clone)]
pub struct Generator {
    state: [u32; STATE],
    next: usize,
    /// The second value of a pair that a short draw left over.
    spare: Option<f64>,
}

impl Generator {
    /// `manual_seed`; torch takes the low 32 bits.
    pub fn new(seed: u64) -> Self {
        let mut state = [0; STATE];
        state[0] = seed as u32;
        for i in 1..STATE {
            let last = state[i - 1];
            state[i] = (last ^ last >> 30)
                .wrapping_mul(1_812_433_253)
                .wrapping_add(i as u32);
        }
        Self {
            state,
            next: STATE,
            spare: None,
        }
    }

    /// `torch.randn` of `count` values in f32.
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        if count < BLOCK {
            return (0..count).map(|_| self.normal_f64() as f32).collect();
        }
        let mut values: Vec<f32> = (0..count).map(|_| self.uniform_f32()).collect();
        let whole = count - count % BLOCK;
        values[..whole].chunks_mut(BLOCK).for_each(box_muller);
        if whole < count {
            let tail = &mut values[count - BLOCK..];
            tail.iter_mut()
                .for_each(|value| *value = self.uniform_f32());
            box_muller(tail);
        }
        values
    }

    fn normal_f64(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let (u1, u2) = (self.uniform_f64(), self.uniform_f64());
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * u1).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }

    fn uniform_f32(&mut self) -> f32 {
        (self.next_u32() & 0xFF_FFFF) as f32 / (1 << 24) as f32
    }

    fn uniform_f64(&mut self) -> f64 {
        let (high, low) = (u64::from(self.next_u32()), u64::from(self.next_u32()));
        ((high << 32 | low) & ((1 << 53) - 1)) as f64 / (1u64 << 53) as f64
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == STATE {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9D2C_5680;
        y ^= y << 15 & 0xEFC6_0000;
        y ^ y >> 18
    }

    fn twist(&mut self) {
        for i in 0..STATE {
            let y = self.state[i] & 0x8000_0000 | self.state[(i + 1) % STATE] & 0x7FFF_FFFF;
            let odd = if y & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[i] = self.state[(i + MIDDLE) % STATE] ^ y >> 1 ^ odd;
        }
        self.next = 0;
    }
}

/// The first half of a block gives the radii, the second the angles.
fn box_muller(block: &mut [f32]) {
    let (first, second) = block.split_at_mut(BLOCK / 2);
    for (a, b) in first.iter_mut().zip(second) {
        let radius = (-2.0 * (1.0 - *a).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * *b).sin_cos();
        (*a, *b) = (radius * cos, radius * sin);
    }
}
