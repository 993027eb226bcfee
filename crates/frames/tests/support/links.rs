//! What carries a packet: Ethernet, 802.11 and the headers that captures put before a frame.

use frames::{LinkType, Packet};

use super::{FRAME_CHECK, ipv4_udp, ipv6_udp};

pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&ADDRESSES[..], &ether_type.to_be_bytes(), payload].concat()
}

pub fn ethernet_vlan(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let tags = [0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x60, 0x0a];
    [&ADDRESSES[..], &tags, &ether_type.to_be_bytes(), payload].concat()
}

/// IEEE 802.3 with a length, then LLC/SNAP; padded beyond the length.
pub fn ethernet_llc(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let body = snap(ether_type, payload);
    [&ADDRESSES[..], &(body.len() as u16).to_be_bytes(), &body, &[0; 7]].concat()
}

const ADDRESSES: [u8; 12] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0x5e, 0, 0x53, 1];

/// QoS data outside the context of a network, LLC/SNAP.
pub fn ocb(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&qos_header(0x00, 0x00)[..], &snap(ether_type, payload)].concat()
}

/// QoS data outside the context of a network, EtherType only.
pub fn ocb_epd(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&qos_header(0x00, 0x00)[..], &ether_type.to_be_bytes(), payload].concat()
}

/// Data without QoS.
pub fn plain_data(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = qos_header(0x00, 0x00)[..24].to_vec();
    bytes[0] = 0x08;
    bytes.extend(snap(ether_type, payload));
    bytes
}

/// QoS data between access points (four addresses) with HT control.
pub fn four_addresses_ht(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = qos_header(0x83, 0x00)[..24].to_vec();
    bytes.extend([2, 0, 0x5e, 0, 0x53, 4, 0x00, 0x00]); // fourth address, QoS control
    bytes.extend([0; 4]); // HT control
    bytes.extend(snap(ether_type, payload));
    bytes
}

/// Two frames in one.
pub fn aggregate(ether_type: u16, payloads: [&[u8]; 2]) -> Vec<u8> {
    let mut bytes = qos_header(0x00, 0x80);
    for payload in payloads {
        let body = snap(ether_type, payload);
        let mut subframe = [&ADDRESSES[..], &(body.len() as u16).to_be_bytes(), &body].concat();
        subframe.resize(subframe.len().next_multiple_of(4), 0);
        bytes.extend(subframe);
    }
    bytes
}

fn qos_header(flags: u8, qos_control: u8) -> Vec<u8> {
    let mut bytes = vec![0x88, flags, 0, 0];
    bytes.extend([0xff; 6]);
    bytes.extend([2, 0, 0x5e, 0, 0x53, 1]);
    bytes.extend([0xff; 6]);
    bytes.extend([0x10, 0x00, qos_control, 0x00]); // sequence 1, fragment 0
    bytes
}

fn snap(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&[0xaa, 0xaa, 0x03, 0, 0, 0], &ether_type.to_be_bytes()[..], payload].concat()
}

/// Radiotap with time stamp, flags and channel 5900 MHz; with or without frame check sequence.
pub fn radiotap(frame: &[u8], fcs: bool) -> Vec<u8> {
    let mut bytes = vec![0, 0, 24, 0, 0x0f, 0, 0, 0];
    bytes.extend([0x11; 8]); // time
    bytes.extend([if fcs { 0x10 } else { 0 }, 0x0c]); // flags, rate
    bytes.extend(5900u16.to_le_bytes());
    bytes.extend(0x0140u16.to_le_bytes()); // OFDM, 5 GHz
    bytes.extend([0, 0]);
    bytes.extend(frame);
    if fcs {
        bytes.extend(FRAME_CHECK);
    }
    bytes
}

/// Radiotap with two presence words and a header padded to four bytes.
pub fn radiotap_padded(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 13, 0, 0x02, 0, 0, 0x80, 0, 0, 0, 0, 0x20];
    bytes.extend(qos_header(0, 0));
    bytes.extend([0, 0]);
    bytes.extend(snap(ether_type, payload));
    bytes
}

/// Per-packet information with an 802.11-common field that announces a frame check sequence.
pub fn ppi(frame: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 32, 0, 105, 0, 0, 0, 2, 0, 20, 0];
    bytes.extend([0; 8]);
    bytes.extend([1, 0]); // frame check sequence at the end
    bytes.extend([0; 10]);
    bytes.extend(frame);
    bytes.extend(FRAME_CHECK);
    bytes
}

pub fn prism(frame: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x44, 0, 0, 0, 144, 0, 0, 0];
    bytes.resize(144, 0);
    bytes.extend(frame);
    bytes
}

pub fn avs(frame: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, 0x21, 0x10, 0x01, 0, 0, 0, 64];
    bytes.resize(64, 0);
    bytes.extend(frame);
    bytes
}

pub fn cooked(hardware: u16, protocol: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 4];
    bytes.extend(hardware.to_be_bytes());
    bytes.extend([0, 6, 2, 0, 0x5e, 0, 0x53, 1, 0, 0]);
    bytes.extend(protocol.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub fn cooked_2(hardware: u16, protocol: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = protocol.to_be_bytes().to_vec();
    bytes.extend([0, 0, 0, 0, 0, 3]);
    bytes.extend(hardware.to_be_bytes());
    bytes.extend([4, 6, 2, 0, 0x5e, 0, 0x53, 1, 0, 0]);
    bytes.extend(payload);
    bytes
}

/// Every way this crate knows down to `payload`, whose EtherType is given: name, type, frame.
pub fn every_link(ether_type: u16, payload: &[u8]) -> Vec<(&'static str, LinkType, Vec<u8>)> {
    let ocb_frame = ocb(ether_type, payload);
    vec![
        ("ethernet", LinkType::ETHERNET, ethernet(ether_type, payload)),
        ("ethernet-vlan", LinkType::ETHERNET, ethernet_vlan(ether_type, payload)),
        ("ethernet-llc", LinkType::ETHERNET, ethernet_llc(ether_type, payload)),
        ("brcm", LinkType::DSA_TAG_BRCM, tagged(12, &[0x20, 0, 0, 3], ether_type, payload)),
        ("brcm-before", LinkType::DSA_TAG_BRCM_PREPEND, tagged(0, &[0x20, 0, 0, 3], ether_type, payload)),
        ("dsa", LinkType::DSA_TAG_DSA, tagged(12, &[0xc0, 8, 0, 1], ether_type, payload)),
        ("edsa", LinkType::DSA_TAG_EDSA, tagged(12, &[0xda, 0xda, 0, 0, 0xc0, 8, 0, 1], ether_type, payload)),
        ("802.11-ocb", LinkType::IEEE802_11, ocb_frame.clone()),
        ("802.11-ocb-epd", LinkType::IEEE802_11, ocb_epd(ether_type, payload)),
        ("802.11-data", LinkType::IEEE802_11, plain_data(ether_type, payload)),
        ("802.11-addr4-ht", LinkType::IEEE802_11, four_addresses_ht(ether_type, payload)),
        ("radiotap", LinkType::IEEE802_11_RADIOTAP, radiotap(&ocb_frame, false)),
        ("radiotap-fcs", LinkType::IEEE802_11_RADIOTAP, radiotap(&ocb_frame, true)),
        ("radiotap-epd", LinkType::IEEE802_11_RADIOTAP, radiotap(&ocb_epd(ether_type, payload), true)),
        ("radiotap-padded", LinkType::IEEE802_11_RADIOTAP, radiotap_padded(ether_type, payload)),
        ("ppi", LinkType::PPI, ppi(&ocb_frame)),
        ("prism", LinkType::IEEE802_11_PRISM, prism(&ocb_frame)),
        ("avs", LinkType::IEEE802_11_AVS, avs(&ocb_frame)),
        ("sll", LinkType::LINUX_SLL, cooked(1, ether_type, payload)),
        ("sll-radiotap", LinkType::LINUX_SLL, cooked(803, 3, &radiotap(&ocb_frame, false))),
        ("sll2", LinkType::LINUX_SLL2, cooked_2(1, ether_type, payload)),
    ]
}

/// An Ethernet frame with the tag of a switch at `at`.
fn tagged(at: usize, tag: &[u8], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let frame = ethernet(ether_type, payload);
    [&frame[..at], tag, &frame[at..]].concat()
}

/// A record of Linux's firewall log: a prefix of three octets, padded, then the packet.
pub fn firewall_log(packet: &[u8], number: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let family = if packet[0] >> 4 == 4 { 2 } else { 10 };
    let mut record = vec![family, 0, 0, 20];
    record.extend([number(7), number(10)].concat());
    record.extend(*b"in\0\0");
    record.extend([number(packet.len() as u16 + 4), number(9)].concat());
    record.extend(packet);
    record
}

/// Every way down to UDP.
pub fn every_udp(payload: &[u8]) -> Vec<(&'static str, LinkType, Vec<u8>)> {
    let (v4, v6) = (ipv4_udp(payload), ipv6_udp(payload));
    vec![
        ("raw-ipv4", LinkType::RAW, v4.clone()),
        ("raw-ipv6", LinkType::RAW, v6.clone()),
        ("ipv4", LinkType::IPV4, v4.clone()),
        ("ipv6", LinkType::IPV6, v6.clone()),
        ("ethernet-ipv4", LinkType::ETHERNET, ethernet(0x0800, &v4)),
        ("ethernet-ipv6", LinkType::ETHERNET, ethernet_vlan(0x86dd, &v6)),
        ("sll-ipv4", LinkType::LINUX_SLL, cooked(1, 0x0800, &v4)),
        ("sll2-ipv6", LinkType::LINUX_SLL2, cooked_2(1, 0x86dd, &v6)),
        ("nflog", LinkType::NFLOG, firewall_log(&v4, u16::to_le_bytes)),
        ("null-ipv4", LinkType::NULL, [&[2, 0, 0, 0], &v4[..]].concat()),
    ]
}

/// `frame` as if it were the first of a capture, at offset 0.
pub fn packet(link_type: LinkType, frame: &[u8]) -> Packet<'_> {
    Packet {
        number: 1,
        offset_in_file: 0,
        timestamp_ns: None,
        link_type,
        captured: frame,
        original_len: frame.len() as u32,
    }
}
