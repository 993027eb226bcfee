//! Frames as Linux taps them: with a switch chip's tag in them, or from the firewall's log.
//!
//! Sources: the registry of link types: 281 and 282 (tags of Broadcom's switches), 284 and 285 (of Marvell's),
//! 239 (`NFLOG`); Linux's `nfnetlink_log.h`.

use super::{Upper, ethernet};
use crate::take;

const ADDRESSES: usize = 12;
const PAYLOAD: u16 = 9; // NFULA_PAYLOAD
const KIND: u16 = 0x3fff; // without the flags for nested and for network byte order

/// A frame with `octets` of a tag between its addresses and its EtherType.
pub(super) fn tagged<'a>(frame: &'a [u8], octets: usize, found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    let mut rest = frame;
    take::skip(&mut rest, ADDRESSES + octets)?;
    ethernet::behind_addresses(rest, found)
}

/// A record of the firewall's log: its family, version and group, then attributes in the byte order of
/// the machine that logged, one of which is the packet.
pub(super) fn netfilter_log<'a>(frame: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    let mut rest = frame;
    let [_family, version, _, _] = take::take(&mut rest)?;
    if version != 0 {
        return None;
    }
    let little = rest.first_chunk().is_some_and(|&size| usize::from(u16::from_le_bytes(size)) <= rest.len());
    let number = |bytes: &mut &'a [u8]| if little { take::u16_le(bytes) } else { take::u16_be(bytes) };
    while !rest.is_empty() {
        let mut attribute = rest;
        let size = usize::from(number(&mut attribute)?);
        let kind = number(&mut attribute)? & KIND;
        let length = size.checked_sub(4)?;
        if kind == PAYLOAD {
            found(Upper::Ip(attribute.get(..length).unwrap_or(attribute)));
            return Some(());
        }
        take::skip(&mut rest, size.next_multiple_of(4))?;
    }
    None
}
