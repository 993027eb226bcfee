//! From a frame to the transport packets in it, through tunnels.
//!
//! What is followed: IP, Ethernet (RFC 3378, RFC 8986) and MPLS (RFC 4023) in IP, GRE with IP, Ethernet, ERSPAN or
//! PPP in it, AH, GTP-U, VXLAN, GENEVE, L2TP, Teredo, TZSP, MPLS and SCTP over UDP.

use std::fmt;
use std::net::IpAddr;

use etherparse::LaxIpSlice;
use frames::{Fragment, Fragments, Packet, Upper};

use crate::cursor::Cursor;
use crate::extensions;

/// Tunnels within tunnels that are followed.
const MAX_DEPTH: u8 = 4;

mod protocol {
    pub const IPV4: u8 = 4;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const DCCP: u8 = 33;
    pub const IPV6: u8 = 41;
    pub const GRE: u8 = 47;
    pub const ESP: u8 = 50;
    pub const AH: u8 = 51;
    pub const ETHER_IP: u8 = 97;
    pub const SCTP: u8 = 132;
    pub const UDP_LITE: u8 = 136;
    pub const MPLS: u8 = 137;
    pub const ETHERNET: u8 = 143;
    /// Protocols that carry no cryptography of their own and no payload: ICMP, IGMP, ICMPv6, no next header, EIGRP,
    /// OSPF, PIM, VRRP (IANA registry "Protocol Numbers").
    pub const WITHOUT_INTEREST: [u8; 8] = [1, 2, 58, 59, 88, 89, 103, 112];
}

/// Who takes part: a host by its IP address, or a station of a local network by its hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Address {
    Ip(IpAddr),
    Station([u8; 6]),
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(out),
            Self::Station([a, b, c, d, e, f]) => {
                write!(out, "{a:02x}-{b:02x}-{c:02x}-{d:02x}-{e:02x}-{f:02x}")
            }
        }
    }
}

/// A transport packet.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    pub source: (Address, u16),
    pub destination: (Address, u16),
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
    /// A datagram of DCCP or UDP-Lite.
    Dccp(&'a [u8]),
    UdpLite(&'a [u8]),
    /// The chunks of an SCTP packet.
    Sctp(&'a [u8]),
    /// IPsec: encrypted (ESP) or authenticated (AH) packets.
    Esp,
    Ah,
    /// A frame of port-based access control, from its version.
    Eapol {
        frame: &'a [u8],
        from_authenticator: bool,
    },
    /// A frame of MAC security, from its tag.
    Macsec(&'a [u8]),
    /// An IP protocol that is not read.
    Unread(u8),
}

/// Control of wireless access points (RFC 5415): DTLS behind a header of its own, clause 4.2.
const CAPWAP: u16 = 5246;
const CAPWAP_DTLS: [u8; 4] = [1, 0, 0, 0];

/// Where a packet is, on its way down.
#[derive(Clone, Copy)]
struct Path<'a> {
    frame: &'a Packet<'a>,
    depth: u8,
    tunnel: Option<&'static str>,
}

/// Finds the transport packets in what the link layer of `frame` carries.
pub(crate) fn walk(
    upper: Upper<'_>,
    frame: &Packet<'_>,
    fragments: &mut Fragments,
    found: &mut dyn FnMut(&Datagram<'_>),
) {
    let path = Path { frame, depth: 0, tunnel: None };
    ethernet(upper, path, fragments, found);
}

fn ethernet(upper: Upper<'_>, path: Path, fragments: &mut Fragments, found: &mut dyn FnMut(&Datagram<'_>)) {
    if let Upper::EtherType(frames::IPV4 | frames::IPV6, bytes) | Upper::Ip(bytes) = upper {
        ip(bytes, path, fragments, found);
    }
}

fn ip(bytes: &[u8], path: Path, fragments: &mut Fragments, found: &mut dyn FnMut(&Datagram<'_>)) {
    match Fragment::of(bytes) {
        None => whole(bytes, path, fragments, found),
        Some(fragment) => {
            if let Some(joined) = fragments.add(&fragment, path.frame) {
                whole(&joined.packet, path, fragments, found);
            }
        }
    }
}

fn whole(bytes: &[u8], path: Path, fragments: &mut Fragments, found: &mut dyn FnMut(&Datagram<'_>)) {
    let Ok((packet, _)) = LaxIpSlice::from_slice(bytes) else {
        return;
    };
    let payload = packet.payload();
    let (source, destination) = (packet.source_addr(), packet.destination_addr());
    let cut = payload.incomplete;
    if is_authenticated(&packet) {
        found(&Datagram {
            source: (Address::Ip(source), 0),
            destination: (Address::Ip(destination), 0),
            body: Body::Ah,
            cut,
            tunnel: path.tunnel,
        });
    }
    if !payload.fragmented {
        let number = payload.ip_number.0;
        transport((source, destination), number, payload.payload, cut, path, fragments, found);
    }
}

/// Whether an authentication header (RFC 4302) stands among the headers of a packet.
fn is_authenticated(packet: &LaxIpSlice<'_>) -> bool {
    let in_v4 = packet.ipv4().is_some_and(|v4| v4.extensions().auth.is_some());
    in_v4 || packet.ipv6().is_some_and(extensions::is_authenticated)
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
        source: (Address::Ip(source), ports.0),
        destination: (Address::Ip(destination), ports.1),
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
            let data = if from == CAPWAP || to == CAPWAP {
                data.strip_prefix(&CAPWAP_DTLS).unwrap_or(data)
            } else {
                data
            };
            if !through_udp(from, to, data, path, fragments, found) {
                found(&datagram((from, to), Body::Udp(data)));
            }
        }
        protocol::UDP_LITE => {
            // Where UDP has its length stands how much the checksum covers (RFC 3828 clause 3.1).
            if let Some((ports, data)) = behind_ports(payload, 4) {
                found(&datagram(ports, Body::UdpLite(data)));
            }
        }
        protocol::DCCP => {
            if let Some((ports, data)) = dccp(payload) {
                found(&datagram(ports, Body::Dccp(data)));
            }
        }
        protocol::SCTP => {
            // Verification tag and checksum (RFC 9260 clause 3.1).
            if let Some((ports, chunks)) = behind_ports(payload, 8) {
                found(&datagram(ports, Body::Sctp(chunks)));
            }
        }
        protocol::ESP => found(&datagram((0, 0), Body::Esp)),
        protocol::AH => {
            found(&datagram((0, 0), Body::Ah));
            // What it authenticates is in clear (RFC 4302 clause 2): next header, length in words less two.
            if let Some(&[next, words]) = payload.first_chunk()
                && path.depth < MAX_DEPTH
                && let Some(inner) = payload.get((usize::from(words) + 2) * 4..)
            {
                let path = Path { depth: path.depth + 1, ..path };
                transport((source, destination), next, inner, cut, path, fragments, found);
            }
        }
        protocol::IPV4 | protocol::IPV6 => deeper(Inner::Ip(payload), "ip-in-ip", path, fragments, found),
        protocol::ETHERNET => deeper(Inner::Ethernet(payload), "ethernet-in-ip", path, fragments, found),
        protocol::ETHER_IP => {
            if let Some((&[0x30, _], frame)) = payload.split_first_chunk() {
                deeper(Inner::Ethernet(frame), "ethernet-in-ip", path, fragments, found);
            }
        }
        protocol::MPLS => {
            if let Some(inner) = mpls(payload) {
                deeper(Inner::Ip(inner), "mpls", path, fragments, found);
            }
        }
        protocol::GRE => {
            if let Some((inner, name)) = gre(payload) {
                deeper(inner, name, path, fragments, found);
            }
        }
        number if protocol::WITHOUT_INTEREST.contains(&number) => {}
        number => found(&datagram((0, 0), Body::Unread(number))),
    }
}

/// What follows two ports and `len` bytes more of a header.
fn behind_ports(packet: &[u8], len: usize) -> Option<((u16, u16), &[u8])> {
    let mut rest = Cursor(packet);
    let ports = (rest.u16()?, rest.u16()?);
    rest.skip(len)?;
    Some((ports, rest.0))
}

/// The data of a DCCP packet (RFC 4340 clause 5.1): a header that states its length in words.
fn dccp(packet: &[u8]) -> Option<((u16, u16), &[u8])> {
    const REQUEST: u8 = 0;
    const RESPONSE: u8 = 1;
    const DATA: u8 = 2;
    const DATA_AND_ACKNOWLEDGEMENT: u8 = 4;
    let (ports, rest) = behind_ports(packet, 0)?;
    let &[words, _, _, _, kind] = rest.first_chunk()?;
    let data = packet.get(usize::from(words) * 4..).filter(|_| words >= 3)?;
    match kind >> 1 & 0x0f {
        REQUEST | RESPONSE | DATA | DATA_AND_ACKNOWLEDGEMENT => Some((ports, data)),
        _ => Some((ports, &[])),
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

/// What a tunnel carries.
#[derive(Clone, Copy)]
enum Inner<'a> {
    Ip(&'a [u8]),
    Ethernet(&'a [u8]),
    Ppp(&'a [u8]),
}

/// Follows the tunnels that run over UDP: GTP-U (3GPP TS 29.281), VXLAN (RFC 7348), GENEVE (RFC 8926), L2TP
/// (RFC 2661), MPLS (RFC 7510), Teredo (RFC 4380), and the TaZmen sniffer protocol of wireless sensors.
fn through_udp(
    from: u16,
    to: u16,
    data: &[u8],
    path: Path,
    fragments: &mut Fragments,
    found: &mut dyn FnMut(&Datagram<'_>),
) -> bool {
    let at = |port: u16| to == port || from == port;
    let inner = match () {
        () if at(2152) => gtp_u(data).map(|inner| (Inner::Ip(inner), "gtp-u")),
        () if at(4789) => vxlan(data).map(|inner| (Inner::Ethernet(inner), "vxlan")),
        () if at(6081) => geneve(data).map(|inner| (inner, "geneve")),
        () if at(1701) => l2tp(data).map(|inner| (Inner::Ppp(inner), "l2tp")),
        () if at(37008) => tzsp(data).map(|inner| (Inner::Ethernet(inner), "tzsp")),
        () if at(6635) => mpls(data).map(|inner| (Inner::Ip(inner), "mpls")),
        () if at(3544) && data.first().is_some_and(|first| first >> 4 == 6) => {
            Some((Inner::Ip(data), "teredo"))
        }
        () => None,
    };
    if let Some((inner, name)) = inner {
        deeper(inner, name, path, fragments, found);
        return true;
    }
    false
}

/// The Ethernet frame behind a VXLAN header whose flags say that it names a network.
fn vxlan(data: &[u8]) -> Option<&[u8]> {
    let header = data.first_chunk::<8>()?;
    (header[0] & 0x08 != 0 && header[7] == 0).then(|| &data[8..])
}

/// What a GENEVE header of version 0 carries, behind its options.
fn geneve(data: &[u8]) -> Option<Inner<'_>> {
    let mut rest = Cursor(data);
    let [first, _flags] = rest.take()?;
    let kind = rest.u16()?;
    (first >> 6 == 0).then_some(())?;
    rest.skip(4 + 4 * usize::from(first & 0x3f))?;
    match kind {
        ETHERNET => Some(Inner::Ethernet(rest.0)),
        0x0800 | 0x86dd => Some(Inner::Ip(rest.0)),
        _ => None,
    }
}

/// The PPP packet in an L2TP data message (RFC 2661 clause 3.1).
fn l2tp(data: &[u8]) -> Option<&[u8]> {
    const CONTROL: u16 = 0x8000;
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    let mut rest = Cursor(data);
    let flags = rest.u16()?;
    (flags & 0x000f == 2 && flags & CONTROL == 0).then_some(())?;
    rest.skip(if flags & LENGTH != 0 { 2 } else { 0 } + 4)?; // length, tunnel and session
    rest.skip(if flags & SEQUENCE != 0 { 4 } else { 0 })?;
    if flags & OFFSET != 0 {
        let padding = rest.u16()?;
        rest.skip(padding.into())?;
    }
    Some(rest.0)
}

/// The IP packet below a stack of MPLS labels.
fn mpls(data: &[u8]) -> Option<&[u8]> {
    let mut rest = Cursor(data);
    while rest.take::<4>()?[2] & 1 == 0 {}
    matches!(rest.0.first()? >> 4, 4 | 6).then_some(rest.0)
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
    Some(rest.0)
}

/// Transparent Ethernet bridging.
const ETHERNET: u16 = 0x6558;

/// What a GRE header (RFC 2784, RFC 2890) carries: IP, Ethernet, a mirrored port (ERSPAN,
/// draft-foschiano-erspan-03), or PPP in version 1 (RFC 2637).
fn gre(packet: &[u8]) -> Option<(Inner<'_>, &'static str)> {
    const PPP: u16 = 0x880b;
    const ERSPAN: u16 = 0x88be;
    const ERSPAN_3: u16 = 0x22eb;
    const SEQUENCE: u8 = 0x10;
    let mut rest = Cursor(packet);
    let [flags, version] = rest.take()?;
    let kind = rest.u16()?;
    for (bit, len) in [(0x80, 4), (0x20, 4), (SEQUENCE, 4)] {
        if flags & bit != 0 {
            rest.skip(len)?;
        }
    }
    match (version & 7, kind) {
        (1, PPP) => {
            const ACKNOWLEDGED: u8 = 0x80;
            rest.skip(if version & ACKNOWLEDGED != 0 { 4 } else { 0 })?;
            Some((Inner::Ppp(rest.0), "pptp"))
        }
        (0, 0x0800 | 0x86dd) => Some((Inner::Ip(rest.0), "gre")),
        (0, ETHERNET) => Some((Inner::Ethernet(rest.0), "gre")),
        (0, ERSPAN) => {
            rest.skip(if flags & SEQUENCE != 0 { 8 } else { 0 })?; // type I has no header
            Some((Inner::Ethernet(rest.0), "erspan"))
        }
        (0, ERSPAN_3) => {
            const SUBHEADER: u8 = 1;
            let header = rest.take::<12>()?;
            rest.skip(if header[11] & SUBHEADER != 0 { 8 } else { 0 })?;
            Some((Inner::Ethernet(rest.0), "erspan"))
        }
        _ => None,
    }
}

fn deeper(
    inner: Inner<'_>,
    tunnel: &'static str,
    path: Path,
    fragments: &mut Fragments,
    found: &mut dyn FnMut(&Datagram<'_>),
) {
    if path.depth >= MAX_DEPTH {
        return;
    }
    let path = Path { depth: path.depth + 1, tunnel: Some(tunnel), ..path };
    match inner {
        Inner::Ip(packet) => ip(packet, path, fragments, found),
        Inner::Ethernet(frame) => {
            frames::descend_ethernet(frame, &mut |upper| ethernet(upper, path, fragments, found));
        }
        Inner::Ppp(packet) => {
            frames::descend_ppp(packet, &mut |upper| ethernet(upper, path, fragments, found));
        }
    }
}
