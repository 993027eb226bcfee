//! Link layers: from a captured frame to what it carries.
//!
//! Link types: the registry of the Tcpdump group (<https://www.tcpdump.org/linktypes.html>).

mod ethernet;
mod monitor;
mod point_to_point;
mod tapped;
mod wifi;

use crate::capture::Packet;
use crate::take;

/// EtherType of GeoNetworking (ETSI TS 102 636-4-1).
pub(crate) const GEONETWORKING: u16 = 0x8947;
/// EtherType of the WAVE Short Message Protocol (IEEE 1609.3).
pub(crate) const WSMP: u16 = 0x88dc;
/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;

/// EtherType of port-based access control (IEEE 802.1X).
pub const EAPOL: u16 = 0x888e;
/// EtherType of MAC security (IEEE 802.1AE).
pub const MACSEC: u16 = 0x88e5;

/// The kind of frame in a capture (LINKTYPE_ value).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: address family in the byte order of the capturing machine, then IP.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Point-to-point protocol.
    pub const PPP: Self = Self(9);
    /// Point-to-point protocol in HDLC-like framing.
    pub const PPP_HDLC: Self = Self(50);
    /// Session packets of PPP over Ethernet.
    pub const PPP_ETHER: Self = Self(51);
    /// IP without link layer.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// IEEE 802.11.
    pub const IEEE802_11: Self = Self(105);
    /// OpenBSD loopback: address family, then IP.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture.
    pub const LINUX_SLL: Self = Self(113);
    /// IEEE 802.11 behind a Prism header.
    pub const IEEE802_11_PRISM: Self = Self(119);
    /// IEEE 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// First of the sixteen link types left to users.
    pub const USER0: Self = Self(147);
    /// Last of the sixteen link types left to users.
    pub const USER15: Self = Self(162);
    /// IEEE 802.11 behind an AVS header.
    pub const IEEE802_11_AVS: Self = Self(163);
    /// IEEE 802.11 (or Ethernet) behind a per-packet information header.
    pub const PPI: Self = Self(192);
    /// IPv4 without link layer.
    pub const IPV4: Self = Self(228);
    /// IPv6 without link layer.
    pub const IPV6: Self = Self(229);
    /// IP behind a record of Linux's firewall log.
    pub const NFLOG: Self = Self(239);
    /// Ethernet with the tag of a Broadcom switch behind its addresses.
    pub const DSA_TAG_BRCM: Self = Self(281);
    /// Ethernet with the tag of a Broadcom switch before it.
    pub const DSA_TAG_BRCM_PREPEND: Self = Self(282);
    /// Ethernet with the tag of a Marvell switch behind its addresses.
    pub const DSA_TAG_DSA: Self = Self(284);
    /// Ethernet with the tag of a Marvell switch and an EtherType for it behind its addresses.
    pub const DSA_TAG_EDSA: Self = Self(285);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// Whether frames of this type are looked into; if not, they are silently without message.
    #[must_use]
    pub fn is_supported(self) -> bool {
        matches!(
            self,
            Self::NULL
                | Self::ETHERNET
                | Self::PPP
                | Self::PPP_HDLC
                | Self::PPP_ETHER
                | Self::RAW
                | Self::C_HDLC
                | Self::IEEE802_11
                | Self::LOOP
                | Self::LINUX_SLL
                | Self::IEEE802_11_PRISM
                | Self::IEEE802_11_RADIOTAP
                | Self::IEEE802_11_AVS
                | Self::PPI
                | Self::IPV4
                | Self::IPV6
                | Self::LINUX_SLL2
                | Self::NFLOG
                | Self::DSA_TAG_BRCM
                | Self::DSA_TAG_BRCM_PREPEND
                | Self::DSA_TAG_DSA
                | Self::DSA_TAG_EDSA
        ) || self.is_user()
            || self.is_platform_raw()
    }

    /// `DLT_RAW` as some systems number it and write it into files by mistake.
    fn is_platform_raw(self) -> bool {
        matches!(self.0, 12 | 14)
    }

    fn is_user(self) -> bool {
        (Self::USER0.0..=Self::USER15.0).contains(&self.0)
    }
}

/// What a link layer carries.
#[derive(Debug, Clone, Copy)]
pub enum Upper<'a> {
    /// A packet of the protocol with this EtherType.
    EtherType(u16, &'a [u8]),
    /// An IP packet of either version.
    Ip(&'a [u8]),
    /// Nobody says what.
    Any(&'a [u8]),
    /// A frame that its radio network encrypts, from its cryptographic header on.
    Encrypted(&'a [u8]),
}

/// Gives `found` everything that `packet` carries: at most one thing, except in an aggregate.
pub fn descend<'a>(packet: &Packet<'a>, found: &mut dyn FnMut(Upper<'a>)) {
    let frame = packet.captured;
    // `None` below means that a header is cut or not understood: nothing is carried.
    let _ = match packet.link_type {
        LinkType::ETHERNET => ethernet::frame(frame, found),
        LinkType::IEEE802_11 => wifi::frame(frame, found),
        LinkType::IEEE802_11_RADIOTAP => monitor::radiotap(frame, packet.is_whole(), found),
        LinkType::IEEE802_11_PRISM | LinkType::IEEE802_11_AVS => monitor::prism(frame, found),
        LinkType::PPI => monitor::ppi(frame, packet.is_whole(), found),
        LinkType::LINUX_SLL => monitor::cooked(frame, packet.is_whole(), found),
        LinkType::LINUX_SLL2 => monitor::cooked_2(frame, packet.is_whole(), found),
        LinkType::NFLOG => tapped::netfilter_log(frame, found),
        LinkType::DSA_TAG_BRCM | LinkType::DSA_TAG_DSA => tapped::tagged(frame, 4, found),
        LinkType::DSA_TAG_EDSA => tapped::tagged(frame, 8, found),
        LinkType::DSA_TAG_BRCM_PREPEND => frame.get(4..).and_then(|inner| ethernet::frame(inner, found)),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => {
            found(Upper::Ip(frame));
            Some(())
        }
        LinkType::NULL | LinkType::LOOP => frame.get(4..).map(|ip| found(Upper::Ip(ip))),
        LinkType::PPP | LinkType::PPP_HDLC => point_to_point::ppp(frame, found),
        LinkType::PPP_ETHER => point_to_point::pppoe(frame, found),
        LinkType::C_HDLC => point_to_point::cisco_hdlc(frame, found),
        raw if raw.is_platform_raw() => {
            found(Upper::Ip(frame));
            Some(())
        }
        user if user.is_user() => {
            found(Upper::Any(frame));
            Some(())
        }
        _ => None,
    };
}

/// As [`descend`], for an Ethernet frame that a tunnel carries.
pub fn descend_ethernet<'a>(frame: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) {
    let _ = ethernet::frame(frame, found);
}

/// As [`descend`], for a packet of PPP that a tunnel carries.
pub fn descend_ppp<'a>(packet: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) {
    let _ = point_to_point::ppp(packet, found);
}

/// The stations at the ends of a frame: who sent it and to whom. `None` where the link type has no addresses.
#[must_use]
pub fn stations(packet: &Packet<'_>) -> Option<([u8; 6], [u8; 6])> {
    let frame = packet.captured;
    let addresses = match packet.link_type {
        LinkType::ETHERNET => {
            let (to, rest) = frame.split_first_chunk::<6>()?;
            return Some((*rest.first_chunk()?, *to));
        }
        LinkType::IEEE802_11 => frame,
        LinkType::IEEE802_11_RADIOTAP => {
            let &[_, _, low, high] = frame.first_chunk()?;
            frame.get(usize::from(u16::from_le_bytes([low, high]))..)?
        }
        _ => return None,
    };
    // Receiver and transmitter (IEEE 802.11-2020 clause 9.3.2.1).
    let (to, rest) = addresses.get(4..)?.split_first_chunk::<6>()?;
    Some((*rest.first_chunk()?, *to))
}

/// Logical link control with a SNAP header (IEEE 802-2014 clause 9.4), or the EtherType itself.
///
/// IEEE 802.11-2016 annex E.2.3 prescribes the bare EtherType in the 5.9 GHz band; older
/// stations write LLC/SNAP there. No EtherType of ours begins like the SNAP address, so both
/// are told apart by their first octets.
fn llc<'a>(body: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];
    const ETHERNET_CODE: [u8; 3] = [0, 0, 0];
    const BRIDGE_TUNNEL_CODE: [u8; 3] = [0, 0, 0xf8];
    let mut rest = body;
    if let Some(behind) = body.strip_prefix(&SNAP) {
        rest = behind;
        let organisation = take::take::<3>(&mut rest)?;
        if organisation != ETHERNET_CODE && organisation != BRIDGE_TUNNEL_CODE {
            return None;
        }
    }
    let ether_type = take::u16_be(&mut rest)?;
    found(Upper::EtherType(ether_type, rest));
    Some(())
}
