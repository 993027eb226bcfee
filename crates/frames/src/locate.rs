//! From a packet to the messages in it.

use etherparse::{LaxSlicedPacket, TransportSlice};

use crate::capture::Packet;
use crate::geonet::{self, Body};
use crate::link::{self, Upper};
use crate::{spdu, wsmp};

/// A message and where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located<'a> {
    /// Number of the frame, from 1.
    pub frame: u64,
    /// Where `bytes` begin, in bytes from the start of the capture file.
    pub offset: u64,
    /// What carries the message.
    pub network: Network,
    /// What the message is.
    pub kind: Kind,
    /// PSID of the carrier (WSMP only); the signed one stands in the SPDU.
    pub psid: Option<u32>,
    /// Whether the capture kept the whole frame; if not, `bytes` may be cut.
    pub whole: bool,
    /// The message from its first byte. GeoNetworking and bare messages have no length on the
    /// outside: Ethernet padding or a frame check sequence may follow.
    pub bytes: &'a [u8],
}

impl Located<'_> {
    /// Whether it is a message of before 2016 (IEEE 1609.2 version 2, TS 103 097 before V1.3.1).
    #[must_use]
    pub fn legacy_v2(&self) -> bool {
        matches!(self.kind, Kind::Legacy { .. })
    }
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

/// The messages of `packet` that are, or claim to be, secured.
#[must_use]
pub fn spdus<'a>(packet: &Packet<'a>) -> Vec<Located<'a>> {
    let mut found = messages(packet);
    found.retain(|message| message.kind != Kind::Unsecured);
    found
}

/// All messages of `packet`, secured or not.
#[must_use]
pub fn messages<'a>(packet: &Packet<'a>) -> Vec<Located<'a>> {
    let mut found = Vec::new();
    link::descend(packet, &mut |upper| {
        if let Some(message) = identify(upper) {
            let within = message.bytes.as_ptr() as usize - packet.captured.as_ptr() as usize;
            found.push(Located {
                frame: packet.number,
                offset: packet.offset_in_file + within as u64,
                network: message.network,
                kind: message.kind,
                psid: message.psid,
                whole: packet.is_whole(),
                bytes: message.bytes,
            });
        }
    });
    found
}

/// A message before it is known where it stands.
struct Message<'a> {
    network: Network,
    kind: Kind,
    psid: Option<u32>,
    bytes: &'a [u8],
}

fn identify(upper: Upper<'_>) -> Option<Message<'_>> {
    match upper {
        Upper::EtherType(link::GEONETWORKING, bytes) => geonet::body(bytes).and_then(in_geonet),
        Upper::EtherType(link::WSMP, bytes) => wsmp::wsm(bytes).map(in_wsm),
        Upper::EtherType(link::IPV4 | link::IPV6, bytes) | Upper::Ip(bytes) => {
            by_structure(udp_payload(bytes)?, Network::Udp)
        }
        Upper::EtherType(..) | Upper::Encrypted(_) => None,
        Upper::Any(bytes) => by_structure(bytes, Network::Bare),
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
