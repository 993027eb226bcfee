//! The end that asks: it finds the bits in which it differs, and turns them over.

use crate::bits::{self, Words};
use crate::frame::{Frame, Plan, ProtocolError, Reader, cut, halves, step};

/// The asking end of Cascade.
///
/// Send what [`Self::start`] returns, give every answer to [`Self::receive`] and send what that returns; once
/// [`Self::is_done`], the last message is still to be sent, and no answer follows.
pub struct Corrector {
    frames: Vec<Asking>,
    bits: usize,
    asked: u64,
}

struct Asking {
    frame: Frame,
    /// For each pass begun, which blocks differ in parity, and how many do.
    odd: Vec<Odd>,
    state: State,
    pass: usize,
    ranges: Vec<(usize, usize)>,
    /// Places in `pass` that were found wrong and are not turned over yet.
    flipped: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitingBlocks,
    Searching,
    Done,
}

struct Odd {
    blocks: Vec<u64>,
    count: usize,
}

impl Odd {
    fn toggle(&mut self, block: usize) {
        bits::flip(&mut self.blocks, block);
        if bits::get(&self.blocks, block) {
            self.count += 1;
        } else {
            self.count -= 1;
        }
    }

    fn list(&self) -> Vec<usize> {
        let mut found = Vec::with_capacity(self.count);
        for (index, &word) in self.blocks.iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                found.push(index * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
        found
    }
}

impl Corrector {
    /// An end with these bits, some of which are wrong.
    pub fn new(bytes: &[u8], plan: &Plan) -> Result<Self, ProtocolError> {
        plan.check(bytes)?;
        let words = bits::from_bytes(bytes, plan.bits);
        let asking = |(index, (first, count)): (usize, (usize, usize))| Asking {
            frame: Frame::new(cut(&words, first, count), count, plan, index),
            odd: Vec::new(),
            state: State::AwaitingBlocks,
            pass: 0,
            ranges: Vec::new(),
            flipped: Vec::new(),
        };
        Ok(Self {
            frames: plan.frames().into_iter().enumerate().map(asking).collect(),
            bits: plan.bits,
            asked: 0,
        })
    }

    /// The first message.
    pub fn start(&self) -> Vec<u8> {
        vec![step::PASS; self.frames.len()]
    }

    /// Go on for so many passes, because the ends still differ; the next message.
    pub fn extend(&mut self, passes: usize) -> Vec<u8> {
        let mut message = Vec::new();
        for asking in &mut self.frames {
            asking.frame.extend(passes);
            asking.ask(&mut message);
        }
        message
    }

    /// Take an answer, and return the next message.
    pub fn receive(&mut self, answer: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        if self.is_done() {
            return Err(ProtocolError("nothing was asked"));
        }
        let mut reader = Reader(answer);
        let mut message = Vec::new();
        for frame in self.frames.iter_mut().filter(|frame| frame.state != State::Done) {
            self.asked += frame.awaited() as u64;
            frame.receive(&mut reader, &mut message)?;
        }
        reader.end()?;
        Ok(message)
    }

    /// How many parities were told: what the responder counts, too.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether there is nothing more to ask.
    pub fn is_done(&self) -> bool {
        self.frames.iter().all(|frame| frame.state == State::Done)
    }

    /// The bits as they are now.
    pub fn corrected(&self) -> Vec<u8> {
        let mut words = Words::new(Vec::with_capacity(self.bits.div_ceil(64)));
        for asking in &self.frames {
            words.extend_from_slice(&asking.frame.passes[0].bits[..asking.frame.count.div_ceil(64)]);
        }
        bits::to_bytes(&words, self.bits)
    }
}

impl Asking {
    /// How many parities the next answer has.
    fn awaited(&self) -> usize {
        match self.state {
            State::AwaitingBlocks => self.frame.passes.last().map_or(0, |pass| pass.blocks),
            State::Searching => self.ranges.len(),
            State::Done => 0,
        }
    }

    fn receive(&mut self, reader: &mut Reader<'_>, message: &mut Vec<u8>) -> Result<(), ProtocolError> {
        match self.state {
            State::AwaitingBlocks => self.compare_blocks(reader)?,
            State::Searching => {
                if self.descend(reader, message)? {
                    return Ok(());
                }
            }
            State::Done => return Ok(()),
        }
        self.ask(message);
        Ok(())
    }

    fn compare_blocks(&mut self, reader: &mut Reader<'_>) -> Result<(), ProtocolError> {
        let Some(pass) = self.frame.passes.last() else { return Err(ProtocolError("there is no pass")) };
        let parities = reader.bits(pass.blocks)?;
        let mut odd = Odd { blocks: vec![0; pass.blocks.div_ceil(64)], count: 0 };
        for block in 0..pass.blocks {
            if pass.parity(pass.block(block)) != parities.get(block) {
                odd.toggle(block);
            }
        }
        self.odd.push(odd);
        Ok(())
    }

    /// Halve every range towards its error. Whether there is more to ask about them.
    fn descend(&mut self, reader: &mut Reader<'_>, message: &mut Vec<u8>) -> Result<bool, ProtocolError> {
        let parities = reader.bits(self.ranges.len())?;
        let pass = &self.frame.passes[self.pass];
        let mut right = bits::Packer::default();
        for (index, range) in self.ranges.iter_mut().enumerate() {
            let (low, high) = halves(*range);
            let go_right = pass.parity(low) == parities.get(index);
            right.push(go_right);
            *range = if go_right { high } else { low };
        }
        let flipped = &mut self.flipped;
        self.ranges.retain(|&(start, end)| {
            if end - start == 1 {
                flipped.push(start);
            }
            end - start > 1
        });
        if self.ranges.is_empty() {
            self.flip();
            return Ok(false);
        }
        message.push(step::DESCEND);
        message.extend_from_slice(&right.into_bytes());
        Ok(true)
    }

    /// Turn over what was found, in every pass.
    fn flip(&mut self) {
        for place in std::mem::take(&mut self.flipped) {
            let index = self.frame.passes[self.pass].source(place);
            for (pass, odd) in self.frame.passes.iter_mut().zip(&mut self.odd) {
                let place = pass.place(index);
                bits::flip(&mut pass.bits, place);
                odd.toggle(place / pass.size);
            }
        }
    }

    /// Search the smallest blocks that differ; else the next pass; else done.
    fn ask(&mut self, message: &mut Vec<u8>) {
        while let Some(index) = self.odd.iter().position(|odd| odd.count > 0) {
            let pass = &self.frame.passes[index];
            let blocks = self.odd[index].list();
            self.pass = index;
            self.ranges = blocks.iter().map(|&block| pass.block(block)).collect();
            let flipped = &mut self.flipped;
            self.ranges.retain(|&(start, end)| {
                if end - start == 1 {
                    flipped.push(start);
                }
                end - start > 1
            });
            if self.ranges.is_empty() {
                self.flip(); // blocks of one bit need no question
                continue;
            }
            self.state = State::Searching;
            message.push(step::SEARCH);
            message.push(index as u8);
            message.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
            blocks.iter().for_each(|&block| message.extend_from_slice(&(block as u32).to_le_bytes()));
            return;
        }
        if self.frame.passes.len() == self.frame.total_passes() {
            self.state = State::Done;
            message.push(step::DONE);
        } else {
            self.frame.shuffle();
            self.state = State::AwaitingBlocks;
            message.push(step::PASS);
        }
    }
}
