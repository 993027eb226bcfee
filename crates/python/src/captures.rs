//! Where secured messages lie in captures and logs.

use std::borrow::Cow;

use frames::Found;
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
    /// The frames of its IP fragments, in their order in the packet; empty if it came in one frame.
    fragments: Vec<u64>,
    /// Its bytes, if it came in fragments: nowhere in the file are they together.
    joined: Option<Cow<'static, [u8]>>,
}

/// What is in a capture.
#[pyclass(frozen, get_all, module = "roadseal._core")]
#[derive(Default)]
pub struct CaptureContents {
    messages: Vec<Py<Located>>,
    frames: u64,
    /// Network packets without security.
    unsecured: u64,
    /// IP packets of which fragments are missing, or contradict each other.
    incomplete: u64,
    /// What ended the reading early.
    damage: Option<String>,
}

/// Finds the secured messages of a pcap or pcapng file.
#[pyfunction]
pub fn read_capture(py: Python<'_>, file: &[u8]) -> PyResult<CaptureContents> {
    let (mut contents, mut located) = (CaptureContents::default(), Vec::new());
    py.detach(|| {
        let mut finder = frames::Finder::default();
        for packet in frames::Capture::new(file) {
            let packet = match packet {
                Ok(packet) => packet,
                Err(error) => {
                    contents.damage = Some(error.to_string());
                    break;
                }
            };
            contents.frames = packet.number;
            finder.packet(&packet, &mut |found| match found {
                Found::Message(message) if message.kind == frames::Kind::Unsecured => contents.unsecured += 1,
                Found::Message(message) => located.push(locate(&message, &packet)),
                Found::Unannounced(octets) => {
                    // Under headers of vendors' own, in TCP, in tunnels: no layer announces it.
                    let places = find(octets.bytes).into_iter();
                    located.extend(places.map(|place| locate_unannounced(place, &octets, &packet)));
                }
            });
        }
        contents.incomplete = finder.incomplete();
    });
    contents.messages = located.into_iter().map(|one| Py::new(py, one)).collect::<PyResult<_>>()?;
    Ok(contents)
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
        fragments: frames_of(message.pieces),
        joined: joined(message.pieces, &message.bytes[..length]),
    }
}

fn locate_unannounced(
    (at, length): (usize, usize),
    octets: &frames::Octets<'_>,
    packet: &frames::Packet<'_>,
) -> Located {
    Located {
        frame: octets.frame,
        offset: octets.offset_of(at) as usize,
        length,
        network: "other",
        psid: None,
        timestamp_ns: packet.timestamp_ns,
        legacy_v2: false,
        missing: missing(packet),
        fragments: frames_of(octets.pieces),
        joined: joined(octets.pieces, &octets.bytes[at..at + length]),
    }
}

fn missing(packet: &frames::Packet<'_>) -> u64 {
    u64::from(packet.original_len).saturating_sub(packet.captured.len() as u64)
}

fn frames_of(pieces: &[frames::Piece]) -> Vec<u64> {
    pieces.iter().map(|piece| piece.frame).collect()
}

fn joined(pieces: &[frames::Piece], bytes: &[u8]) -> Option<Cow<'static, [u8]>> {
    (!pieces.is_empty()).then(|| Cow::Owned(bytes.to_vec()))
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
