//! The capture formats as a state machine: a window of bytes in, one step out.

use std::ops::Range;

use super::pcap::Pcap;
use super::pcapng::Section;
use super::{Limits, Packet};
use crate::error::CaptureError;
use crate::link::LinkType;

/// What the decoder makes of the bytes at its position.
pub(super) enum Step {
    /// The record is not all there: show at least this many bytes, from the same position.
    Need(usize),
    /// No packet: go on this many bytes further.
    Skip(usize),
    /// A packet: its bytes are `data` of the window, the next record is `len` further.
    Packet { len: usize, data: Range<usize>, header: PacketHeader },
}

/// A packet without its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketHeader {
    pub number: u64,
    pub offset_in_file: u64,
    pub timestamp_ns: Option<u64>,
    pub link_type: LinkType,
    pub original_len: u32,
}

impl PacketHeader {
    pub(super) fn with(self, captured: &[u8]) -> Packet<'_> {
        Packet {
            number: self.number,
            offset_in_file: self.offset_in_file,
            timestamp_ns: self.timestamp_ns,
            link_type: self.link_type,
            captured,
            original_len: self.original_len,
        }
    }
}

/// One record of either format, with lengths relative to its own begin.
pub(super) enum Record {
    /// The record needs this many bytes to be read.
    Need(usize),
    /// Nothing of interest in this many bytes.
    Other(usize),
    /// A packet.
    Packet {
        len: usize,
        data: Range<usize>,
        timestamp_ns: Option<u64>,
        link_type: LinkType,
        original_len: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Pcap,
    PcapNg,
}

/// Tells the formats apart by their first four bytes.
pub(super) fn format_of(file: &[u8]) -> Option<Format> {
    match file.first_chunk::<4>()? {
        [0x0a, 0x0d, 0x0d, 0x0a] => Some(Format::PcapNg),
        [0xd4, 0xc3, 0xb2, 0xa1]
        | [0xa1, 0xb2, 0xc3, 0xd4]
        | [0x4d, 0x3c, 0xb2, 0xa1]
        | [0xa1, 0xb2, 0x3c, 0x4d]
        | [0x34, 0xcd, 0xb2, 0xa1] => Some(Format::Pcap),
        _ => None,
    }
}

#[derive(Debug)]
enum State {
    Start,
    Pcap(Pcap),
    PcapNg(Section),
}

/// Walks a capture record by record.
#[derive(Debug)]
pub(super) struct Decoder {
    limits: Limits,
    state: State,
    /// Bytes of the file already stepped over.
    offset: u64,
    packets: u64,
}

impl Decoder {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: State::Start, offset: 0, packets: 0 }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the record at the begin of `window`.
    pub(super) fn step(&mut self, window: &[u8]) -> Result<Step, CaptureError> {
        if window.len() < 4 {
            return Ok(Step::Need(4));
        }
        let record = match &mut self.state {
            State::Start => match format_of(window).ok_or(CaptureError::NotACapture)? {
                Format::PcapNg => {
                    self.state = State::PcapNg(Section::default());
                    return Ok(Step::Skip(0));
                }
                Format::Pcap => match Pcap::open(window) {
                    Err(needed) => return Ok(Step::Need(needed)),
                    Ok((pcap, len)) => {
                        self.state = State::Pcap(pcap);
                        Record::Other(len)
                    }
                },
            },
            State::Pcap(pcap) => pcap.record(window, self.offset, &self.limits)?,
            State::PcapNg(section) => section.block(window, self.offset, &self.limits)?,
        };
        Ok(self.account(record))
    }

    /// Says whether a file may end where `available` bytes are left and `needed` were asked for.
    pub(super) fn finish(&self, available: usize, needed: usize) -> Result<(), CaptureError> {
        match (&self.state, available) {
            (State::Start, 0..4) => Err(CaptureError::NotACapture),
            (_, 0) => Ok(()),
            _ => Err(CaptureError::Truncated {
                offset: self.offset,
                missing: needed.saturating_sub(available) as u64,
            }),
        }
    }

    fn account(&mut self, record: Record) -> Step {
        let begin = self.offset;
        match record {
            Record::Need(len) => Step::Need(len),
            Record::Other(len) => {
                self.offset += len as u64;
                Step::Skip(len)
            }
            Record::Packet { len, data, timestamp_ns, link_type, original_len } => {
                self.offset += len as u64;
                self.packets += 1;
                let header = PacketHeader {
                    number: self.packets,
                    offset_in_file: begin + data.start as u64,
                    timestamp_ns,
                    link_type,
                    original_len,
                };
                Step::Packet { len, data, header }
            }
        }
    }
}
