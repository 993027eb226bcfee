//! Messages seen before, within bounds.

use std::collections::{HashSet, VecDeque};

/// Remembers the names of messages, the oldest forgotten first.
pub(crate) struct ReplayCache {
    capacity: usize,
    names: HashSet<[u8; 32]>,
    order: VecDeque<([u8; 32], u64)>,
    /// Nothing made at or before this time can be told from a replay any more.
    floor: u64,
}

impl ReplayCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), names: HashSet::new(), order: VecDeque::new(), floor: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Remember a message made at `time` (Time64; zero if it does not say). `false` if it was seen before,
    /// or may have been: a flood that pushes names out must not make room for replays.
    pub(crate) fn remember(&mut self, name: [u8; 32], time: u64) -> bool {
        if (self.floor != 0 && time <= self.floor) || !self.names.insert(name) {
            return false;
        }
        self.order.push_back((name, time));
        if self.order.len() > self.capacity
            && let Some((oldest, made)) = self.order.pop_front()
        {
            self.names.remove(&oldest);
            self.floor = self.floor.max(made);
        }
        true
    }
}
