//! Builds frames and captures byte by byte, apart from the code under test.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::path::PathBuf;

use frames::{LinkType, Packet};

pub const WSMP: u16 = 0x88dc;
pub const GEONETWORKING: u16 = 0x8947;
pub const BSM_PSID: u32 = 0x20;
pub const FRAME_CHECK: [u8; 4] = [0xf0, 0xf1, 0xf2, 0xf3];

/// The material of the field, or `None` with a message where it is not at hand.
pub fn testdata(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ROADSEAL_TESTDATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("skipped: {} is absent (set ROADSEAL_TESTDATA)", found.display());
    None
}

/// SPDUs of the US pilot with their PSIDs.
pub fn field_spdus() -> Option<Vec<(u32, Vec<u8>)>> {
    let lines = std::fs::read_to_string(testdata("v2x/us-field/spdus.jsonl")?).expect("readable");
    let spdus = lines.lines().map(|line| {
        let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let psid = object["psid"].as_u64().expect("psid") as u32;
        (psid, hex(object["spdu"].as_str().expect("spdu")))
    });
    Some(spdus.collect())
}

pub fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("hex digit") as u8;
    text.as_bytes().chunks(2).map(|pair| (digit(pair[0]) << 4) | digit(pair[1])).collect()
}

/// Begins as signed data does; the rest is filler.
pub fn sample_spdu() -> Vec<u8> {
    let mut spdu = vec![0x03, 0x81, 0x00, 0x40, 0x03, 0x80, 20];
    spdu.extend(1..=90u8);
    spdu
}

// --- Network layers ---------------------------------------------------------------------------

pub fn wsmp(psid: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x03, 0x00];
    bytes.extend(p_encode(psid));
    bytes.extend(wsmp_length(data.len()));
    bytes.extend(data);
    bytes
}

pub fn wsmp_with_elements(psid: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x0b, 3, 15, 1, 172, 16, 1, 12, 4, 1, 0x9e, 0x00];
    bytes.extend(p_encode(psid));
    bytes.extend(wsmp_length(data.len()));
    bytes.extend(data);
    bytes
}

pub fn wsmp_2(psid: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x02];
    bytes.extend(p_encode(psid));
    bytes.extend([15, 1, 172, 16, 1, 12, 4, 1, 30, 0x80]);
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn p_encode(psid: u32) -> Vec<u8> {
    match psid {
        0..0x80 => vec![psid as u8],
        0x80..0x4080 => ((psid as u16 - 0x80) | 0x8000).to_be_bytes().to_vec(),
        0x4080..0x20_4080 => ((psid - 0x4080) | 0xc0_0000).to_be_bytes()[1..].to_vec(),
        _ => ((psid - 0x20_4080) | 0xe000_0000).to_be_bytes().to_vec(),
    }
}

fn wsmp_length(len: usize) -> Vec<u8> {
    if len < 128 { vec![len as u8] } else { (len as u16 | 0x8000).to_be_bytes().to_vec() }
}

/// Basic header that announces an SPDU.
pub fn geonet_secured(spdu: &[u8]) -> Vec<u8> {
    [&[0x12, 0x00, 0x1a, 0x01], spdu].concat()
}

/// Basic header, then an unsecured packet.
pub fn geonet_unsecured() -> Vec<u8> {
    [&[0x11, 0x00, 0x1a, 0x01], &common_header_on()[..]].concat()
}

/// Common header, single-hop broadcast, BTP-B to port 2001, and five bytes of message.
pub fn common_header_on() -> Vec<u8> {
    common_header_of(0x50, 0, 4)
}

/// As [`common_header_on`] with any header type and subtype, and an extended header that has
/// `before` and `after` other bytes around the position of the source.
pub fn common_header_of(kind: u8, before: usize, after: usize) -> Vec<u8> {
    let mut bytes = vec![0x20, kind, 0x02, 0x80, 0x00, 0x09, 0x01, 0x00];
    bytes.resize(8 + before, 0);
    bytes.extend([0x14, 0x00, 0x02, 0x00, 0x5e, 0x00, 0x53, 0x01]); // GeoNetworking address
    bytes.extend(0x1234_5678u32.to_be_bytes());
    bytes.extend(525_200_000i32.to_be_bytes());
    bytes.extend((-134_050_000i32).to_be_bytes());
    bytes.extend([0x80, 0x00, 0x00, 0x00]); // accuracy, speed, heading
    bytes.resize(bytes.len() + after, 0);
    bytes.extend([0x07, 0xd1, 0x00, 0x00]);
    bytes.extend([0x02, 0x02, 0xca, 0xfe, 0x00]);
    bytes
}

/// Version 2 message of TS 103 097 V1.2.1: signer info first, then a payload field.
pub fn legacy_spdu() -> Vec<u8> {
    let mut bytes = vec![0x02, 0x0c, 0x80, 0x01];
    bytes.extend([0x5a; 8]);
    bytes.extend([0x05, 0x24, 0x01, 0x03, 0xaa, 0xbb, 0xcc]);
    bytes
}

pub fn ipv4_udp(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((28 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 1, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    bytes.extend(udp(payload));
    bytes
}

pub fn ipv6_udp(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((16 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 64]); // hop-by-hop options first
    bytes.extend([0x20; 32]);
    bytes.extend([17, 0, 1, 4, 0, 0, 0, 0]);
    bytes.extend(udp(payload));
    bytes
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x13, 0x88, 0x13, 0x89]; // ports 5000 and 5001
    bytes.extend((8 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

// --- Link layers ------------------------------------------------------------------------------

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

// --- Captures ---------------------------------------------------------------------------------

/// Writes captures of either byte order.
#[derive(Clone, Copy)]
pub struct Writer {
    pub big_endian: bool,
}

impl Writer {
    pub fn u16(self, value: u16) -> [u8; 2] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// Frame number `i` is captured at 1,700,000,000 s and `i` units.
    pub fn pcap(self, nanoseconds: bool, link_type: LinkType, frames: &[Vec<u8>]) -> Vec<u8> {
        let mut file = self.u32(if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
        file.extend(self.u16(2));
        file.extend(self.u16(4));
        file.extend([0; 8]);
        file.extend(self.u32(65_535));
        file.extend(self.u32(link_type.0.into()));
        for (i, frame) in (1u32..).zip(frames) {
            for field in [1_700_000_000, i, frame.len() as u32, frame.len() as u32] {
                file.extend(self.u32(field));
            }
            file.extend(frame);
        }
        file
    }

    pub fn section(self) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface with options: each a code and a value.
    pub fn interface(self, link_type: LinkType, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = self.u16(link_type.0).to_vec();
        body.extend([0, 0]);
        body.extend(self.u32(snaplen));
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }

    pub fn enhanced(self, interface: u32, time: u64, frame: &[u8]) -> Vec<u8> {
        let len = frame.len() as u32;
        let mut body = Vec::new();
        for field in [interface, (time >> 32) as u32, time as u32, len, len] {
            body.extend(self.u32(field));
        }
        body.extend(frame);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.u16(1)); // a comment
        body.extend(self.u16(2));
        body.extend(*b"hi\0\0");
        body.extend([0; 4]);
        self.block(6, &body)
    }

    pub fn simple(self, original_len: u32, captured: &[u8]) -> Vec<u8> {
        let mut body = self.u32(original_len).to_vec();
        body.extend(captured);
        self.block(3, &body)
    }

    pub fn obsolete(self, interface: u16, time: u64, frame: &[u8]) -> Vec<u8> {
        let mut body = self.u16(interface).to_vec();
        body.extend(self.u16(0));
        let len = frame.len() as u32;
        for field in [(time >> 32) as u32, time as u32, len, len] {
            body.extend(self.u32(field));
        }
        body.extend(frame);
        self.block(2, &body)
    }

    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let len = body.len().next_multiple_of(4);
        let total = self.u32(len as u32 + 12);
        let mut block = [self.u32(kind), total].concat();
        block.extend(body);
        block.resize(8 + len, 0);
        block.extend(total);
        block
    }

    /// One section with one interface for each frame.
    pub fn pcapng(self, frames: &[(LinkType, Vec<u8>)]) -> Vec<u8> {
        let mut file = self.section();
        for (link_type, _) in frames {
            file.extend(self.interface(*link_type, 0, &[]));
        }
        for (i, (_, frame)) in (0u32..).zip(frames) {
            file.extend(self.enhanced(i, 1_700_000_000_000_000 + u64::from(i), frame));
        }
        file
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough for choosing mutations, the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// Changes one to four things: a bit, a byte, an extreme length, a cut, an insertion.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match (self.below(8), bytes.get_mut(at)) {
                (0..=2, Some(byte)) => *byte ^= 1 << self.below(8),
                (3, Some(byte)) => *byte = self.next() as u8,
                (4, Some(byte)) => *byte = 0xff,
                (5, Some(byte)) => *byte = 0,
                (6, Some(_)) => bytes.truncate(at),
                _ => bytes.insert(at, self.next() as u8),
            }
        }
    }
}
