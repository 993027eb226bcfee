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
        // Out before in: one more than the capacity would double what the ring takes.
        if self.order.len() == self.capacity
            && let Some((oldest, made)) = self.order.pop_front()
        {
            self.names.remove(&oldest);
            self.floor = self.floor.max(made);
        }
        self.order.push_back((name, time));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64) -> [u8; 32] {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&number.to_be_bytes());
        name
    }

    #[test]
    fn what_was_seen_is_refused() {
        let mut cache = ReplayCache::new(4);
        assert!(cache.remember(name(1), 10));
        assert!(!cache.remember(name(1), 10));
        assert!(cache.remember(name(2), 10));
    }

    #[test]
    fn what_was_pushed_out_cannot_come_back() {
        let mut cache = ReplayCache::new(3);
        for number in 1..=10 {
            assert!(cache.remember(name(number), 100 + number));
        }
        assert_eq!(cache.len(), 3);
        for number in 1..=10 {
            assert!(!cache.remember(name(number), 100 + number), "{number}");
        }
        // Neither can anything else from that time, seen or not: nobody could tell.
        assert!(!cache.remember(name(99), 107));
        assert!(cache.remember(name(99), 108));
    }

    #[test]
    fn without_a_time_nothing_is_believed_once_names_are_forgotten() {
        let mut cache = ReplayCache::new(2);
        assert!(cache.remember(name(1), 0));
        for number in 2..5 {
            cache.remember(name(number), number);
        }
        assert!(!cache.remember(name(1), 0));
        assert!(!cache.remember(name(77), 0));
    }

    #[test]
    fn an_old_message_does_not_lower_the_floor() {
        let mut cache = ReplayCache::new(1);
        assert!(cache.remember(name(1), 500));
        assert!(cache.remember(name(2), 900)); // pushes 1 out: floor 500
        assert!(!cache.remember(name(3), 400));
        assert!(cache.remember(name(4), 600)); // pushes 2 out: floor 900
        assert!(!cache.remember(name(5), 700));
    }
}
