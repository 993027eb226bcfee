//! From a frame to the transport packets in it, through tunnels.

use std::net::IpAddr;

use etherparse::{IpFragOffset, LaxIpSlice};
use frames::Upper;

use crate::cursor::Cursor;
use crate::fragments::{FragmentOf, Fragments};

/// Tunnels within tunnels that are followed.
const MAX_DEPTH: u8 = 4;

mod protocol {
    pub const IPV4: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const IPV6: u8 = 41;
    pub const GRE: u8 = 47;
    pub const ESP: u8 = 50;
    pub const AH: u8 = 51;
}

/// A transport packet.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    pub source: (IpAddr, u16),
    pub destination: (IpAddr, u16),
    pub body: Body<'a>,
    /// The capture kept less than was sent.
    pub cut: bool,
    /// The innermost tunnel it came through.
    pub tunnel: Option<&'static str>,
}

/// What a transport packet carries.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    Tcp {
        sequence: u32,
        syn: bool,
        ack: bool,
        end: bool,
        data: &'a [u8],
    },
    Udp(&'a [u8]),
    /// IPsec: encrypted (ESP) or authenticated (AH) packets.
    Esp,
    Ah,
}

/// Where a packet is, on its way down.
#[derive(Clone, Copy)]
struct Path {
    depth: u8,
    tunnel: Option<&'static str>,
}

/// Finds the transport packets in what a link layer carries.
pub(crate) fn walk(upper: Upper<'_>, fragments: &mut Fragments, found: &mut dyn FnMut(&Datagram<'_>)) {
    let path = Path { depth: 0, tunnel: None };
    match upper {
        Upper::EtherType(frames::IPV4 | frames::IPV6, bytes) | Upper::Ip(bytes) => {
            ip(bytes, path, fragments, found);
        }
        Upper::EtherType(..) | Upper::Any(_) => {}
    }
}

fn ip(bytes: &[u8], path: Path, fragments: &mut Fragments, found: &mut dyn FnMut(&Datagram<'_>)) {
    let Ok((packet, _)) = LaxIpSlice::from_slice(bytes) else {
        return;
    };
    let payload = packet.payload();
    let (source, destination) = (packet.source_addr(), packet.destination_addr());
    if !payload.fragmented {
        let cut = payload.incomplete;
        return transport(
            (source, destination),
            payload.ip_number.0,
            payload.payload,
            cut,
            path,
            fragments,
            found,
        );
    }
    let Some((identification, offset, more)) = fragment(&packet) else {
        return;
    };
    let of = FragmentOf { source, destination, identification, protocol: payload.ip_number.0 };
    if let Some(whole) = fragments.add(&of, offset, more, payload.payload) {
        transport((source, destination), of.protocol, &whole, false, path, fragments, found);
    }
}

fn fragment(packet: &LaxIpSlice<'_>) -> Option<(u32, IpFragOffset, bool)> {
    if let Some(v4) = packet.ipv4() {
        let header = v4.header();
        return Some((header.identification().into(), header.fragments_offset(), header.more_fragments()));
    }
    packet.ipv6()?.extensions().clone().into_iter().find_map(|extension| match extension {
        etherparse::Ipv6ExtensionSlice::Fragment(header) => {
            Some((header.identification(), header.fragment_offset(), header.more_fragments()))
        }
        _ => None,
    })
}

fn transport(
    (source, destination): (IpAddr, IpAddr),
    number: u8,
    payload: &[u8],
    cut: bool,
    path: Path,
    fragments: &mut Fragments,
    found: &mut dyn FnMut(&Datagram<'_>),
) {
    let datagram = |ports: (u16, u16), body| Datagram {
        source: (source, ports.0),
        destination: (destination, ports.1),
        body,
        cut,
        tunnel: path.tunnel,
    };
    match number {
        protocol::TCP => {
            if let Some((ports, body)) = tcp(payload) {
                found(&datagram(ports, body));
            }
        }
        protocol::UDP => {
            let mut rest = Cursor(payload);
            let (Some(from), Some(to), Some(stated), Some(_checksum)) =
                (rest.u16(), rest.u16(), rest.u16(), rest.u16())
            else {
                return;
            };
            // Zero is what a jumbogram states (RFC 2675); offloaded datagrams state too little at times.
            let data = match usize::from(stated) {
                0..8 => rest.0,
                stated => rest.at_most(stated - 8),
            };
            if !through_udp(from, to, data, path, fragments, found) {
                found(&datagram((from, to), Body::Udp(data)));
            }
        }
        protocol::ESP => found(&datagram((0, 0), Body::Esp)),
        protocol::AH => found(&datagram((0, 0), Body::Ah)),
        protocol::IPV4 | protocol::IPV6 => deeper(payload, "ip-in-ip", path, fragments, found),
        protocol::GRE => {
            if let Some(inner) = gre(payload) {
                deeper(inner, "gre", path, fragments, found);
            }
        }
        _ => {}
    }
}

fn tcp(segment: &[u8]) -> Option<((u16, u16), Body<'_>)> {
    const FIN_OR_RST: u8 = 0x05;
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    let mut rest = Cursor(segment);
    let ports = (rest.u16()?, rest.u16()?);
    let sequence = rest.u32()?;
    rest.skip(4)?; // acknowledgement number
    let [offset, flags] = rest.take()?;
    let data = segment.get(usize::from(offset >> 4) * 4..).filter(|_| offset >> 4 >= 5)?;
    let (syn, ack, end) = (flags & SYN != 0, flags & ACK != 0, flags & FIN_OR_RST != 0);
    Some((ports, Body::Tcp { sequence, syn, ack, end, data }))
}

/// Follows the tunnels that run over UDP: GTP-U (3GPP TS 29.281), VXLAN (RFC 7348), Teredo (RFC 4380),
/// and the TaZmen sniffer protocol of wireless sensors.
fn through_udp(
    from: u16,
    to: u16,
    data: &[u8],
    path: Path,
    fragments: &mut Fragments,
    found: &mut dyn FnMut(&Datagram<'_>),
) -> bool {
    const GTP_U: u16 = 2152;
    const VXLAN: u16 = 4789;
    const TEREDO: u16 = 3544;
    const TZSP: u16 = 37008;
    if (to == GTP_U || from == GTP_U)
        && let Some(inner) = gtp_u(data)
    {
        deeper(inner, "gtp-u", path, fragments, found);
        return true;
    }
    if to == VXLAN && matches!(data, [0x08, 0, 0, 0, _, _, _, 0, ..]) && path.depth < MAX_DEPTH {
        let path = Path { depth: path.depth + 1, tunnel: Some("vxlan") };
        let mut rest = Cursor(&data[8..]);
        if rest.skip(12).is_some()
            && let Some(0x0800 | 0x86dd) = rest.u16()
        {
            ip(rest.0, path, fragments, found);
        }
        return true;
    }
    if (to == TZSP || from == TZSP)
        && let Some(inner) = tzsp(data)
    {
        deeper(inner, "tzsp", path, fragments, found);
        return true;
    }
    if (to == TEREDO || from == TEREDO) && data.first().is_some_and(|first| first >> 4 == 6) {
        deeper(data, "teredo", path, fragments, found);
        return true;
    }
    false
}

/// The packet in a G-PDU of GTP version 1, behind any extension headers.
fn gtp_u(data: &[u8]) -> Option<&[u8]> {
    const G_PDU: u8 = 255;
    let mut rest = Cursor(data);
    let [flags, kind] = rest.take()?;
    let stated = rest.u16()?;
    if flags & 0xf0 != 0x30 || kind != G_PDU || usize::from(stated) > data.len() - 4 {
        return None;
    }
    rest.skip(4)?; // tunnel endpoint
    if flags & 0x07 != 0 {
        rest.skip(3)?; // sequence number, N-PDU number
        let mut next = rest.u8()?;
        while next != 0 {
            let words = usize::from(rest.u8()?);
            let extension = rest.bytes((words * 4).checked_sub(1)?)?;
            next = *extension.last()?;
        }
    }
    matches!(rest.0.first()? >> 4, 4 | 6).then_some(rest.0)
}

/// The IP packet in an Ethernet frame that a sensor received: header, tagged fields, frame.
fn tzsp(data: &[u8]) -> Option<&[u8]> {
    const PADDING: u8 = 0;
    const END: u8 = 1;
    const ETHERNET: u16 = 1;
    let mut rest = Cursor(data);
    let [version, _kind] = rest.take()?;
    (version == 1 && rest.u16()? == ETHERNET).then_some(())?;
    loop {
        match rest.u8()? {
            END => break,
            PADDING => {}
            _ => {
                let len = rest.u8()?;
                rest.skip(len.into())?;
            }
        }
    }
    rest.skip(12)?;
    matches!(rest.u16()?, 0x0800 | 0x86dd).then_some(rest.0)
}

/// What a GRE header (RFC 2784, RFC 2890) carries, where that is IP.
fn gre(packet: &[u8]) -> Option<&[u8]> {
    let mut rest = Cursor(packet);
    let [flags, version] = rest.take()?;
    let kind = rest.u16()?;
    if version & 7 != 0 {
        return None; // PPTP
    }
    for (bit, len) in [(0x80, 4), (0x20, 4), (0x10, 4)] {
        if flags & bit != 0 {
            rest.skip(len)?;
        }
    }
    matches!(kind, 0x0800 | 0x86dd).then_some(rest.0)
}

fn deeper(
    inner: &[u8],
    tunnel: &'static str,
    path: Path,
    fragments: &mut Fragments,
    found: &mut dyn FnMut(&Datagram<'_>),
) {
    if path.depth < MAX_DEPTH {
        ip(inner, Path { depth: path.depth + 1, tunnel: Some(tunnel) }, fragments, found);
    }
}
