//! IP fragments (RFC 791, RFC 8200 clause 4.5) put together in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use etherparse::defrag::IpDefragBuf;
use etherparse::{IpFragOffset, IpNumber};

/// Most datagrams in the making; the oldest gives way.
const MAX_PENDING: usize = 256;

/// Which datagram a fragment belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FragmentOf {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub identification: u32,
    pub protocol: u8,
}

/// Datagrams in the making, each at most 64 KiB by the format itself.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    pending: HashMap<FragmentOf, IpDefragBuf>,
    by_age: VecDeque<FragmentOf>,
    /// Datagrams that were never completed.
    pub(crate) lost: u64,
}

impl Fragments {
    /// Adds a fragment; the whole payload once nothing is missing.
    pub(crate) fn add(
        &mut self,
        datagram: &FragmentOf,
        offset: IpFragOffset,
        more: bool,
        data: &[u8],
    ) -> Option<Vec<u8>> {
        if !self.pending.contains_key(datagram) {
            self.make_room();
            let buffer = IpDefragBuf::new(IpNumber(datagram.protocol), Vec::new(), Vec::new());
            self.pending.insert(datagram.clone(), buffer);
            self.by_age.push_back(datagram.clone());
        }
        let buffer = self.pending.get_mut(datagram)?;
        let added = buffer.add(offset, more, data);
        if added.is_ok() && !buffer.is_complete() {
            return None;
        }
        let buffer = self.pending.remove(datagram)?;
        self.by_age.retain(|known| known != datagram);
        if added.is_err() {
            self.lost += 1; // fragments that contradict each other
            return None;
        }
        Some(buffer.take_bufs().0)
    }

    /// How many datagrams are not complete, now or ever.
    pub(crate) fn incomplete(&self) -> u64 {
        self.lost + self.pending.len() as u64
    }

    fn make_room(&mut self) {
        while self.pending.len() >= MAX_PENDING {
            let Some(oldest) = self.by_age.pop_front() else {
                return;
            };
            self.pending.remove(&oldest);
            self.lost += 1;
        }
    }
}
