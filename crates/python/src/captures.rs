//! Where secured messages lie in captures and logs.

use pyo3::prelude::*;
use spdu::message::{Content, Limits};

/// A secured message found in a capture.
#[pyclass(frozen, get_all, module = "roadseal._core")]
pub struct Located {
    frame: u64,
    /// Of its first byte in the file.
    offset: usize,
    length: usize,
    network: &'static str,
    psid: Option<u32>,
    timestamp_ns: Option<u64>,
    /// Of protocol version 2 (TS 103 097 v1.2.1), which is not read.
    legacy_v2: bool,
    /// Bytes of its frame that the capture did not keep.
    missing: u64,
}

/// The secured messages of a pcap or pcapng file, how many frames it has, how many network packets without
/// security, and what ended the reading early.
#[pyfunction]
pub fn read_capture(py: Python<'_>, file: &[u8]) -> (Vec<Located>, u64, u64, Option<String>) {
    py.detach(|| {
        let (mut found, mut frames, mut unsecured) = (Vec::new(), 0, 0);
        for packet in frames::Capture::new(file) {
            let packet = match packet {
                Ok(packet) => packet,
                Err(error) => return (found, frames, unsecured, Some(error.to_string())),
            };
            frames = packet.number;
            let messages = frames::messages(&packet);
            if messages.is_empty() {
                // Under headers of vendors' own, in TCP, in tunnels: no layer announces it.
                let unannounced = find(packet.captured);
                found.extend(unannounced.into_iter().map(|place| locate_unannounced(place, &packet)));
            }
            for message in &messages {
                match message.kind {
                    frames::Kind::Unsecured => unsecured += 1,
                    _ => found.push(locate(message, &packet)),
                }
            }
        }
        (found, frames, unsecured, None)
    })
}

fn locate_unannounced((at, length): (usize, usize), packet: &frames::Packet<'_>) -> Located {
    Located {
        frame: packet.number,
        offset: packet.offset_in_file as usize + at,
        length,
        network: "other",
        psid: None,
        timestamp_ns: packet.timestamp_ns,
        legacy_v2: false,
        missing: missing(packet),
    }
}

fn missing(packet: &frames::Packet<'_>) -> u64 {
    u64::from(packet.original_len).saturating_sub(packet.captured.len() as u64)
}

fn locate(message: &frames::Located<'_>, packet: &frames::Packet<'_>) -> Located {
    let length = match Content::parse_prefix(message.bytes, &Limits::default()) {
        Ok((_, length)) => length,
        Err(_) => message.bytes.len(), // the verifier says what is wrong with it
    };
    Located {
        frame: message.frame,
        offset: message.offset as usize,
        length,
        network: match message.network {
            frames::Network::GeoNetworking => "geonetworking",
            frames::Network::Wsmp => "wsmp",
            frames::Network::Udp => "udp",
            frames::Network::Bare => "bare",
        },
        psid: message.psid,
        timestamp_ns: packet.timestamp_ns,
        legacy_v2: message.legacy_v2(),
        missing: missing(packet),
    }
}

/// Offset and length of every signed or encrypted message in a binary log, whatever stands between them.
#[pyfunction]
pub fn find_messages(py: Python<'_>, log: &[u8]) -> Vec<(usize, usize)> {
    py.detach(|| find(log))
}

fn find(data: &[u8]) -> Vec<(usize, usize)> {
    let (mut found, mut end) = (Vec::new(), 0);
    for offset in frames::candidate_offsets(data) {
        if offset < end {
            continue; // inside the message before
        }
        if let Ok((Content::Signed(_) | Content::Encrypted(_), length)) =
            Content::parse_prefix(&data[offset..], &Limits::default())
        {
            found.push((offset, length));
            end = offset + length;
        }
    }
    found
}
