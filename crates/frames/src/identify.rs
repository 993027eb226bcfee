//! From what a link layer carries to the message in it.

use etherparse::{LaxSlicedPacket, TransportSlice};

use crate::geonet::{self, Body};
use crate::link::{self, Upper};
use crate::{spdu, wsmp};

/// A message before it is known where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What carries it.
    pub network: Network,
    /// What it is.
    pub kind: Kind,
    /// PSID of the carrier (WSMP only).
    pub psid: Option<u32>,
    /// The message from its first byte, perhaps with octets behind it.
    pub bytes: &'a [u8],
}

/// What carries a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// GeoNetworking (ETSI EN 302 636-4-1), on the link or in UDP.
    GeoNetworking,
    /// WAVE short message (IEEE 1609.3), on the link or in UDP.
    Wsmp,
    /// The payload of a UDP datagram.
    Udp,
    /// The frame itself.
    Bare,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Begins as an IEEE 1609.2 version 3 SPDU does.
    Spdu,
    /// Begins as an SPDU of an older version does.
    Legacy {
        /// Its protocol version, 1 or 2.
        version: u8,
    },
    /// A GeoNetworking packet says it is secured, but no SPDU begins there.
    Malformed,
    /// A network packet without security: `bytes` are the WSM data, or a GeoNetworking packet
    /// from its common header, as [`geonet_payload`](crate::geonet_payload) reads it.
    Unsecured,
}

/// The message in what a link layer carries, if it is one.
#[must_use]
pub fn identify(upper: Upper<'_>) -> Option<Message<'_>> {
    match upper {
        Upper::EtherType(link::GEONETWORKING, bytes) => geonet::body(bytes).and_then(in_geonet),
        Upper::EtherType(link::WSMP, bytes) => wsmp::wsm(bytes).map(in_wsm),
        Upper::EtherType(..) | Upper::Ip(_) => identify_datagram(udp_payload(ip_packet(upper)?)?),
        Upper::Encrypted(_) => None,
        Upper::Any(bytes) => by_structure(bytes, Network::Bare),
    }
}

/// The message in the payload of a UDP datagram, if it is one.
#[must_use]
pub fn identify_datagram(payload: &[u8]) -> Option<Message<'_>> {
    by_structure(payload, Network::Udp)
}

/// The IP packet of either version that a link layer carries.
pub(crate) fn ip_packet(upper: Upper<'_>) -> Option<&[u8]> {
    match upper {
        Upper::EtherType(link::IPV4 | link::IPV6, bytes) | Upper::Ip(bytes) => Some(bytes),
        _ => None,
    }
}

/// Payload of the UDP datagram in an IP packet, unless it is a fragment.
fn udp_payload(bytes: &[u8]) -> Option<&[u8]> {
    match LaxSlicedPacket::from_ip(bytes).ok()?.transport? {
        TransportSlice::Udp(datagram) => Some(datagram.payload()),
        _ => None,
    }
}

/// What bytes are that nothing announces: only what is certain enough counts.
fn by_structure(bytes: &[u8], network: Network) -> Option<Message<'_>> {
    if spdu::plausible(bytes) {
        return Some(Message { network, kind: Kind::Spdu, psid: None, bytes });
    }
    if let Some(body) = geonet::plausible_body(bytes) {
        return in_geonet(body);
    }
    if let Some(message) = wsmp::wsm(bytes)
        && message.trailing_len == 0
        && message.data.len() == message.stated_len
        && spdu::plausible(message.data)
    {
        return Some(in_wsm(message));
    }
    if spdu::plausible_legacy(bytes) {
        return Some(Message { network, kind: Kind::Legacy { version: 2 }, psid: None, bytes });
    }
    None
}

fn in_geonet(body: Body<'_>) -> Option<Message<'_>> {
    let (kind, bytes) = match body {
        Body::Secured([]) => return None,
        Body::Secured(bytes) if spdu::begins(bytes) => (Kind::Spdu, bytes),
        Body::Secured(bytes) => match spdu::legacy_version(bytes) {
            Some(version) => (Kind::Legacy { version }, bytes),
            None => (Kind::Malformed, bytes),
        },
        Body::Unsecured(bytes) => (Kind::Unsecured, bytes),
    };
    Some(Message { network: Network::GeoNetworking, kind, psid: None, bytes })
}

fn in_wsm(message: wsmp::Wsm<'_>) -> Message<'_> {
    let kind = if spdu::begins(message.data) {
        Kind::Spdu
    } else if message.version < 3 && spdu::legacy_version(message.data) == Some(2) {
        Kind::Legacy { version: 2 }
    } else {
        Kind::Unsecured
    };
    Message { network: Network::Wsmp, kind, psid: message.psid, bytes: message.data }
}
