//! IP fragments (RFC 791, RFC 8200 clause 4.5) put together in bounded memory.
//!
//! Fragments that overlap in any way are an attack, or of two packets: both are dropped, as RFC 5722 asks for IPv6
//! and Linux has done for IPv4 since 2018. A fragment that comes twice, the same to the byte, is no overlap.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use crate::capture::Packet;

/// Most packets in the making or kept; the oldest gives way.
const MAX_PACKETS: usize = 1024;
/// Most octets held for them.
const MAX_HELD: usize = 16 << 20;
/// What a fragment costs beyond its octets.
const OVERHEAD: usize = 64;
/// How long the fragments of a packet may be apart, in nanoseconds (RFC 8200 clause 4.5, RFC 1122 clause 3.3.2).
const MAX_AGE_NS: u64 = 60_000_000_000;

/// A fragment of an IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment<'a> {
    of: Identity,
    /// The headers that every fragment repeats, as the whole packet has them.
    header: Vec<u8>,
    start: usize,
    more: bool,
    /// `None` where the capture lacks a part, or the length cannot be.
    data: Option<&'a [u8]>,
}

/// Which packet a fragment belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Identity {
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    /// IPv4 only: in IPv6, the first fragment alone says it.
    protocol: Option<u8>,
}

impl<'a> Fragment<'a> {
    /// Reads `packet`, from its IP header on; `None` unless it is a fragment.
    #[must_use]
    pub fn of(packet: &'a [u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => Self::of_v4(packet),
            6 => Self::of_v6(packet),
            _ => None,
        }
    }

    fn of_v4(packet: &'a [u8]) -> Option<Self> {
        let ip = Ipv4HeaderSlice::from_slice(packet).ok()?;
        if !ip.is_fragmenting_payload() {
            return None;
        }
        let mut header = ip.slice().to_vec();
        header[6..8].fill(0); // flags and offset
        header[10..12].fill(0); // a checksum of other octets
        let data = packet.get(header.len()..ip.total_len().into());
        let of = Identity {
            source: IpAddr::V4(ip.source_addr()),
            destination: IpAddr::V4(ip.destination_addr()),
            identification: ip.identification().into(),
            protocol: Some(ip.protocol().0),
        };
        Some(Self::new(of, header, ip.fragments_offset().byte_offset(), ip.more_fragments(), data))
    }

    fn of_v6(packet: &'a [u8]) -> Option<Self> {
        const FRAGMENT: u8 = 44;
        const BEFORE_A_FRAGMENT: [u8; 3] = [0, 43, 60]; // hop-by-hop, routing, destination options
        let ip = Ipv6HeaderSlice::from_slice(packet).ok()?;
        let (mut names_next, mut at) = (6, ip.slice().len());
        while packet[names_next] != FRAGMENT {
            let &[_, length] = packet.get(at..)?.first_chunk()?;
            BEFORE_A_FRAGMENT.contains(&packet[names_next]).then_some(())?;
            (names_next, at) = (at, at + 8 * (usize::from(length) + 1));
        }
        let &[next, _, high, low, a, b, c, d] = packet.get(at..)?.first_chunk()?;
        let position = u16::from_be_bytes([high, low]);
        if position & !0b110 == 0 {
            return None; // whole all the same (RFC 6946)
        }
        let mut header = packet[..at].to_vec();
        header[names_next] = next;
        let data = packet.get(at + 8..40 + usize::from(ip.payload_length()));
        let of = Identity {
            source: IpAddr::V6(ip.source_addr()),
            destination: IpAddr::V6(ip.destination_addr()),
            identification: u32::from_be_bytes([a, b, c, d]),
            protocol: None,
        };
        Some(Self::new(of, header, position & !0b111, position & 1 == 1, data))
    }

    fn new(of: Identity, header: Vec<u8>, start: u16, more: bool, data: Option<&'a [u8]>) -> Self {
        let data = data.filter(|data| !data.is_empty() && (!more || data.len() % 8 == 0));
        Self { of, header, start: start.into(), more, data }
    }
}

/// An IP packet of several fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The packet, as it would have come in one piece; in IPv4 without a checksum.
    pub packet: Vec<u8>,
    /// Where its octets come from, in their order; the first piece begins behind the headers.
    pub pieces: Vec<Piece>,
}

/// Where octets of a packet stand in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Of its first octet in the packet.
    pub start: usize,
    /// Number of the frame, from 1.
    pub frame: u64,
    /// Of its first octet in the file; of its frame, if a tunnel carried it in fragments of its own.
    pub offset: u64,
}

/// Packets in the making.
#[derive(Debug, Default)]
pub struct Fragments {
    packets: HashMap<Identity, Making>,
    by_age: VecDeque<Identity>,
    held: usize,
    lost: u64,
}

impl Fragments {
    /// Adds a fragment that `packet` carried; the packet that it belongs to, once nothing is missing.
    pub fn add(&mut self, fragment: &Fragment<'_>, packet: &Packet<'_>) -> Option<Joined> {
        if self.packets.get(&fragment.of).is_some_and(|making| making.is_over(fragment, packet)) {
            self.by_age.retain(|known| *known != fragment.of);
            self.forget(&fragment.of);
        }
        if !self.packets.contains_key(&fragment.of) {
            self.make_room();
            self.by_age.push_back(fragment.of.clone());
        }
        let making = self.packets.entry(fragment.of.clone()).or_insert_with(|| Making::since(packet));
        let before = making.held;
        let joined = making.take(fragment, packet);
        self.held = self.held + making.held - before;
        joined
    }

    /// How many packets lack fragments or have contradictory ones, now or ever.
    #[must_use]
    pub fn incomplete(&self) -> u64 {
        self.lost + self.packets.values().filter(|making| making.state != State::Complete).count() as u64
    }

    fn make_room(&mut self) {
        while self.packets.len() >= MAX_PACKETS || self.held > MAX_HELD {
            let Some(oldest) = self.by_age.pop_front() else {
                return;
            };
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, identity: &Identity) {
        if let Some(making) = self.packets.remove(identity) {
            self.held -= making.held;
            self.lost += u64::from(making.state != State::Complete);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Kept, so that what is sent again does not begin another packet.
    Complete,
    /// Its fragments contradict each other: those to come are dropped too (RFC 5722 clause 4).
    Refused,
}

#[derive(Debug)]
struct Making {
    state: State,
    since_ns: Option<u64>,
    pieces: BTreeMap<usize, (Vec<u8>, Piece)>,
    /// Octets of all pieces.
    filled: usize,
    end: Option<usize>,
    header: Vec<u8>,
    held: usize,
}

impl Making {
    fn since(packet: &Packet<'_>) -> Self {
        Self {
            state: State::Open,
            since_ns: packet.timestamp_ns,
            pieces: BTreeMap::new(),
            filled: 0,
            end: None,
            header: Vec::new(),
            held: 0,
        }
    }

    /// Whether `fragment` must be of another packet that has the same numbers.
    fn is_over(&self, fragment: &Fragment<'_>, packet: &Packet<'_>) -> bool {
        let too_old = match (self.since_ns, packet.timestamp_ns) {
            (Some(since), Some(now)) => now.saturating_sub(since) > MAX_AGE_NS,
            _ => false,
        };
        too_old
            || (self.state == State::Complete && fragment.data.is_some_and(|data| !self.has(fragment, data)))
    }

    fn take(&mut self, fragment: &Fragment<'_>, packet: &Packet<'_>) -> Option<Joined> {
        let data = fragment.data?;
        if self.state != State::Open || self.has(fragment, data) {
            return None;
        }
        let end = fragment.start + data.len();
        if self.contradicts(fragment, end) {
            *self = Self { state: State::Refused, ..Self::since(packet) };
            return None;
        }
        if !fragment.more {
            self.end = Some(end);
        }
        if fragment.start == 0 {
            self.header.clone_from(&fragment.header);
            self.held += self.header.len();
        }
        let offset = packet.offset_in_file + within(packet.captured, data).unwrap_or_default();
        let piece = Piece { start: fragment.start, frame: packet.number, offset };
        self.pieces.insert(fragment.start, (data.to_vec(), piece));
        self.filled += data.len();
        self.held += data.len() + OVERHEAD;
        if self.end != Some(self.filled) {
            return None; // pieces do not overlap, so together they are as long as the packet only in the end
        }
        let joined = self.join();
        self.state = if joined.is_some() { State::Complete } else { State::Refused };
        joined
    }

    /// Whether the very same fragment came before.
    fn has(&self, fragment: &Fragment<'_>, data: &[u8]) -> bool {
        let is_last = self.end == Some(fragment.start + data.len());
        is_last != fragment.more && self.pieces.get(&fragment.start).is_some_and(|(known, _)| known == data)
    }

    /// Whether it overlaps another fragment, does not agree about the end, or makes the packet too long.
    fn contradicts(&self, fragment: &Fragment<'_>, end: usize) -> bool {
        let before = self.pieces.range(..=fragment.start).next_back();
        let overlaps = before.is_some_and(|(start, (data, _))| start + data.len() > fragment.start)
            || self.pieces.range(fragment.start..end).next().is_some();
        let is_beyond = self.end.is_some_and(|known| end > known || !fragment.more);
        let ends_early = !fragment.more && self.pieces.range(end..).next().is_some();
        overlaps || is_beyond || ends_early || end > usize::from(u16::MAX)
    }

    /// `None` if it is longer than an IP packet can be.
    fn join(&mut self) -> Option<Joined> {
        let mut packet = std::mem::take(&mut self.header);
        let headers = packet.len();
        let is_v4 = packet.first()? >> 4 == 4;
        packet.reserve(self.filled);
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for (data, piece) in self.pieces.values() {
            pieces.push(Piece { start: headers + piece.start, ..*piece });
            packet.extend(data);
        }
        let (field, counted) = if is_v4 { (2, packet.len()) } else { (4, packet.len() - 40) };
        let stated = u16::try_from(counted).ok()?;
        packet[field..field + 2].copy_from_slice(&stated.to_be_bytes());
        Some(Joined { packet, pieces })
    }
}

/// Where `part` begins in `whole`, if it is a part of it in memory.
fn within(whole: &[u8], part: &[u8]) -> Option<u64> {
    let distance = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    (distance + part.len() <= whole.len()).then_some(distance as u64)
}
