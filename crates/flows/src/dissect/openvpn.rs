//! OpenVPN: its resets, how its control channel is protected, and the TLS handshake in it.
//!
//! Layout: the protocol document of the OpenVPN project (doc/doc_protocol_overview, openvpn-rfc draft).

use std::collections::BTreeMap;

use serde::Serialize;

use super::tls::Records;
use super::tls::handshake::Handshake;
use crate::cursor::Cursor;
use crate::side::{Both, Side};

const CONTROL: u8 = 4;
const ACK: u8 = 5;
const CLIENT_RESET_V1: u8 = 1;
const SERVER_RESET_V1: u8 = 2;
const CLIENT_RESET_V2: u8 = 7;
const SERVER_RESET_V2: u8 = 8;
const CLIENT_RESET_V3: u8 = 10;
const WRAPPED_KEY_CONTROL: u8 = 11;

const MAX_PENDING: usize = 64;

/// An OpenVPN session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OpenVpn {
    /// `none`, `tls-auth`, `tls-crypt` or `tls-crypt-v2`.
    pub wrapping: &'static str,
    /// Length in bytes of the tag of `tls-auth`: 16 MD5, 20 SHA-1, 32 SHA-256, 64 SHA-512.
    pub tag_bytes: Option<usize>,
    /// The TLS handshake in the control channel, where it is not encrypted.
    pub handshake: Option<Handshake>,
}

/// How the control channel is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    Plain,
    Auth(usize),
    Crypt,
    CryptV2,
}

/// Reads both directions of a session.
#[derive(Debug)]
pub(crate) struct Reader {
    wrapping: Wrapping,
    records: Records,
    bytes: Both<Vec<u8>>,
    next: Both<u32>,
    pending: Both<BTreeMap<u32, Vec<u8>>>,
    packets: u32,
}

/// Recognises a reset packet; who sends it, and a reader for the session.
pub(crate) fn starts(packet: &[u8]) -> Option<(Side, Reader)> {
    let first = *packet.first()?;
    let (opcode, key) = (first >> 3, first & 7);
    let (side, acks) = match opcode {
        CLIENT_RESET_V1 | CLIENT_RESET_V2 | CLIENT_RESET_V3 => (Side::Client, 0),
        SERVER_RESET_V1 | SERVER_RESET_V2 => (Side::Server, 1),
        _ => return None,
    };
    (key == 0 && packet.get(1..9)? != [0; 8]).then_some(())?;
    let wrapping = [0, acks].into_iter().find_map(|acks| wrapping(packet, opcode, acks))?;
    let reader = Reader {
        wrapping,
        records: Records::default(),
        bytes: Both::default(),
        next: Both::default(),
        pending: Both::default(),
        packets: 0,
    };
    Some((side, reader))
}

/// Tells the wrapping of a reset that acknowledges `acks` packets by the places of its fields.
fn wrapping(packet: &[u8], opcode: u8, acks: usize) -> Option<Wrapping> {
    const REPLAY: usize = 8; // packet identifier and time
    const CRYPT_TAG: usize = 32;
    let acknowledged = if acks == 0 { 0 } else { 4 * acks + 8 };
    let control = 1 + acknowledged + 4; // count, acknowledgements with session, packet identifier
    let word = |at: usize| {
        packet.get(at..at + 4).and_then(|word| word.first_chunk()).map(|word| u32::from_be_bytes(*word))
    };
    let control_at =
        |at: usize| packet.get(at).copied() == Some(acks as u8) && word(at + control - 4) == Some(0);
    if packet.len() == 9 + control && control_at(9) {
        return Some(Wrapping::Plain);
    }
    for tag in [16, 20, 32, 28, 48, 64] {
        let replay = 9 + tag;
        if packet.len() == replay + REPLAY + control && word(replay) == Some(1) && control_at(replay + REPLAY)
        {
            return Some(Wrapping::Auth(tag));
        }
    }
    // A client that must answer a cookie counts from 0x0f000001 (tls-crypt-v2, OpenVPN 2.6).
    let counts = matches!(word(9), Some(1 | 0x0f00_0001));
    let stamped = word(13).is_some_and(|time| time > 0x3000_0000);
    if counts && stamped {
        let short = 9 + REPLAY + CRYPT_TAG + control;
        if packet.len() == short && opcode != CLIENT_RESET_V3 {
            return Some(Wrapping::Crypt);
        }
        // The early negotiation of 2.6 adds a few bytes; the wrapped client key adds hundreds.
        if opcode == CLIENT_RESET_V3 && packet.len() > short {
            return Some(Wrapping::CryptV2);
        }
        if packet.len() > short && packet.len() <= short + 32 {
            return Some(Wrapping::Crypt);
        }
    }
    None
}

impl Reader {
    pub(crate) fn read(&mut self, from: Side, packet: &[u8]) {
        self.packets += 1;
        if matches!(self.wrapping, Wrapping::Plain | Wrapping::Auth(_)) {
            let _ = self.control(from, packet); // what is no control packet is not looked at
        }
    }

    /// Reads packets behind their length in two octets, off the front of a stream.
    pub(crate) fn read_stream(&mut self, from: Side, bytes: &[u8]) -> usize {
        let mut rest = Cursor(bytes);
        let mut used = 0;
        while let Some(packet) = rest.vector_16() {
            self.read(from, packet.0);
            used = bytes.len() - rest.len();
        }
        used
    }

    pub(crate) fn is_done(&self) -> bool {
        self.records.is_done() || self.packets > 256
    }

    pub(crate) fn held(&self) -> usize {
        let pending = Side::BOTH.iter().flat_map(|&side| self.pending[side].values());
        pending.map(Vec::len).sum::<usize>() + self.records.held()
    }

    pub(crate) fn into_session(self) -> OpenVpn {
        let (wrapping, tag_bytes) = match self.wrapping {
            Wrapping::Plain => ("none", None),
            Wrapping::Auth(tag) => ("tls-auth", Some(tag)),
            Wrapping::Crypt => ("tls-crypt", None),
            Wrapping::CryptV2 => ("tls-crypt-v2", None),
        };
        let handshake = Some(self.records.handshake).filter(|handshake| !handshake.is_empty());
        OpenVpn { wrapping, tag_bytes, handshake }
    }

    fn control(&mut self, from: Side, packet: &[u8]) -> Option<()> {
        let mut rest = Cursor(packet);
        let opcode = rest.u8()? >> 3;
        matches!(opcode, CONTROL | CLIENT_RESET_V2 | SERVER_RESET_V2 | WRAPPED_KEY_CONTROL).then_some(())?;
        rest.skip(8)?; // session
        if let Wrapping::Auth(tag) = self.wrapping {
            rest.skip(tag + 8)?;
        }
        let acks = usize::from(rest.u8()?);
        if acks > 0 {
            rest.skip(4 * acks + 8)?;
        }
        let identifier = rest.u32()?;
        if opcode == ACK || identifier < self.next[from] || identifier > self.next[from] + 1024 {
            return None;
        }
        if self.pending[from].len() < MAX_PENDING {
            self.pending[from].insert(identifier, rest.0.to_vec());
        }
        while let Some(part) = self.pending[from].remove(&self.next[from]) {
            self.next[from] += 1;
            self.bytes[from].extend_from_slice(&part);
        }
        let bytes = std::mem::take(&mut self.bytes[from]);
        let used = self.records.read(from, &bytes);
        self.bytes[from] = bytes[used..].to_vec();
        if self.bytes[from].len() > 64 << 10 {
            self.bytes[from].clear();
        }
        Some(())
    }
}

/// Whether bytes begin with a packet behind its length, as over TCP.
pub(crate) fn starts_stream(bytes: &[u8]) -> Option<(Side, Reader)> {
    starts(Cursor(bytes).vector_16()?.0)
}
