//! Ethernet with any number of VLAN tags, and IEEE 802.3 frames with LLC.

use super::{Upper, llc, point_to_point};
use crate::take;

/// EtherTypes of IEEE 802.1Q customer and service tags, and the service tag of before.
const VLAN_TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const PPPOE_SESSION: u16 = 0x8864;
const MPLS: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
/// Below this the field behind the addresses is a length (IEEE 802.3 clause 3.2.6).
const FIRST_ETHER_TYPE: u16 = 0x0600;

pub(super) fn frame<'a>(frame: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    let mut rest = frame;
    take::skip(&mut rest, 12)?; // destination and source
    behind_addresses(rest, found)
}

/// What stands behind the addresses, from the EtherType or the length on.
pub(super) fn behind_addresses<'a>(mut rest: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    let type_or_length = take::u16_be(&mut rest)?;
    if type_or_length < FIRST_ETHER_TYPE {
        return llc(rest.get(..type_or_length.into()).unwrap_or(rest), found);
    }
    typed(type_or_length, rest, found)
}

/// What an EtherType announces, behind any number of VLAN tags, MPLS labels or a PPPoE header.
pub(super) fn typed<'a>(
    mut ether_type: u16,
    mut rest: &'a [u8],
    found: &mut dyn FnMut(Upper<'a>),
) -> Option<()> {
    while VLAN_TAGS.contains(&ether_type) {
        take::skip(&mut rest, 2)?; // priority and identifier
        ether_type = take::u16_be(&mut rest)?;
    }
    match ether_type {
        PPPOE_SESSION => point_to_point::pppoe(rest, found),
        MPLS | MPLS_MULTICAST => point_to_point::mpls(rest, found),
        _ => {
            found(Upper::EtherType(ether_type, rest));
            Some(())
        }
    }
}
