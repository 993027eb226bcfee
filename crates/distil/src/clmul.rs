//! Carry-less multiplication: what the machine has, and a fallback for machines that have none.

/// The words of the product of `t` and `x` that a Toeplitz block needs: word o of `y` is word `b + o` of the
/// carry-less product, where `b` is the length of `x` and of `y`, and `t` has `2b` words.
pub(crate) type Block = fn(t: &[u64], x: &[u64], y: &mut [u64]);

/// The block product with the instructions of `x86_64`, if this machine has them.
#[cfg(target_arch = "x86_64")]
pub(crate) fn accelerated() -> Option<Block> {
    is_x86_feature_detected!("pclmulqdq").then_some(x86::block as Block)
}

/// Other machines multiply portably.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn accelerated() -> Option<Block> {
    None
}

/// The block product with VPCLMULQDQ over AVX-512, if this machine has it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn wide() -> Option<Block> {
    let has = is_x86_feature_detected!("vpclmulqdq")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("pclmulqdq");
    has.then_some(x86::wide_block as Block)
}

/// Other machines have none.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn wide() -> Option<Block> {
    None
}

/// The block product on any machine.
pub(crate) fn portable(t: &[u64], x: &[u64], y: &mut [u64]) {
    let b = x.len();
    let mut carried = 0; // the high word of the product one place lower
    for k in b - 1..2 * b {
        let (mut low, mut high) = (0, 0);
        for (j, &word) in x.iter().enumerate() {
            let product = multiply(t[k - j], word);
            low ^= product as u64;
            high ^= (product >> 64) as u64;
        }
        if k >= b {
            y[k - b] = low ^ carried;
        }
        carried = high;
    }
}

/// Carry-less product of two words by ordinary ones; time and memory access do not depend on them.
fn multiply(a: u64, b: u64) -> u128 {
    // Of every fifth bit a word has at most 13: their sums do not reach the next fifth bit.
    let mut product = 0;
    for i in 0..STRIDE {
        let left = u128::from(a) & EVERY_FIFTH << i;
        for j in 0..STRIDE {
            let right = u128::from(b) & EVERY_FIFTH << j;
            product ^= left.wrapping_mul(right) & EVERY_FIFTH << ((i + j) % STRIDE);
        }
    }
    product
}

const STRIDE: u32 = 5;
const EVERY_FIFTH: u128 = {
    let (mut mask, mut bit) = (0, 0);
    while bit < 128 {
        mask |= 1 << bit;
        bit += STRIDE;
    }
    mask
};

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // intrinsics; each function runs only where its feature was detected
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_setzero_si128,
        _mm_unpackhi_epi64, _mm_xor_si128, _mm512_alignr_epi64, _mm512_clmulepi64_epi128, _mm512_loadu_si512,
        _mm512_set1_epi64, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_unpackhi_epi64,
        _mm512_unpacklo_epi64, _mm512_xor_si512,
    };

    pub(super) fn block(t: &[u64], x: &[u64], y: &mut [u64]) {
        // SAFETY: `accelerated` hands this out only where pclmulqdq was detected.
        unsafe { block_inner(t, x, y) }
    }

    #[target_feature(enable = "pclmulqdq")]
    unsafe fn block_inner(t: &[u64], x: &[u64], y: &mut [u64]) {
        let b = x.len();
        let mut carried = 0;
        for k in b - 1..2 * b {
            let mut sum: __m128i = _mm_setzero_si128();
            for (j, &word) in x.iter().enumerate() {
                let pair = _mm_set_epi64x(t[k - j] as i64, word as i64);
                sum = _mm_xor_si128(sum, _mm_clmulepi64_si128::<0x01>(pair, pair));
            }
            if k >= b {
                y[k - b] = _mm_cvtsi128_si64(sum) as u64 ^ carried;
            }
            carried = _mm_cvtsi128_si64(_mm_unpackhi_epi64(sum, sum)) as u64;
        }
    }

    pub(super) fn wide_block(t: &[u64], x: &[u64], y: &mut [u64]) {
        if !x.len().is_multiple_of(8) {
            return block(t, x, y);
        }
        // SAFETY: `wide` hands this out only where vpclmulqdq and avx512f were detected; every load and store
        // stays within 2b words of `t` and b of `y`, b a multiple of 8.
        unsafe { wide_inner(t, x, y) }
    }

    /// Eight output words at a time: products of eight neighbouring words of `t` with one of `x`.
    #[target_feature(enable = "vpclmulqdq,avx512f,pclmulqdq")]
    unsafe fn wide_inner(t: &[u64], x: &[u64], y: &mut [u64]) {
        let b = x.len();
        let mut sum = _mm_setzero_si128();
        for (j, &word) in x.iter().enumerate() {
            let pair = _mm_set_epi64x(t[b - 1 - j] as i64, word as i64);
            sum = _mm_xor_si128(sum, _mm_clmulepi64_si128::<0x01>(pair, pair));
        }
        // The high word of the product one place lower comes in from the right.
        let mut before = _mm512_set1_epi64(_mm_cvtsi128_si64(_mm_unpackhi_epi64(sum, sum)));
        for o in (0..b).step_by(8) {
            let (mut even, mut odd) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            for (j, &word) in x.iter().enumerate() {
                let factor = _mm512_set1_epi64(word as i64);
                // SAFETY: o + 8 ≤ b and j < b, so the eight words end at b+o−j+8 ≤ 2b.
                let words = unsafe { _mm512_loadu_si512(t.as_ptr().add(b + o - j).cast()) };
                even = _mm512_xor_si512(even, _mm512_clmulepi64_epi128::<0x00>(words, factor));
                odd = _mm512_xor_si512(odd, _mm512_clmulepi64_epi128::<0x01>(words, factor));
            }
            let low = _mm512_unpacklo_epi64(even, odd);
            let high = _mm512_unpackhi_epi64(even, odd);
            let carried = _mm512_alignr_epi64::<7>(high, before);
            before = high;
            // SAFETY: o + 8 ≤ b, the length of y.
            unsafe { _mm512_storeu_si512(y.as_mut_ptr().add(o).cast(), _mm512_xor_si512(low, carried)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shuffle::SplitMix;

    fn slow(a: u64, b: u64) -> u128 {
        (0..64).filter(|i| b >> i & 1 != 0).fold(0, |sum, i| sum ^ u128::from(a) << i)
    }

    #[test]
    fn words_multiply_without_carries() {
        let mut random = SplitMix(3);
        for _ in 0..2_000 {
            let (a, b) = (random.next(), random.next());
            assert_eq!(multiply(a, b), slow(a, b));
        }
        assert_eq!(multiply(u64::MAX, u64::MAX), slow(u64::MAX, u64::MAX));
    }

    #[test]
    fn every_kernel_gives_the_same_block() {
        let mut random = SplitMix(4);
        for b in [1, 2, 7, 8, 13, 16] {
            let t: Vec<u64> = (0..2 * b).map(|_| random.next()).collect();
            let x: Vec<u64> = (0..b).map(|_| random.next()).collect();
            let mut expected = vec![0; b];
            portable(&t, &x, &mut expected);
            for kernel in [accelerated(), wide()].into_iter().flatten() {
                let mut found = vec![0; b];
                kernel(&t, &x, &mut found);
                assert_eq!(found, expected, "{b}");
            }
        }
    }
}
