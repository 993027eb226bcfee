//! Finding SPDUs in bytes of which nothing is known: binary logs, memory images, files.

use crate::spdu;

/// Every position of `data` where an SPDU may begin, ascending.
///
/// A candidate begins with version 3, a known content, and the octets that must follow. It is a
/// candidate only: the caller parses there, and where a message is found goes on behind it
/// (signed messages contain further SPDUs, which are candidates too).
pub fn candidate_offsets(data: &[u8]) -> impl Iterator<Item = usize> + '_ {
    memchr::memchr_iter(3, data).filter(|&at| spdu::plausible(&data[at..]))
}
