//! How a tensor's values become bytes and come back: the specification of every kernel that reads them.
//!
//! A tensor is seen as a matrix of `shape[0]` rows. In `q8` and `q4` each row is cut into blocks of [`BLOCK`] values (the
//! last one zero-padded); a block holds integers and one f16 scale, value = integer * scale:
//!
//! ```text
//! q8  | i8 x 32 x blocks x rows                          | f16 x blocks x rows | 0..2 zero bytes |
//! q4  | 16 bytes x blocks x rows, low nibble comes first | f16 x blocks x rows | 0..2 zero bytes |
//! ```

use std::ops::Range;

use half::f16;

use super::manifest::Encoding;
use super::widen::widen;

/// Values that share a scale.
pub const BLOCK: usize = 32;

/// A number that the encoding cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the value {value} does not fit {encoding}")]
pub struct DoesNotFit {
    /// The number.
    pub value: f32,
    /// The encoding.
    pub encoding: Encoding,
}

impl Encoding {
    /// Bytes that a tensor of this shape takes, or `None` where the shape has no place in a file: no axis, an empty axis,
    /// a vector in a block encoding, or more bytes than can be counted.
    pub fn byte_len(self, shape: &[usize]) -> Option<u64> {
        let (&rows, rest) = shape.split_first()?;
        let rows = u64::try_from(rows).ok()?;
        let columns = rest.iter().try_fold(1u64, |product, &n| {
            product.checked_mul(u64::try_from(n).ok()?)
        })?;
        let values = rows.checked_mul(columns).filter(|&n| n > 0)?;
        match self {
            Encoding::F32 => values.checked_mul(4),
            Encoding::F16 => values.checked_mul(2),
            Encoding::Q8 | Encoding::Q4 if rest.is_empty() => None,
            Encoding::Q8 | Encoding::Q4 => {
                let blocks = rows.checked_mul(columns.div_ceil(BLOCK as u64))?;
                blocks
                    .checked_mul(self.block_bytes() as u64 + 2)?
                    .checked_next_multiple_of(4)
            }
        }
    }

    /// Bytes of a block's integers.
    pub(crate) fn block_bytes(self) -> usize {
        match self {
            Encoding::F32 => 4 * BLOCK,
            Encoding::F16 => 2 * BLOCK,
            Encoding::Q8 => BLOCK,
            Encoding::Q4 => BLOCK / 2,
        }
    }

    /// The largest integer of a block.
    fn peak(self) -> f32 {
        match self {
            Encoding::Q4 => 7.0,
            _ => 127.0,
        }
    }
}

/// Encodes finite, row-major values.
///
/// # Panics
/// If the number of values is not the shape's, or the shape has no place in a file ([`Encoding::byte_len`]).
pub fn encode(values: &[f32], shape: &[usize], encoding: Encoding) -> Result<Vec<u8>, DoesNotFit> {
    let Some(length) = encoding.byte_len(shape) else {
        panic!("the shape {shape:?} has no {encoding} form");
    };
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    encode_rows(values, 0..shape[0], shape, encoding, &mut bytes)?;
    Ok(bytes)
}

/// Encodes the finite, row-major values of some rows of a tensor into their places among `bytes`, which are the whole tensor's.
///
/// # Panics
/// If the number of values or bytes is not that of the rows and the shape.
pub fn encode_rows(
    values: &[f32],
    rows: Range<usize>,
    shape: &[usize],
    encoding: Encoding,
    bytes: &mut [u8],
) -> Result<(), DoesNotFit> {
    let columns: usize = shape[1..].iter().product();
    assert_eq!(
        values.len(),
        rows.len() * columns,
        "values for {rows:?} of {shape:?}"
    );
    assert_eq!(
        Some(bytes.len() as u64),
        encoding.byte_len(shape),
        "bytes for {shape:?}"
    );
    match encoding {
        Encoding::F32 => {
            let places = bytes.as_chunks_mut().0.iter_mut();
            for (place, value) in places.skip(rows.start * columns).zip(values) {
                *place = value.to_le_bytes();
            }
        }
        Encoding::F16 => {
            let places = bytes.as_chunks_mut().0.iter_mut();
            for (place, &value) in places.skip(rows.start * columns).zip(values) {
                *place = finite_f16(value, value, encoding)?.to_le_bytes();
            }
        }
        Encoding::Q8 | Encoding::Q4 => {
            let blocks = columns.div_ceil(BLOCK);
            let integers_of_block = encoding.block_bytes();
            let (integers, scales) = bytes.split_at_mut(shape[0] * blocks * integers_of_block);
            let mut places = integers
                .chunks_exact_mut(integers_of_block)
                .zip(scales.as_chunks_mut().0)
                .skip(rows.start * blocks);
            for row in values.chunks(columns) {
                let (blocks, rest) = row.as_chunks();
                let mut last = [0.0; BLOCK];
                last[..rest.len()].copy_from_slice(rest);
                let last = (!rest.is_empty()).then_some(&last);
                for (block, (integers, scale)) in blocks.iter().chain(last).zip(&mut places) {
                    *scale = encode_block(block, encoding, integers)?.to_le_bytes();
                }
            }
        }
    }
    Ok(())
}

/// Writes one block's integers and returns its scale.
fn encode_block(
    block: &[f32; BLOCK],
    encoding: Encoding,
    integers: &mut [u8],
) -> Result<f16, DoesNotFit> {
    let peak = encoding.peak();
    // Finite numbers without a sign are in the order of their bits, and the largest of integers is found by vectors.
    let bits = block.iter().map(|value| value.abs().to_bits());
    let largest = f32::from_bits(bits.fold(0, u32::max));
    // Rounded before use: the integers must be the best ones for the scale that is stored.
    let scale = finite_f16(largest / peak, largest, encoding)?;
    let step = scale.to_f32();
    let mut rounded = [0i8; BLOCK];
    if step > 0.0 {
        for (rounded, value) in rounded.iter_mut().zip(block) {
            *rounded = round(value / step).clamp(-peak, peak) as i32 as i8;
        }
    }
    match encoding {
        Encoding::Q4 => {
            for (byte, [low, high]) in integers.iter_mut().zip(rounded.as_chunks().0) {
                *byte = *low as u8 & 0xF | (*high as u8) << 4;
            }
        }
        _ => {
            for (byte, rounded) in integers.iter_mut().zip(rounded) {
                *byte = rounded as u8;
            }
        }
    }
    Ok(scale)
}

/// `f32::round`, of instructions that wasm has.
fn round(value: f32) -> f32 {
    let whole = value.trunc();
    let up = if (value - whole).abs() >= 0.5 {
        1.0f32
    } else {
        0.0
    };
    whole + up.copysign(value)
}

fn finite_f16(number: f32, value: f32, encoding: Encoding) -> Result<f16, DoesNotFit> {
    let half = f16::from_f32(number);
    if half.is_finite() {
        Ok(half)
    } else {
        Err(DoesNotFit { value, encoding })
    }
}

/// Decodes what [`encode`] wrote; row-major values, without the padding.
///
/// # Panics
/// If the bytes are not [`Encoding::byte_len`] of the shape: a parsed manifest has checked that.
pub fn decode(bytes: &[u8], shape: &[usize], encoding: Encoding) -> Vec<f32> {
    assert_eq!(
        Some(bytes.len() as u64),
        encoding.byte_len(shape),
        "bytes for the shape {shape:?}"
    );
    match encoding {
        Encoding::F32 => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&b| f32::from_le_bytes(b))
            .collect(),
        Encoding::F16 => halves(bytes).collect(),
        Encoding::Q8 | Encoding::Q4 => {
            let columns: usize = shape[1..].iter().product();
            let blocks = columns.div_ceil(BLOCK);
            let block_bytes = encoding.block_bytes();
            let (integers, scales) = bytes.split_at(shape[0] * blocks * block_bytes);
            let scales: Vec<f32> = halves(scales).collect();
            let mut values = Vec::with_capacity(shape[0] * columns);
            for (at, (block, scale)) in integers.chunks(block_bytes).zip(scales).enumerate() {
                let used = (columns - at % blocks * BLOCK).min(BLOCK);
                values.extend(
                    (0..used).map(|i| f32::from(decode_integer(block, i, encoding)) * scale),
                );
            }
            values
        }
    }
}

fn decode_integer(block: &[u8], index: usize, encoding: Encoding) -> i8 {
    match encoding {
        Encoding::Q4 if index.is_multiple_of(2) => (block[index / 2] << 4) as i8 >> 4,
        Encoding::Q4 => block[index / 2] as i8 >> 4,
        _ => block[index] as i8,
    }
}

fn halves(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<2>().0.iter().map(|&half| widen(half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_the_standard_library_does() {
        let halves = (-300..300).map(|i| i as f32 * 0.5);
        for value in halves.flat_map(|half| [half.next_down(), half, half.next_up()]) {
            assert_eq!(round(value), value.round(), "{value}");
        }
    }

    #[test]
    fn rows_may_come_in_any_portions_and_order() {
        let shape = [5, 70];
        let values: Vec<f32> = (0..5 * 70)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.013)
            .collect();
        for encoding in [Encoding::F32, Encoding::F16, Encoding::Q8, Encoding::Q4] {
            let whole = encode(&values, &shape, encoding).unwrap();
            let mut bytes = vec![0; whole.len()];
            for rows in [3..5, 0..1, 1..3] {
                let part = &values[rows.start * 70..rows.end * 70];
                encode_rows(part, rows, &shape, encoding, &mut bytes).unwrap();
            }
            assert_eq!(bytes, whole, "{encoding}");
        }
    }

    #[test]
    fn q8_bytes_are_integers_by_row_then_scales() {
        let mut values = vec![0.0; 2 * 33];
        (values[0], values[1], values[32], values[33]) = (127.0, -63.5, 254.0, -1.27);
        let bytes = encode(&values, &[2, 33], Encoding::Q8).unwrap();
        assert_eq!(bytes.len(), 2 * 2 * 32 + 2 * 2 * 2);
        assert_eq!(
            (bytes[0] as i8, bytes[1] as i8),
            (127, -64),
            "63.5 rounds away from zero"
        );
        assert_eq!(bytes[32] as i8, 127);
        assert!(
            bytes[33..64].iter().all(|&b| b == 0),
            "padding of the first row"
        );
        assert_eq!(bytes[64] as i8, -127);
        let scales: Vec<f32> = halves(&bytes[128..]).collect();
        assert_eq!(scales, [1.0, 2.0, f16::from_f32(0.01).to_f32(), 0.0]);
    }

    #[test]
    fn q4_puts_the_first_value_into_the_low_nibble() {
        let mut values = vec![0.0; 32];
        (values[0], values[1], values[31]) = (7.0, -7.0, -3.0);
        let bytes = encode(&values, &[1, 32], Encoding::Q4).unwrap();
        assert_eq!((bytes[0], bytes[15]), (0x97, 0xD0));
        assert_eq!(bytes.len(), 16 + 2 + 2);
        assert_eq!(decode(&bytes, &[1, 32], Encoding::Q4), values);
    }

    #[test]
    fn error_is_at_most_half_a_step_plus_the_rounding_of_the_scale() {
        let values: Vec<f32> = (0..3 * 70)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.013)
            .collect();
        for (encoding, peak) in [(Encoding::Q8, 127.0), (Encoding::Q4, 7.0)] {
            let bytes = encode(&values, &[3, 70], encoding).unwrap();
            let back = decode(&bytes, &[3, 70], encoding);
            assert_eq!(back.len(), values.len());
            for (row, row_back) in values.chunks(70).zip(back.chunks(70)) {
                for (block, block_back) in row.chunks(BLOCK).zip(row_back.chunks(BLOCK)) {
                    let largest = block.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                    // f16 keeps 11 bits, so the scale, and with it the largest value, is off by 2^-11 at most.
                    let limit = 0.5 * largest / peak * 1.001 + largest / 2048.0;
                    for (a, b) in block.iter().zip(block_back) {
                        assert!(
                            (a - b).abs() <= limit,
                            "{encoding}: {a} came back as {b}, limit {limit}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_block_too_small_for_an_f16_scale_becomes_zero() {
        let bytes = encode(&[1e-9; 32], &[1, 32], Encoding::Q8).unwrap();
        assert_eq!(decode(&bytes, &[1, 32], Encoding::Q8), [0.0; 32]);
    }

    #[test]
    fn refuses_numbers_that_f16_cannot_hold() {
        assert_eq!(
            encode(&[70000.0], &[1], Encoding::F16).unwrap_err().value,
            70000.0
        );
        assert_eq!(
            encode(&[1e8; 32], &[1, 32], Encoding::Q8)
                .unwrap_err()
                .value,
            1e8
        );
        assert!(encode(&[1e8], &[1], Encoding::F32).is_ok());
    }

    #[test]
    fn lengths_follow_the_shape_and_never_overflow() {
        assert_eq!(Encoding::F16.byte_len(&[64, 3, 3, 4]), Some(4608));
        assert_eq!(Encoding::Q8.byte_len(&[3, 33]), Some(3 * 64 + 3 * 4));
        assert_eq!(Encoding::Q4.byte_len(&[1, 5]), Some(20));
        assert_eq!(Encoding::Q8.byte_len(&[64]), None);
        assert_eq!(Encoding::F32.byte_len(&[]), None);
        assert_eq!(Encoding::F32.byte_len(&[4, 0]), None);
        assert_eq!(Encoding::F32.byte_len(&[usize::MAX; 3]), None);
    }
}
