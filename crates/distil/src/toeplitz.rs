//! Privacy amplification: a Toeplitz matrix over GF(2) times the reconciled bits.
//!
//! The product is the middle of a polynomial product, and only the middle is computed: Karatsuba transposed
//! (Hanrot, Quercia, Zimmermann, "The middle product algorithm", AAECC 2004), down to blocks that the machine's
//! carry-less multiplication does at once.

use zeroize::Zeroizing;

use crate::bits::{self, Words};
use crate::clmul::{self, Block};

/// Blocks of so few words are multiplied directly.
const BASE_WORDS: usize = 16;
/// What a block costs besides its words' products, in such products.
const CALL_COST: usize = 64;

/// How blocks are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// On any machine.
    Portable,
    /// With PCLMULQDQ.
    Clmul,
    /// With VPCLMULQDQ over AVX-512.
    Wide,
}

impl Kernel {
    /// The best that this machine has.
    pub fn best() -> Self {
        [Self::Wide, Self::Clmul]
            .into_iter()
            .find(|kernel| kernel.block().is_some())
            .unwrap_or(Self::Portable)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Clmul => "pclmulqdq",
            Self::Wide => "vpclmulqdq",
        }
    }

    fn block(self) -> Option<Block> {
        match self {
            Self::Portable => Some(clmul::portable),
            Self::Clmul => clmul::accelerated(),
            Self::Wide => clmul::wide(),
        }
    }
}

/// `T · x` with the best kernel; see [`toeplitz_with`].
pub fn toeplitz(seed: &[u8], input: &[u8], input_bits: usize, output_bits: usize) -> Option<Vec<u8>> {
    toeplitz_with(Kernel::best(), seed, input, input_bits, output_bits)
}

/// `T · x`, `T[i][j] = seed[(i − j) mod (n + m − 1)]` with n input and m output bits. `None` if the lengths do
/// not fit, there is nothing to do, or this machine lacks the kernel.
pub fn toeplitz_with(
    kernel: Kernel,
    seed: &[u8],
    input: &[u8],
    input_bits: usize,
    output_bits: usize,
) -> Option<Vec<u8>> {
    let seed_bits = (input_bits + output_bits).checked_sub(1)?;
    let fits = input.len() == input_bits.div_ceil(8) && seed.len() == seed_bits.div_ceil(8);
    if input_bits == 0 || output_bits == 0 || !fits {
        return None;
    }
    let product = Product { block: kernel.block()? };
    let side = tile_words(input_bits.min(output_bits).div_ceil(64));
    let columns = input_bits.div_ceil(64 * side);
    let rows = output_bits.div_ceil(64 * side);
    let x = padded(bits::from_bytes(input, input_bits), columns * side);
    let diagonals = diagonals(seed, input_bits, output_bits, (rows + columns) * side, columns * side);

    let mut y = Words::new(vec![0; rows * side]);
    let mut part = Words::new(vec![0; side]);
    let mut scratch = Words::new(vec![0; 10 * side]);
    for row in 0..rows {
        for column in 0..columns {
            let at = (columns - 1 + row - column) * side;
            product.multiply(
                &diagonals[at..at + 2 * side],
                &x[column * side..][..side],
                &mut part,
                &mut scratch,
            );
            y[row * side..][..side].iter_mut().zip(part.iter()).for_each(|(sum, word)| *sum ^= word);
        }
    }
    let whole = Zeroizing::new(bits::to_bytes(&y, output_bits));
    Some(bits::to_bytes(&bits::from_bytes(&whole, output_bits), output_bits))
}

/// Words of a square tile that holds `words`, and halves down to a base: the cheapest such.
fn tile_words(words: usize) -> usize {
    let words = words.max(1);
    let candidates = (0..usize::BITS - words.leading_zeros()).map(|halvings| {
        let base = words.div_ceil(1 << halvings);
        let base = if words > BASE_WORDS { base.next_multiple_of(8) } else { base };
        // Three products for each halving; a base costs its square, and something whatever its size.
        (3u64.pow(halvings) * (base * base + CALL_COST) as u64, base << halvings)
    });
    candidates.min().map_or(words, |(_, side)| side)
}

fn padded(mut words: Words, count: usize) -> Words {
    let mut longer = Words::new(Vec::with_capacity(count));
    longer.append(&mut words);
    longer.resize(count, 0);
    longer
}

/// The matrix's diagonals as a polynomial, so that bit i of y is coefficient `i + width` of its product with x:
/// coefficient `k + 1` is the diagonal `i − j = k − (width − 1)`.
fn diagonals(
    seed: &[u8],
    input_bits: usize,
    output_bits: usize,
    words: usize,
    width_words: usize,
) -> Vec<u64> {
    let seed = bits::from_bytes(seed, input_bits + output_bits - 1);
    let period = input_bits + output_bits - 1;
    let mut out = vec![0; words];
    let width = 64 * width_words;
    // Diagonals −(n−1) … −1 are the last of the seed, 0 … m−1 the first.
    copy_bits(&seed, output_bits, &mut out, width - (input_bits - 1), period - output_bits);
    copy_bits(&seed, 0, &mut out, width, output_bits);
    out
}

/// Copy `count` bits from `source` at `from` to `target` at `to`, where there are zeros.
fn copy_bits(source: &[u64], from: usize, target: &mut [u64], to: usize, count: usize) {
    let word = |index: usize| source.get(index).copied().unwrap_or(0);
    let mut done = 0;
    while done < count {
        let (at, place) = (from + done, to + done);
        let step = (64 - place % 64).min(count - done);
        let (low, shift) = (at / 64, at % 64);
        let upper = if shift == 0 { 0 } else { word(low + 1) << (64 - shift) };
        let mask = if step == 64 { u64::MAX } else { (1 << step) - 1 };
        target[place / 64] |= ((word(low) >> shift | upper) & mask) << (place % 64);
        done += step;
    }
}

struct Product {
    block: Block,
}

impl Product {
    /// Square Toeplitz product: y, x of b words, t of 2b, scratch of at least 10b.
    fn multiply(&self, t: &[u64], x: &[u64], y: &mut [u64], scratch: &mut [u64]) {
        let b = x.len();
        if b <= BASE_WORDS || !b.is_multiple_of(16) {
            (self.block)(t, x, y);
            return;
        }
        // [y0 y1] = [T1 T0; T2 T1] [x0 x1] in three products of half the size:
        // p = T1 (x0 + x1), y0 = p + (T0 + T1) x1, y1 = p + (T1 + T2) x0.
        let h = b / 2;
        let (x0, x1) = x.split_at(h);
        let (sums, rest) = scratch.split_at_mut(3 * h);
        let (sum_x, rest) = rest.split_at_mut(h);
        let (p, rest) = rest.split_at_mut(h);
        sums.iter_mut().zip(t.iter().zip(&t[h..])).for_each(|(sum, (low, high))| *sum = low ^ high);
        sum_x.iter_mut().zip(x0.iter().zip(x1)).for_each(|(sum, (low, high))| *sum = low ^ high);
        let (y0, y1) = y.split_at_mut(h);
        self.multiply(&t[h..3 * h], sum_x, p, rest);
        self.multiply(&sums[..2 * h], x1, y0, rest);
        self.multiply(&sums[h..], x0, y1, rest);
        y0.iter_mut().chain(y1).zip(p.iter().chain(p.iter())).for_each(|(word, both)| *word ^= both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shuffle::SplitMix;

    fn bytes(count: usize, random: &mut SplitMix) -> Vec<u8> {
        let raw: Vec<u8> = (0..count.div_ceil(8)).map(|_| random.next() as u8).collect();
        bits::to_bytes(&bits::from_bytes(&raw, count), count)
    }

    fn slow(seed: &[u8], input: &[u8], n: usize, m: usize) -> Vec<u8> {
        let bit = |octets: &[u8], place: usize| octets[place / 8] >> (place % 8) & 1 != 0;
        let mut packer = bits::Packer::default();
        for i in 0..m {
            let sum = (0..n).filter(|&j| bit(input, j) && bit(seed, (i + n + m - 1 - j) % (n + m - 1)));
            packer.push(sum.count() % 2 != 0);
        }
        packer.into_bytes()
    }

    #[test]
    fn every_kernel_multiplies_by_the_definition() {
        let mut random = SplitMix(5);
        let shapes = [
            (1, 1),
            (64, 64),
            (65, 1),
            (1, 65),
            (100, 37),
            (127, 128),
            (1000, 500),
            (3000, 2999),
            (5000, 17),
        ];
        for (n, m) in shapes.into_iter().chain([(2500, 2100), (4096, 2048), (700, 3000)]) {
            let (seed, input) = (bytes(n + m - 1, &mut random), bytes(n, &mut random));
            let expected = slow(&seed, &input, n, m);
            for kernel in [Kernel::Portable, Kernel::Clmul, Kernel::Wide] {
                if kernel.block().is_some() {
                    let found = toeplitz_with(kernel, &seed, &input, n, m);
                    assert_eq!(found.as_ref(), Some(&expected), "{n} {m} {kernel:?}");
                }
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert_eq!(toeplitz(&[0; 2], &[0; 1], 8, 9), Some(vec![0, 0]));
        assert_eq!(toeplitz(&[0; 2], &[0; 1], 9, 8), None);
        assert_eq!(toeplitz(&[0; 3], &[0; 1], 8, 8), None);
        assert_eq!(toeplitz(&[], &[], 0, 0), None);
        assert_eq!(toeplitz(&[0; 1], &[], 0, 8), None);
    }
}
