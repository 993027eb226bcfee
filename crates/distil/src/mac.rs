//! Wegman–Carter authentication: a polynomial hash over GF(2^128) under a one-time pad.
//!
//! Whoever does not know the hash key forges a tag with a chance of at most ⌈bytes / 16⌉ / 2^127 or so (a
//! degree over the size of the field), whatever computer he has. The hash key may serve again, the pad never.

use polyval::universal_hash::UniversalHash;
use polyval::{Key, Polyval};

/// Bytes of a tag, a hash key and a pad.
pub const TAG_BYTES: usize = 16;

/// The tag of `message`: POLYVAL (RFC 8452 clause 3) of its blocks and its length, plus the pad.
pub fn tag(key: &[u8; TAG_BYTES], pad: &[u8; TAG_BYTES], message: &[u8]) -> [u8; TAG_BYTES] {
    let mut hash = Polyval::new(&Key::from(*key));
    hash.update_padded(message);
    let mut length = [0; TAG_BYTES];
    length[..8].copy_from_slice(&(message.len() as u64).to_le_bytes());
    hash.update(&[length.into()]);
    let mut tag: [u8; TAG_BYTES] = hash.finalize().into();
    tag.iter_mut().zip(pad).for_each(|(octet, mask)| *octet ^= mask);
    tag
}
