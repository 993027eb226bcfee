//! One direction of a TCP connection (RFC 9293), put in order in bounded memory.

use std::collections::BTreeMap;

/// Most bytes that wait for an earlier segment.
const MAX_WAITING: usize = 128 << 10;
/// Most segments that wait: a flood of tiny ones must not cost more than they weigh.
const MAX_SEGMENTS: usize = 512;
/// Most bytes that a dissector may leave unread.
const MAX_UNREAD: usize = 256 << 10;
/// A segment this far from where it belongs is not of this connection.
const WINDOW: u32 = 1 << 30;

/// Bytes in order, from the first that the dissector has not taken.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    unread: Vec<u8>,
    /// Sequence number of the next byte in order; unknown before the first segment.
    next: Option<u32>,
    /// Where data may begin, as the SYNs said: a second SYN with another number is seen in practice.
    begins: Vec<u32>,
    waiting: BTreeMap<u32, Vec<u8>>,
    waiting_len: usize,
    /// Bytes are missing: what follows the hole is not looked at.
    pub(crate) broken: bool,
    ended: bool,
}

impl Stream {
    /// A SYN with this sequence number.
    pub(crate) fn begin(&mut self, sequence: u32) {
        let first = sequence.wrapping_add(1);
        if self.next.is_none() && self.begins.len() < 4 && !self.begins.contains(&first) {
            self.begins.push(first);
        }
    }

    /// Whether nothing was sent before `sequence`, the SYN having been seen.
    pub(crate) fn is_empty_at(&self, sequence: u32) -> bool {
        self.next.is_none() && self.begins.contains(&sequence)
    }

    /// A segment of `data`; `cut` where the capture kept less of it than was sent.
    pub(crate) fn push(&mut self, sequence: u32, data: &[u8], cut: bool) {
        if self.ended || self.broken || data.is_empty() {
            return;
        }
        let next = match self.next {
            Some(next) => next,
            None if self.begins.is_empty() || self.begins.contains(&sequence) => sequence,
            None => return self.wait(sequence, data),
        };
        let ahead = sequence.wrapping_sub(next);
        if ahead == 0 {
            self.append(next, data, cut);
            self.take_waiting();
        } else if ahead < WINDOW {
            self.next = Some(next);
            self.wait(sequence, data);
        } else {
            // A repetition; its tail may be new.
            let known = next.wrapping_sub(sequence) as usize;
            if let Some(tail) = data.get(known..)
                && !tail.is_empty()
            {
                self.append(next, tail, cut);
                self.take_waiting();
            }
        }
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.unread
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.unread.drain(..count.min(self.unread.len()));
    }

    /// Nothing more is wanted of this direction.
    pub(crate) fn end(&mut self) {
        *self = Self { ended: true, broken: self.broken, ..Self::default() };
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// No more packets come: gives up on what was never captured before the oldest waiting segment,
    /// if nothing was read yet. Says whether there is something to read now.
    pub(crate) fn give_up_waiting(&mut self) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        self.broken = true;
        if self.next.is_some() && !self.begins.is_empty() {
            self.waiting.clear();
            self.waiting_len = 0;
            return false;
        }
        self.broken = false;
        let first = self.waiting.keys().next().copied();
        self.next = first;
        self.take_waiting();
        true
    }

    /// How much memory it holds.
    pub(crate) fn held(&self) -> usize {
        self.unread.len() + self.waiting_len
    }

    fn append(&mut self, next: u32, data: &[u8], cut: bool) {
        self.unread.extend_from_slice(data);
        self.next = Some(next.wrapping_add(data.len() as u32));
        if cut || self.unread.len() > MAX_UNREAD {
            self.broken = true;
            self.waiting.clear();
            self.waiting_len = 0;
        }
    }

    fn wait(&mut self, sequence: u32, data: &[u8]) {
        if self.waiting_len + data.len() > MAX_WAITING || self.waiting.len() >= MAX_SEGMENTS {
            self.broken = true;
            self.waiting.clear();
            self.waiting_len = 0;
            return;
        }
        if self.waiting.get(&sequence).is_none_or(|known| known.len() < data.len()) {
            let replaced = self.waiting.insert(sequence, data.to_vec());
            self.waiting_len = self.waiting_len + data.len() - replaced.map_or(0, |known| known.len());
        }
    }

    fn take_waiting(&mut self) {
        while !self.broken
            && let Some(next) = self.next
        {
            let at_hand = |start: &&u32| next.wrapping_sub(**start) < WINDOW;
            let Some(start) = self.waiting.keys().find(at_hand).copied() else {
                return;
            };
            let data = self.waiting.remove(&start).unwrap_or_default();
            self.waiting_len -= data.len();
            let known = next.wrapping_sub(start) as usize;
            if let Some(tail) = data.get(known..) {
                self.append(next, tail, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(segments: &[(u32, &[u8])]) -> Stream {
        let mut stream = Stream::default();
        stream.begin(99);
        for (sequence, data) in segments {
            stream.push(*sequence, data, false);
        }
        stream
    }

    #[test]
    fn order_repetition_and_overlap() {
        for segments in [
            &[(100, &b"abc"[..]), (103, b"def")][..],
            &[(103, b"def"), (100, b"abc")],
            &[(100, b"abc"), (100, b"abc"), (101, b"bcdef")],
            &[(102, b"cdef"), (103, b"de"), (100, b"abc")],
        ] {
            assert_eq!(stream(segments).unread(), b"abcdef", "{segments:?}");
        }
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut stream = Stream::default();
        stream.begin(u32::MAX - 2);
        stream.push(1, b"cd", false);
        stream.push(u32::MAX - 1, b"xyz", false);
        stream.push(1, b"cd", false);
        assert_eq!(stream.unread(), b"xyzcd");
    }

    #[test]
    fn a_connection_caught_in_its_middle_begins_there() {
        let mut stream = Stream::default();
        stream.push(7000, b"later", false);
        assert_eq!(stream.unread(), b"later");
    }

    #[test]
    fn two_syns_with_different_numbers() {
        let mut stream = Stream::default();
        stream.begin(10);
        stream.begin(500);
        stream.push(501, b"second", false);
        assert_eq!(stream.unread(), b"second");
    }

    #[test]
    fn a_cut_segment_is_the_last() {
        let mut stream = Stream::default();
        stream.push(1, b"abc", true);
        stream.push(4, b"def", false);
        assert_eq!((stream.unread(), stream.broken), (&b"abc"[..], true));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut stream = stream(&[(100, b"a")]);
        for part in 0..1000u32 {
            stream.push(200 + part * 1000, &[0; 1000], false);
            assert!(stream.held() <= MAX_WAITING + MAX_UNREAD);
        }
        assert!(stream.broken);
    }
}
