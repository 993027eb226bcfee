//! IEEE 802.11 data frames (IEEE 802.11-2020 clause 9.2 and 9.3.2), inside a network or outside
//! the context of one (OCB, both distribution-system bits zero).

use super::{Upper, llc};
use crate::take;

/// Bits of the frame control field's second octet.
mod flag {
    pub const TO_AND_FROM_DS: u8 = 0x03;
    pub const MORE_FRAGMENTS: u8 = 0x04;
    pub const PROTECTED: u8 = 0x40;
    pub const HT_CONTROL: u8 = 0x80;
}

/// How a capture stores frames.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Storage {
    /// The last four bytes are the frame check sequence.
    pub fcs: bool,
    /// The header is padded to a multiple of four bytes.
    pub padded_header: bool,
}

pub(super) fn frame<'a>(frame: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    stored_frame(frame, Storage::default(), found)
}

/// Carries nothing where the frame is no data, is encrypted by the network, or is a fragment.
pub(super) fn stored_frame<'a>(
    frame: &'a [u8],
    storage: Storage,
    found: &mut dyn FnMut(Upper<'a>),
) -> Option<()> {
    const DATA: u8 = 0x08;
    const WITHOUT_DATA: u8 = 0x40;
    const QOS: u8 = 0x80;
    const AGGREGATE: u8 = 0x80;
    let frame = match storage.fcs {
        true => frame.get(..frame.len().checked_sub(4)?)?,
        false => frame,
    };
    let mut rest = frame;
    let [kind, flags] = take::take(&mut rest)?;
    if kind & 0x0f != DATA || kind & WITHOUT_DATA != 0 {
        return None;
    }
    take::skip(&mut rest, 20)?; // duration, three addresses
    let fragment = take::u16_le(&mut rest)? & 0x000f;
    let encrypted = flags & flag::PROTECTED != 0;
    if !encrypted && (flags & flag::MORE_FRAGMENTS != 0 || fragment != 0) {
        return None;
    }
    if flags & flag::TO_AND_FROM_DS == flag::TO_AND_FROM_DS {
        take::skip(&mut rest, 6)?; // fourth address
    }
    let mut aggregate = false;
    if kind & QOS != 0 {
        let [control, _] = take::take(&mut rest)?;
        aggregate = control & AGGREGATE != 0;
        if flags & flag::HT_CONTROL != 0 {
            take::skip(&mut rest, 4)?;
        }
    }
    if storage.padded_header {
        let header_len = frame.len() - rest.len();
        take::skip(&mut rest, header_len.next_multiple_of(4) - header_len)?;
    }
    if encrypted {
        found(Upper::Encrypted(rest));
        return Some(());
    }
    if aggregate {
        return subframes(rest, found);
    }
    llc(rest, found)
}

/// The frames of an A-MSDU (clause 9.3.2.2): addresses, length, LLC, padding to four bytes.
fn subframes<'a>(mut rest: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    loop {
        let before = rest.len();
        take::skip(&mut rest, 12)?;
        let len = usize::from(take::u16_be(&mut rest)?);
        let body = rest.get(..len).unwrap_or(rest);
        let _ = llc(body, found); // one that is not understood does not hide the next
        take::skip(&mut rest, len)?;
        let used = before - rest.len();
        take::skip(&mut rest, used.next_multiple_of(4) - used)?;
    }
}
