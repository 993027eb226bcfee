//! Bits packed into words, the first in the lowest place.

use zeroize::Zeroizing;

/// Secret bits, erased when dropped.
pub(crate) type Words = Zeroizing<Vec<u64>>;

/// Pack bytes into words; bits from `count` on are zero.
pub(crate) fn from_bytes(bytes: &[u8], count: usize) -> Words {
    let mut words = Zeroizing::new(vec![0; count.div_ceil(64)]);
    for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
        let mut octets = Zeroizing::new([0; 8]);
        octets[..chunk.len()].copy_from_slice(chunk);
        *word = u64::from_le_bytes(*octets);
    }
    if let Some(last) = words.last_mut()
        && !count.is_multiple_of(64)
    {
        *last &= (1 << (count % 64)) - 1;
    }
    words
}

/// The first `count` bits as bytes.
pub(crate) fn to_bytes(words: &[u64], count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(words.len() * 8);
    words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    bytes.truncate(count.div_ceil(8));
    bytes
}

/// Bit `place`.
pub(crate) fn get(words: &[u64], place: usize) -> bool {
    words[place / 64] >> (place % 64) & 1 != 0
}

/// Turn bit `place` over.
pub(crate) fn flip(words: &mut [u64], place: usize) {
    words[place / 64] ^= 1 << (place % 64);
}

/// Whether the number of ones in `start..end` is odd; the range is not empty.
pub(crate) fn parity(words: &[u64], start: usize, end: usize) -> bool {
    let (first, last) = (start / 64, (end - 1) / 64);
    let from = u64::MAX << (start % 64);
    let to = u64::MAX >> (63 - (end - 1) % 64);
    if first == last {
        return (words[first] & from & to).count_ones() & 1 != 0;
    }
    let middle = words[first + 1..last].iter().fold(0, |sum, word| sum ^ word);
    ((words[first] & from) ^ middle ^ (words[last] & to)).count_ones() & 1 != 0
}

/// Collects bits into bytes.
#[derive(Default)]
pub(crate) struct Packer {
    bytes: Vec<u8>,
    count: usize,
}

impl Packer {
    pub(crate) fn push(&mut self, bit: bool) {
        if self.count.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.count % 8);
        }
        self.count += 1;
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parity_of_every_range() {
        let bytes: Vec<u8> = (0..30u8).map(|n| n.wrapping_mul(151) ^ 0x5a).collect();
        let words = from_bytes(&bytes, 235);
        for start in 0..235 {
            let mut odd = false;
            for end in start + 1..=235 {
                odd ^= get(&words, end - 1);
                assert_eq!(parity(&words, start, end), odd, "{start}..{end}");
            }
        }
        assert_eq!(to_bytes(&words, 235)[..29], bytes[..29]);
        assert_eq!(to_bytes(&words, 235)[29], bytes[29] & 0b111);
    }

    #[test]
    fn packed_bits_come_back() {
        let mut packer = Packer::default();
        (0..19).for_each(|n| packer.push(n % 3 == 0));
        let words = from_bytes(&packer.into_bytes(), 19);
        (0..19).for_each(|n| assert_eq!(get(&words, n), n % 3 == 0));
    }
}
