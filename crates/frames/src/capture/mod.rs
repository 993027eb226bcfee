//! Capture files: pcap (µs, ns, both byte orders) and pcapng (sections, interfaces, both byte
//! orders), read from memory ([`Capture`]) or from a stream in bounded memory
//! ([`CaptureReader`]). Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.

mod decoder;
mod pcap;
mod pcapng;
mod reader;

pub use reader::CaptureReader;

use crate::error::CaptureError;
use crate::link::LinkType;
use decoder::{Decoder, Step};

/// One captured frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Position in the capture, from 1, as Wireshark counts frames.
    pub number: u64,
    /// Where `captured` begins, in bytes from the start of the (uncompressed) file.
    pub offset_in_file: u64,
    /// Nanoseconds since 1970-01-01 UTC; `None` where the block has no time, or none a `u64` holds.
    pub timestamp_ns: Option<u64>,
    /// What kind of frame it is.
    pub link_type: LinkType,
    /// The bytes kept.
    pub captured: &'a [u8],
    /// How long the frame was on the medium, in bytes.
    pub original_len: u32,
}

impl Packet<'_> {
    /// Whether every byte of the frame was kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.captured.len() as u64 >= u64::from(self.original_len)
    }
}

/// How much a capture may ask of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest captured frame, in bytes (default 256 KiB, as Wireshark).
    pub max_packet_len: u32,
    /// Longest pcapng block, in bytes (default 16 MiB).
    pub max_block_len: u32,
    /// Most interfaces in one pcapng section (default 4096).
    pub max_interfaces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_packet_len: 256 << 10, max_block_len: 16 << 20, max_interfaces: 4096 }
    }
}

/// The packets of a capture held in memory.
///
/// Yields the good packets in order; damage is one last `Err`, after which it is exhausted.
#[derive(Debug)]
pub struct Capture<'a> {
    file: &'a [u8],
    position: usize,
    decoder: Decoder,
    finished: bool,
}

impl<'a> Capture<'a> {
    /// Reads `file` under the default [`Limits`].
    #[must_use]
    pub fn new(file: &'a [u8]) -> Self {
        Self::with_limits(file, Limits::default())
    }

    /// Reads `file` under `limits`.
    #[must_use]
    pub fn with_limits(file: &'a [u8], limits: Limits) -> Self {
        Self { file, position: 0, decoder: Decoder::new(limits), finished: false }
    }

    /// Whether `file` begins as a capture does.
    #[must_use]
    pub fn recognises(file: &[u8]) -> bool {
        decoder::format_of(file).is_some()
    }

    fn advance(&mut self) -> Result<Option<Packet<'a>>, CaptureError> {
        loop {
            let window = self.file.get(self.position..).unwrap_or_default();
            match self.decoder.step(window)? {
                Step::Need(len) => return self.decoder.finish(window.len(), len).map(|()| None),
                Step::Skip(len) => self.position += len,
                Step::Packet { len, data, header } => {
                    self.position += len;
                    return Ok(window.get(data).map(|captured| header.with(captured)));
                }
            }
        }
    }
}

impl<'a> Iterator for Capture<'a> {
    type Item = Result<Packet<'a>, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let result = self.advance();
        self.finished = !matches!(result, Ok(Some(_)));
        result.transpose()
    }
}
