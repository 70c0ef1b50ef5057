//! How tensors and files lie in a component's stream, and where the stream is cut into shards: known from lengths alone.

use std::ops::Range;

use super::manifest::{ALIGNMENT, MAX_SHARD};

/// A stream that grows, of lengths instead of bytes.
#[derive(Debug)]
pub struct Layout {
    max_shard: u64,
    /// Bytes in whole shards.
    cut: u64,
    /// Bytes of the shard that has not been ended.
    pending: u64,
    shards: Vec<u64>,
    /// Of each end of a shard, whether it goes through a tensor.
    through: Vec<bool>,
}

impl Default for Layout {
    fn default() -> Self {
        Self::new(MAX_SHARD)
    }
}

impl Layout {
    fn new(max_shard: u64) -> Self {
        Self {
            max_shard,
            cut: 0,
            pending: 0,
            shards: Vec::new(),
            through: Vec::new(),
        }
    }

    /// Appends a tensor or file of some bytes and returns its offset in the stream.
    pub fn push(&mut self, length: u64) -> u64 {
        // Whole tensors in one shard where possible: a loader then copies once. Only a larger one straddles.
        let next = length <= self.max_shard && self.pending + length > self.max_shard;
        if next || self.pending == self.max_shard {
            self.cut(false);
        }
        let offset = self.cut + self.pending;
        let mut left = length;
        while self.pending + left > self.max_shard {
            left -= self.max_shard - self.pending;
            self.pending = self.max_shard;
            self.cut(true);
        }
        self.pending = (self.pending + left).next_multiple_of(ALIGNMENT);
        offset
    }

    /// The lengths of the shards, and those that belong together, because tensors reach from one into the next.
    pub fn end(mut self) -> (Vec<u64>, Vec<Range<usize>>) {
        self.cut(false);
        let mut units: Vec<Range<usize>> = Vec::new();
        let mut begin = 0;
        for (index, through) in self.through.iter().enumerate() {
            if !through {
                units.push(begin..index + 1);
                begin = index + 1;
            }
        }
        (self.shards, units)
    }

    fn cut(&mut self, through: bool) {
        if self.pending > 0 {
            self.shards.push(self.pending);
            self.through.push(through);
            self.cut += self.pending;
            self.pending = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_a_new_shard_rather_than_split_what_fits_into_one() {
        let mut layout = Layout::new(64);
        assert_eq!([40, 40, 64, 1].map(|n| layout.push(n)), [0, 48, 96, 160]);
        let (shards, units) = layout.end();
        assert_eq!(shards, [48, 48, 64, 16]);
        assert_eq!(units, [0..1, 1..2, 2..3, 3..4]);
    }

    #[test]
    fn splits_what_is_larger_than_a_shard_and_fills_the_last_piece_up() {
        let mut layout = Layout::new(64);
        assert_eq!([10, 150, 20].map(|n| layout.push(n)), [0, 16, 176]);
        let (shards, units) = layout.end();
        assert_eq!(shards, [64, 64, 48, 32]);
        assert_eq!(units, [0..3, 3..4]);
    }

    #[test]
    fn what_ends_with_a_shard_does_not_straddle() {
        let mut layout = Layout::new(64);
        assert_eq!([128, 64, 80].map(|n| layout.push(n)), [0, 128, 192]);
        let (shards, units) = layout.end();
        assert_eq!(shards, [64, 64, 64, 64, 16]);
        assert_eq!(units, [0..2, 2..3, 3..5]);
    }

    #[test]
    fn nothing_takes_no_shard() {
        assert_eq!(Layout::default().end(), (vec![], vec![]));
    }
}
