//! Captures too large for memory, or still being written.

use std::io::Read;

use super::decoder::{Decoder, Step};
use super::{Limits, Packet};
use crate::error::CaptureError;

/// How much is asked of the source at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// The packets of a capture read from a stream, in memory bounded by its [`Limits`].
#[derive(Debug)]
pub struct CaptureReader<R> {
    source: R,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// The part of `buffer` that is filled and not yet consumed.
    begin: usize,
    end: usize,
    finished: bool,
}

impl<R: Read> CaptureReader<R> {
    /// Reads `source` under the default [`Limits`].
    pub fn new(source: R) -> Self {
        Self::with_limits(source, Limits::default())
    }

    /// Reads `source` under `limits`.
    pub fn with_limits(source: R, limits: Limits) -> Self {
        let decoder = Decoder::new(limits);
        Self { source, decoder, buffer: Vec::new(), begin: 0, end: 0, finished: false }
    }

    /// The next packet, valid until the next call; `None` at the end.
    ///
    /// # Errors
    /// As [`Capture`](super::Capture): once, after the good packets; then always `None`.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        if self.finished {
            return Ok(None);
        }
        self.finished = true; // until a packet is found
        loop {
            match self.decoder.step(&self.buffer[self.begin..self.end])? {
                Step::Skip(len) => self.begin += len,
                Step::Need(len) => {
                    if !self.fill(len)? {
                        self.decoder.finish(self.end - self.begin, len)?;
                        return Ok(None);
                    }
                }
                Step::Packet { len, data, header } => {
                    self.finished = false;
                    let data = self.begin + data.start..self.begin + data.end;
                    self.begin += len;
                    return Ok(Some(header.with(&self.buffer[data])));
                }
            }
        }
    }

    /// Makes at least `len` unconsumed bytes available; `false` where the source ends before.
    fn fill(&mut self, len: usize) -> Result<bool, CaptureError> {
        self.buffer.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        while self.end < len {
            // Memory follows what has really come, not what a record promises.
            if self.end == self.buffer.len() {
                self.buffer.resize(self.end + CHUNK, 0);
            }
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let offset = self.decoder.offset() + self.end as u64;
                    return Err(CaptureError::Read { offset, kind: error.kind() });
                }
            }
        }
        Ok(true)
    }
}
