//! What capturing machines put in front of a frame: radiotap, Prism and AVS, per-packet
//! information, Linux cooked captures.

use super::wifi::{self, Storage};
use super::{Upper, ethernet, llc};
use crate::take;

/// Radiotap (<https://www.radiotap.org>): version, length, presence bits, fields.
pub(super) fn radiotap<'a>(frame: &'a [u8], whole: bool, found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    const FCS_AT_END: u8 = 0x10;
    const PADDED_HEADER: u8 = 0x20;
    let (&[0, _, low, high], _) = frame.split_first_chunk()? else {
        return None; // no other version is defined
    };
    let (header, inner) = frame.split_at_checked(u16::from_le_bytes([low, high]).into())?;
    let flags = radiotap_flags(header).unwrap_or(0);
    let storage =
        Storage { fcs: whole && flags & FCS_AT_END != 0, padded_header: flags & PADDED_HEADER != 0 };
    wifi::stored_frame(inner, storage, found)
}

/// The flags field: the second of all fields, behind a time stamp aligned to eight bytes.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    const TIME_PRESENT: u32 = 1;
    const FLAGS_PRESENT: u32 = 2;
    const MORE_PRESENCE: u32 = 1 << 31;
    let mut rest = header.get(4..)?;
    let present = take::u32_le(&mut rest)?;
    let mut word = present;
    while word & MORE_PRESENCE != 0 {
        word = take::u32_le(&mut rest)?;
    }
    if present & FLAGS_PRESENT == 0 {
        return None;
    }
    let mut position = header.len() - rest.len();
    if present & TIME_PRESENT != 0 {
        position = position.next_multiple_of(8) + 8;
    }
    header.get(position).copied()
}

/// Prism header (its length in the byte order of the capturing machine), or the AVS header that
/// some drivers write in its place (most significant byte first).
pub(super) fn prism<'a>(frame: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    const PRISM_CODES: [u32; 2] = [0x41, 0x44];
    const AVS_MAGIC: u32 = 0x8021_1000;
    let mut rest = frame;
    let [code, len] = [take::take::<4>(&mut rest)?, take::take::<4>(&mut rest)?];
    let len = if u32::from_be_bytes(code) & 0xffff_f000 == AVS_MAGIC
        || PRISM_CODES.contains(&u32::from_be_bytes(code))
    {
        u32::from_be_bytes(len)
    } else if PRISM_CODES.contains(&u32::from_le_bytes(code)) {
        u32::from_le_bytes(len)
    } else {
        return None;
    };
    wifi::frame(frame.get(len as usize..)?, found)
}

/// Per-packet information: version, flags, length, inner link type, fields.
pub(super) fn ppi<'a>(frame: &'a [u8], whole: bool, found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    const ETHERNET: u32 = 1;
    const IEEE802_11: u32 = 105;
    let mut rest = frame;
    let [_version, flags] = take::take(&mut rest)?;
    let len = take::u16_le(&mut rest)?;
    let link_type = take::u32_le(&mut rest)?;
    let (header, inner) = frame.split_at_checked(len.into())?;
    match link_type {
        ETHERNET => ethernet::frame(inner, found),
        IEEE802_11 => {
            let fields = header.get(8..)?;
            let fcs = whole && ppi_says_fcs(fields, flags & 1 != 0).unwrap_or(false);
            wifi::stored_frame(inner, Storage { fcs, padded_header: false }, found)
        }
        _ => None,
    }
}

/// Looks for the 802.11-common field, whose flags say whether a frame check sequence is kept.
fn ppi_says_fcs(mut fields: &[u8], aligned: bool) -> Option<bool> {
    const COMMON_802_11: u16 = 2;
    loop {
        let kind = take::u16_le(&mut fields)?;
        let len = usize::from(take::u16_le(&mut fields)?);
        if kind == COMMON_802_11 {
            return fields.get(8).map(|flags| flags & 1 != 0); // behind the time stamp
        }
        let stored = if aligned { len.next_multiple_of(4) } else { len };
        take::skip(&mut fields, stored)?;
    }
}

/// Linux cooked capture: packet type, hardware type, address length, address, protocol.
pub(super) fn cooked<'a>(frame: &'a [u8], whole: bool, found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    let (&[_, _, a, b, .., p, q], payload) = frame.split_first_chunk::<16>()?;
    let [hardware, protocol] = [[a, b], [p, q]].map(u16::from_be_bytes);
    cooked_payload(hardware, protocol, payload, whole, found)
}

/// Linux cooked capture, version 2: protocol, reserved, interface, hardware type, packet type,
/// address length, address.
pub(super) fn cooked_2<'a>(frame: &'a [u8], whole: bool, found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    let (&[p, q, _, _, _, _, _, _, a, b, ..], payload) = frame.split_first_chunk::<20>()?;
    let [hardware, protocol] = [[a, b], [p, q]].map(u16::from_be_bytes);
    cooked_payload(hardware, protocol, payload, whole, found)
}

/// The hardware type tells monitor interfaces apart; elsewhere the protocol is an EtherType.
fn cooked_payload<'a>(
    hardware: u16,
    protocol: u16,
    payload: &'a [u8],
    whole: bool,
    found: &mut dyn FnMut(Upper<'a>),
) -> Option<()> {
    const IEEE80211: u16 = 801;
    const IEEE80211_PRISM: u16 = 802;
    const IEEE80211_RADIOTAP: u16 = 803;
    const LLC: u16 = 4;
    match (hardware, protocol) {
        (IEEE80211, _) => wifi::frame(payload, found),
        (IEEE80211_PRISM, _) => prism(payload, found),
        (IEEE80211_RADIOTAP, _) => radiotap(payload, whole, found),
        (_, LLC) => llc(payload, found),
        _ => ethernet::typed(protocol, payload, found),
    }
}
