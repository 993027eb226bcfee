//! Captures too large for memory, or still being written.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use super::decoder::{Decoder, Step};
use super::{Limits, Packet};
use crate::error::CaptureError;

/// How much is asked of the source at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// The packets of a capture read from a stream, in memory bounded by its [`Limits`].
#[derive(Debug)]
pub struct CaptureReader<R> {
    source: BufReader<R>,
    decoder: Decoder,
    /// What has come from the source and is not yet behind the decoder, from `begin` on.
    buffer: Vec<u8>,
    begin: usize,
    finished: bool,
}

impl<R: Read> CaptureReader<R> {
    /// Reads `source` under the default [`Limits`].
    pub fn new(source: R) -> Self {
        Self::with_limits(source, Limits::default())
    }

    /// Reads `source` under `limits`.
    pub fn with_limits(source: R, limits: Limits) -> Self {
        let source = BufReader::with_capacity(CHUNK, source);
        Self { source, decoder: Decoder::new(limits), buffer: Vec::new(), begin: 0, finished: false }
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
            match self.decoder.step(&self.buffer[self.begin..])? {
                Step::Skip(len) => self.begin += len,
                Step::Need(len) => {
                    if !self.fill(len)? {
                        self.decoder.finish(self.buffer.len() - self.begin, len)?;
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

    /// Makes at least `len` bytes available behind the decoder; `false` where the source ends
    /// before. Memory follows what has really come, not what a record promises.
    fn fill(&mut self, len: usize) -> Result<bool, CaptureError> {
        self.buffer.drain(..self.begin);
        self.begin = 0;
        while self.buffer.len() < len {
            let chunk = match self.source.fill_buf() {
                Ok([]) => return Ok(false),
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let offset = self.decoder.offset() + self.buffer.len() as u64;
                    return Err(CaptureError::Read { offset, kind: error.kind() });
                }
            };
            let count = chunk.len();
            self.buffer.extend_from_slice(chunk);
            self.source.consume(count);
        }
        Ok(true)
    }
}
