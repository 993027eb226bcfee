//! What can go wrong while a capture is read, and who has to mend it.

use std::fmt;
use std::io;

/// Why a capture could not be read further. The packets before it stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureError {
    /// The first bytes are neither pcap nor pcapng.
    NotACapture,
    /// The file ends inside the record that begins at `offset`.
    Truncated {
        /// Where the unfinished record begins, in bytes from the start of the file.
        offset: u64,
        /// How many bytes it lacks at least.
        missing: u64,
    },
    /// The record at `offset` contradicts itself or the format.
    Damaged {
        /// Where the record begins, in bytes from the start of the file.
        offset: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The record at `offset` says it is larger than the caller's [`Limits`](crate::Limits) allow.
    TooLarge {
        /// Where the record begins, in bytes from the start of the file.
        offset: u64,
        /// The size it states (bytes, or number of interfaces).
        stated: u64,
        /// The limit it exceeds, in the same unit.
        limit: u64,
    },
    /// The source of the bytes failed.
    Read {
        /// How far the capture had been read, in bytes.
        offset: u64,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
}

/// What is wrong with a damaged record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A pcapng block length below the minimum of its type or not a multiple of four.
    BlockLength,
    /// The length after a pcapng block differs from the length before it.
    TrailingLength,
    /// The fields of a pcapng block do not fit its length.
    BlockContent,
    /// A packet is stated to be longer than the block that holds it.
    PacketLength,
    /// A packet names an interface that no block has described.
    UnknownInterface,
}

/// Who has to act on a [`CaptureError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The capture file: get a better copy, or use what was read before the error.
    Capture,
    /// The caller's limits: raise them if the file is trusted.
    Limits,
    /// The disk, pipe or network the bytes come from.
    Source,
}

impl CaptureError {
    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotACapture | Self::Truncated { .. } | Self::Damaged { .. } => Fault::Capture,
            Self::TooLarge { .. } => Fault::Limits,
            Self::Read { .. } => Fault::Source,
        }
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture => write!(f, "the file is neither pcap nor pcapng"),
            Self::Truncated { offset, missing } => {
                write!(f, "the capture ends inside the record at byte {offset}: {missing} bytes are missing")
            }
            Self::Damaged { offset, damage } => {
                write!(f, "the record at byte {offset} is damaged: {damage}")
            }
            Self::TooLarge { offset, stated, limit } => {
                write!(f, "the record at byte {offset} states a size of {stated}, over the limit of {limit}")
            }
            Self::Read { offset, kind } => {
                write!(f, "the capture could not be read beyond byte {offset}: {kind}")
            }
        }
    }
}

impl std::error::Error for CaptureError {}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BlockLength => "its block length is impossible",
            Self::TrailingLength => "its two block lengths differ",
            Self::BlockContent => "its fields do not fit its length",
            Self::PacketLength => "its packet is longer than the block",
            Self::UnknownInterface => "it names an interface that was never described",
        })
    }
}
