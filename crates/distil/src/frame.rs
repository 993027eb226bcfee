//! What both ends of Cascade share: how a block is cut into frames, and what a frame looks like in each pass.

use std::fmt;

use zeroize::Zeroize;

use crate::bits::{self, Words};
use crate::shuffle::{Shuffle, SplitMix};
use crate::variant::{Variant, half};

/// Most bits of one block: a peer cannot make us work on more.
const MAX_BITS: usize = 1 << 28;
const LEAST_FRAME: usize = 64;

/// How a block is reconciled; the same at both ends, agreed upon in public.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Bits of the block.
    pub bits: usize,
    /// Which Cascade.
    pub variant: Variant,
    /// The error rate that was estimated on other bits.
    pub error_rate: f64,
    /// Chosen after the raw bits were fixed.
    pub seed: u64,
    /// Frames are reconciled by themselves, all in the same messages: what fits the cache is fast.
    pub frame_bits: usize,
}

impl Plan {
    /// First bit and number of bits of each frame, as even as can be.
    pub(crate) fn frames(&self) -> Vec<(usize, usize)> {
        let count = self.bits.div_ceil(self.frame_bits.max(LEAST_FRAME)).max(1);
        // Frames begin at whole words.
        let words = self.bits.div_ceil(64);
        let bound = |frame: usize| (frame * words / count * 64).min(self.bits);
        (0..count).map(|frame| (bound(frame), bound(frame + 1) - bound(frame))).collect()
    }

    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), ProtocolError> {
        let sound = (1..=MAX_BITS).contains(&self.bits)
            && bytes.len() == self.bits.div_ceil(8)
            && (0.0..=0.5).contains(&self.error_rate);
        if sound { Ok(()) } else { Err(ProtocolError("the plan does not fit the bits")) }
    }
}

/// A message that the other end should not have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolError(pub(crate) &'static str);

impl fmt::Display for ProtocolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for ProtocolError {}

/// One frame's bits as each pass sees them.
pub(crate) struct Frame {
    pub(crate) count: usize,
    pub(crate) passes: Vec<Pass>,
    sizes: Vec<usize>,
    seed: SplitMix,
}

/// The bits in the order of a pass.
pub(crate) struct Pass {
    pub(crate) bits: Words,
    pub(crate) size: usize,
    /// Blocks of `size` places, the last one shorter.
    pub(crate) blocks: usize,
    places: usize,
    shuffle: Option<Shuffle>,
}

impl Frame {
    pub(crate) fn new(bits: Words, count: usize, plan: &Plan, index: usize) -> Self {
        let sizes = plan.variant.block_sizes(count, plan.error_rate);
        let seed = SplitMix(plan.seed ^ (index as u64).wrapping_mul(0xd134_2543_de82_ef95));
        let mut frame = Self { count, passes: Vec::with_capacity(sizes.len()), sizes, seed };
        // The first pass takes the bits as they came: errors are where they are by chance.
        if let Some(&size) = frame.sizes.first() {
            frame.passes.push(Pass::new(bits, size, count, None));
        }
        frame
    }

    /// How many passes there are.
    pub(crate) fn total_passes(&self) -> usize {
        self.sizes.len()
    }

    /// Add passes over two blocks each: each shows any wrong bits that are left with a chance of one half.
    pub(crate) fn extend(&mut self, passes: usize) {
        self.sizes.extend(std::iter::repeat_n(half(self.count), passes));
    }

    /// Lay the bits out for the next pass.
    pub(crate) fn shuffle(&mut self) {
        let original = &self.passes[0].bits;
        let shuffle = Shuffle::new(original.len(), self.seed.next());
        let mut bits = Words::new(vec![0; original.len()]);
        shuffle.apply(original, &mut bits);
        let places = 64 * original.len();
        let size = self.sizes[self.passes.len()];
        self.passes.push(Pass::new(bits, size, places, Some(shuffle)));
    }
}

impl Pass {
    fn new(bits: Words, size: usize, places: usize, shuffle: Option<Shuffle>) -> Self {
        let blocks = places.div_ceil(size);
        Self { bits, size, blocks, places, shuffle }
    }

    /// First place and end of a block.
    pub(crate) fn block(&self, block: usize) -> (usize, usize) {
        (block * self.size, ((block + 1) * self.size).min(self.places))
    }

    pub(crate) fn parity(&self, (start, end): (usize, usize)) -> bool {
        bits::parity(&self.bits, start, end)
    }

    /// Where bit `index` of the frame is in this pass.
    pub(crate) fn place(&self, index: usize) -> usize {
        self.shuffle.as_ref().map_or(index, |shuffle| shuffle.place(index))
    }

    /// Which bit of the frame is at `place`.
    pub(crate) fn source(&self, place: usize) -> usize {
        self.shuffle.as_ref().map_or(place, |shuffle| shuffle.source(place))
    }
}

/// The two halves of a range of at least two places.
pub(crate) fn halves((start, end): (usize, usize)) -> ((usize, usize), (usize, usize)) {
    let middle = start + (end - start).div_ceil(2);
    ((start, middle), (middle, end))
}

/// The words of one frame out of a block's.
pub(crate) fn cut(words: &[u64], first: usize, count: usize) -> Words {
    let mut own = words[first / 64..(first + count).div_ceil(64)].to_vec();
    let kept = Words::new(own.clone());
    own.zeroize();
    kept
}

/// What the corrector says of a frame, at the head of its part of a message.
pub(crate) mod step {
    /// Nothing more to ask.
    pub(crate) const DONE: u8 = 0;
    /// Begin the next pass: tell me the parity of each block.
    pub(crate) const PASS: u8 = 1;
    /// Search these blocks: tell me the parity of each left half.
    pub(crate) const SEARCH: u8 = 2;
    /// Go on, to these halves: tell me the parity of each left half of them.
    pub(crate) const DESCEND: u8 = 3;
}

/// Reads a message.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], ProtocolError> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(ProtocolError("the message is too short"))?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ProtocolError> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<usize, ProtocolError> {
        let octets = self.take(4)?;
        Ok(u32::from_le_bytes([octets[0], octets[1], octets[2], octets[3]]) as usize)
    }

    /// Bits packed into whole bytes.
    pub(crate) fn bits(&mut self, count: usize) -> Result<PackedBits<'a>, ProtocolError> {
        Ok(PackedBits(self.take(count.div_ceil(8))?))
    }

    pub(crate) fn end(&self) -> Result<(), ProtocolError> {
        if self.0.is_empty() { Ok(()) } else { Err(ProtocolError("the message is too long")) }
    }
}

/// Bits as they came.
pub(crate) struct PackedBits<'a>(&'a [u8]);

impl PackedBits<'_> {
    pub(crate) fn get(&self, index: usize) -> bool {
        self.0[index / 8] >> (index % 8) & 1 != 0
    }
}
