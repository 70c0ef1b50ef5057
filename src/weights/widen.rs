//! f16 as f32, by arithmetic that compilers turn into vectors: checkpoints have billions of these, and wasm no instruction for it.

/// 2^112: what separates the biases of the exponents.
const REBIAS: f32 = f32::from_bits((127 + 112) << 23);
/// The least number that only infinities and NaNs become.
const BEYOND: f32 = 65536.0;

/// Exact, also for subnormal numbers; infinities and NaNs stay what they are.
pub(crate) fn widen(half: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(half));
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * REBIAS;
    let exponent = if magnitude >= BEYOND { 0xff << 23 } else { 0 };
    f32::from_bits(magnitude.to_bits() | exponent | (bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn every_half_becomes_the_same_number() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (widen(bits.to_le_bytes()), f16::from_bits(bits).to_f32());
            let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
            assert!(same, "{bits:#06x}: {ours} is not {theirs}");
        }
    }
}
