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
}

/// The secured messages of a pcap or pcapng file, how many frames it has, and what ended the reading early.
#[pyfunction]
pub fn read_capture(py: Python<'_>, file: &[u8]) -> (Vec<Located>, u64, Option<String>) {
    py.detach(|| {
        let (mut found, mut frames) = (Vec::new(), 0);
        for packet in frames::Capture::new(file) {
            let packet = match packet {
                Ok(packet) => packet,
                Err(error) => return (found, frames, Some(error.to_string())),
            };
            frames = packet.number;
            found.extend(frames::spdus(&packet).iter().map(|message| locate(message, &packet)));
        }
        (found, frames, None)
    })
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
    }
}

/// Offset and length of every signed or encrypted message in a binary log, whatever stands between them.
#[pyfunction]
pub fn find_messages(py: Python<'_>, log: &[u8]) -> Vec<(usize, usize)> {
    py.detach(|| {
        let (mut found, mut end) = (Vec::new(), 0);
        for offset in frames::candidate_offsets(log) {
            if offset < end {
                continue; // inside the message before
            }
            if let Ok((Content::Signed(_) | Content::Encrypted(_), length)) =
                Content::parse_prefix(&log[offset..], &Limits::default())
            {
                found.push((offset, length));
                end = offset + length;
            }
        }
        found
    })
}
