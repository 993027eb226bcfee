//! What fuzzing draws.

/// SplitMix64 (Steele, Lea, Flood 2014): enough for choosing mutations, the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// Changes one to four things: a bit, a byte, an extreme length, a cut, an insertion.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match (self.below(8), bytes.get_mut(at)) {
                (0..=2, Some(byte)) => *byte ^= 1 << self.below(8),
                (3, Some(byte)) => *byte = self.next() as u8,
                (4, Some(byte)) => *byte = 0xff,
                (5, Some(byte)) => *byte = 0,
                (6, Some(_)) => bytes.truncate(at),
                _ => bytes.insert(at, self.next() as u8),
            }
        }
    }
}
