//! Public shuffles: where a bit goes in a pass, by arithmetic instead of a table.
//!
//! Bit b of every word forms a plane. The bit of plane b in word w goes to word (mᵦ·w + oᵦ) mod W, with a random
//! unit mᵦ and offset oᵦ of its plane, and to a place in the word that is its plane's, in a random order of the
//! planes. So neighbours, which are in different planes, go different ways, and both directions cost a
//! multiplication instead of a miss of the cache. What a shuffle has to do is only that two errors in one block
//! of a pass are seldom in one block of the next; it is public.

/// Bits in a word, and so planes.
const PLANES: usize = 64;

/// A permutation of `64 · words` places.
pub(crate) struct Shuffle {
    words: u32,
    planes: [Plane; PLANES],
    order: [u8; PLANES],
}

#[derive(Clone, Copy, Default)]
struct Plane {
    slot: u32,
    multiplier: u32,
    inverse: u32,
    offset: u32,
}

impl Shuffle {
    /// The shuffle that this seed gives, for `words` words.
    pub(crate) fn new(words: usize, seed: u64) -> Self {
        let size = words.max(1) as u32;
        let mut random = SplitMix(seed);
        let mut order: [u8; PLANES] = std::array::from_fn(|plane| plane as u8);
        for last in (1..PLANES).rev() {
            order.swap(last, random.below(last as u32 + 1) as usize);
        }
        let mut planes = [Plane::default(); PLANES];
        for (slot, &plane) in order.iter().enumerate() {
            let (multiplier, inverse) = unit(size, &mut random);
            planes[usize::from(plane)] =
                Plane { slot: slot as u32, multiplier, inverse, offset: random.below(size) };
        }
        Self { words: size, planes, order }
    }

    /// Where bit `index` goes.
    pub(crate) fn place(&self, index: usize) -> usize {
        let plane = &self.planes[index % PLANES];
        let word = (index / PLANES) as u64;
        let within = (u64::from(plane.multiplier) * word + u64::from(plane.offset)) % u64::from(self.words);
        within as usize * PLANES + plane.slot as usize
    }

    /// Which bit is at `place`.
    pub(crate) fn source(&self, place: usize) -> usize {
        let index = usize::from(self.order[place % PLANES]);
        let plane = &self.planes[index];
        let shifted = (place / PLANES) as u64 + u64::from(self.words - plane.offset);
        let word = u64::from(plane.inverse) * shifted % u64::from(self.words);
        word as usize * PLANES + index
    }

    /// The bits in their new places.
    pub(crate) fn apply(&self, bits: &[u64], shuffled: &mut [u64]) {
        let step: [u32; PLANES] = self.order.map(|index| self.planes[usize::from(index)].inverse);
        let mut word: [u32; PLANES] = self.order.map(|index| {
            let plane = &self.planes[usize::from(index)];
            (u64::from(plane.inverse) * u64::from(self.words - plane.offset) % u64::from(self.words)) as u32
        });
        for filled in shuffled.iter_mut().take(self.words as usize) {
            *filled = 0;
            for slot in 0..PLANES {
                *filled |= (bits[word[slot] as usize] >> self.order[slot] & 1) << slot;
                let next = word[slot] + step[slot];
                word[slot] = next.min(next.wrapping_sub(self.words));
            }
        }
    }
}

/// A random unit modulo `size`, and its inverse.
fn unit(size: u32, random: &mut SplitMix) -> (u32, u32) {
    if size == 1 {
        return (0, 0);
    }
    loop {
        let candidate = 1 + random.below(size - 1);
        if let Some(inverse) = inverse(candidate, size) {
            return (candidate, inverse);
        }
    }
}

/// Extended Euclid.
fn inverse(value: u32, size: u32) -> Option<u32> {
    let (mut rest, mut divisor) = (i64::from(size), i64::from(value));
    let (mut before, mut now) = (0i64, 1i64);
    while divisor != 0 {
        let quotient = rest / divisor;
        (rest, divisor) = (divisor, rest - quotient * divisor);
        (before, now) = (now, before - quotient * now);
    }
    (rest == 1).then(|| before.rem_euclid(i64::from(size)) as u32)
}

/// Steele, Lea, Flood, OOPSLA 2014: statistics suffice, the shuffle is public.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits;

    #[test]
    fn a_shuffle_is_a_permutation_and_knows_its_inverse() {
        for words in [1, 2, 3, 64, 157, 1024] {
            let shuffle = Shuffle::new(words, 7 + words as u64);
            let mut seen = vec![false; 64 * words];
            let mut random = SplitMix(1);
            let original: Vec<u64> = (0..words).map(|_| random.next()).collect();
            let mut shuffled = vec![0; words];
            shuffle.apply(&original, &mut shuffled);
            for index in 0..64 * words {
                let place = shuffle.place(index);
                assert!(!std::mem::replace(&mut seen[place], true));
                assert_eq!(shuffle.source(place), index);
                assert_eq!(bits::get(&shuffled, place), bits::get(&original, index));
            }
        }
    }
}
