//! The end whose bits count: it answers with parities, and counts every one.

use crate::bits::{self, Packer};
use crate::frame::{Frame, Plan, ProtocolError, Reader, cut, halves, step};

/// The answering end of Cascade.
pub struct Responder {
    frames: Vec<Answering>,
    revealed: u64,
}

struct Answering {
    frame: Frame,
    /// The pass that is searched, and the ranges in it.
    pass: usize,
    ranges: Vec<(usize, usize)>,
    started: bool,
    done: bool,
}

impl Responder {
    /// An end with these bits, which are the reference.
    pub fn new(bytes: &[u8], plan: &Plan) -> Result<Self, ProtocolError> {
        plan.check(bytes)?;
        let words = bits::from_bytes(bytes, plan.bits);
        let answering = |(index, (first, count)): (usize, (usize, usize))| Answering {
            frame: Frame::new(cut(&words, first, count), count, plan, index),
            pass: 0,
            ranges: Vec::new(),
            started: false,
            done: false,
        };
        Ok(Self { frames: plan.frames().into_iter().enumerate().map(answering).collect(), revealed: 0 })
    }

    /// How many parities were told.
    pub fn revealed(&self) -> u64 {
        self.revealed
    }

    /// Go on for so many passes, because the ends still differ. The other end asks next.
    pub fn extend(&mut self, passes: usize) {
        for answering in &mut self.frames {
            answering.frame.extend(passes);
            answering.done = false;
        }
    }

    /// Whether the other end has said that it has nothing more to ask.
    pub fn is_done(&self) -> bool {
        self.frames.iter().all(|frame| frame.done)
    }

    /// Answer a message of the corrector.
    pub fn answer(&mut self, message: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        let mut reader = Reader(message);
        let mut answer = Vec::new();
        for frame in self.frames.iter_mut().filter(|frame| !frame.done) {
            let mut parities = Packer::default();
            self.revealed += frame.answer(&mut reader, &mut parities)?;
            answer.extend_from_slice(&parities.into_bytes());
        }
        reader.end()?;
        Ok(answer)
    }
}

impl Answering {
    fn answer(&mut self, reader: &mut Reader<'_>, parities: &mut Packer) -> Result<u64, ProtocolError> {
        match reader.u8()? {
            step::DONE => {
                self.done = true;
                return Ok(0);
            }
            step::PASS => {
                if self.started {
                    if self.frame.passes.len() == self.frame.total_passes() {
                        return Err(ProtocolError("there is no further pass"));
                    }
                    self.frame.shuffle();
                }
                self.started = true;
                self.pass = self.frame.passes.len() - 1;
                self.ranges.clear();
                let pass = &self.frame.passes[self.pass];
                (0..pass.blocks).for_each(|block| parities.push(pass.parity(pass.block(block))));
                return Ok(pass.blocks as u64);
            }
            step::SEARCH => self.search(reader)?,
            step::DESCEND => {
                let right = reader.bits(self.ranges.len())?;
                for (index, range) in self.ranges.iter_mut().enumerate() {
                    let (low, high) = halves(*range);
                    *range = if right.get(index) { high } else { low };
                }
                self.ranges.retain(|(start, end)| end - start > 1);
            }
            _ => return Err(ProtocolError("there is no such step")),
        }
        let pass = &self.frame.passes[self.pass];
        self.ranges.iter().for_each(|&range| parities.push(pass.parity(halves(range).0)));
        Ok(self.ranges.len() as u64)
    }

    fn search(&mut self, reader: &mut Reader<'_>) -> Result<(), ProtocolError> {
        self.pass = usize::from(reader.u8()?);
        let pass = match self.frame.passes.get(self.pass) {
            Some(pass) if self.started => pass,
            _ => return Err(ProtocolError("that pass has not begun")),
        };
        let count = reader.u32()?;
        self.ranges.clear();
        let mut least = 0;
        for _ in 0..count {
            let block = reader.u32()?;
            if block < least || block >= pass.blocks {
                return Err(ProtocolError("blocks are out of order"));
            }
            least = block + 1;
            self.ranges.push(pass.block(block));
        }
        self.ranges.retain(|(start, end)| end - start > 1);
        Ok(())
    }
}
