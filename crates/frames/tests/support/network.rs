//! What carries a secured message: WSMP, GeoNetworking, UDP over IP.

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
