//! QUIC (RFC 9000, RFC 9369, drafts from 21, Google's and Facebook's versions): the handshake in its
//! Initial packets.

pub(crate) mod google;
mod initial;

use std::collections::BTreeMap;

use google::GoogleHello;
use initial::{InitialKeys, Scheme, scheme};

use super::tls::handshake::Handshake;
use crate::cursor::Cursor;
use crate::side::{Both, Side};

const LONG_HEADER: u8 = 0x80;
const MAX_CRYPTO: usize = 64 << 10;
/// Parts that wait for an earlier one.
const MAX_PARTS: usize = 512;
const MAX_VERSIONS: usize = 32;

/// Reads both directions of a connection.
#[derive(Debug, Default)]
pub(crate) struct Quic {
    /// The version in force, or the last one asked for.
    pub(crate) version: u32,
    /// What a Version Negotiation packet offered.
    pub(crate) negotiable: Vec<u32>,
    /// The last word of the server was a Retry packet.
    pub(crate) asked_again: bool,
    /// Code of a CONNECTION_CLOSE frame that is none of an alert.
    pub(crate) closed: Option<u64>,
    pub(crate) handshake: Handshake,
    pub(crate) google: Option<GoogleHello>,
    keys: Option<(Scheme, InitialKeys)>,
    crypto: Both<Crypto>,
    /// Initial packets that no known key opened.
    pub(crate) unopened: u32,
    server_seen: bool,
    short_headers: u32,
}

/// Handshake bytes by their offset (RFC 9000 clause 19.6).
#[derive(Debug, Default)]
struct Crypto {
    parts: BTreeMap<u64, Vec<u8>>,
    held: usize,
    whole: Vec<u8>,
    /// Bytes of whole messages already taken.
    taken: u64,
}

/// Header of a packet with long header.
struct Header<'a> {
    type_bits: u8,
    version: u32,
    destination: &'a [u8],
    rest: Cursor<'a>,
}

impl<'a> Header<'a> {
    fn read(packet: &'a [u8]) -> Option<Self> {
        let mut rest = Cursor(packet);
        let first = rest.u8()?;
        let version = rest.u32()?;
        (first & LONG_HEADER != 0).then_some(())?;
        let (destination, _source) = if lengths_in_one_octet(version) {
            let octet = rest.u8()?;
            let len = |nibble: u8| if nibble == 0 { 0 } else { usize::from(nibble) + 3 };
            (rest.bytes(len(octet >> 4))?, rest.bytes(len(octet & 0x0f))?)
        } else {
            (rest.vector_8()?.0, rest.vector_8()?.0)
        };
        Some(Self { type_bits: (first >> 4) & 3, version, destination, rest })
    }
}

/// Drafts before 22 and Google's Q046 to Q049.
fn lengths_in_one_octet(version: u32) -> bool {
    matches!(version, 0xff00_000b..=0xff00_0015 | 0x5130_3436..=0x5130_3439)
}

fn is_google_unprotected(version: u32) -> bool {
    matches!(version, 0x5130_3234..=0x5130_3439)
}

/// Whether a datagram begins a QUIC connection, or answers one.
pub(crate) fn starts(datagram: &[u8]) -> bool {
    if starts_google(datagram) {
        return true;
    }
    let Some(header) = Header::read(datagram) else {
        return false;
    };
    if header.destination.len() > 20 {
        return false;
    }
    match header.version {
        0 => {
            let list = header.rest.0;
            let supported = list.chunks_exact(4).any(|version| {
                version.first_chunk().is_some_and(|octets| known(u32::from_be_bytes(*octets)))
            });
            !list.is_empty() && list.len().is_multiple_of(4) && list.len() <= 4 * MAX_VERSIONS && supported
        }
        reserved if reserved & 0x0f0f_0f0f == 0x0a0a_0a0a => {
            datagram[0] & 0x40 != 0 && datagram.len() >= 1200 && header.destination.len() >= 8
        }
        version => known(version) && (datagram[0] & 0x40 != 0) && datagram.len() >= 20,
    }
}

fn known(version: u32) -> bool {
    scheme(version).is_some() || is_google_unprotected(version)
}

/// Google's versions up to Q043: a client names the version; a server's first answer carries a
/// rejection with its configuration.
fn starts_google(datagram: &[u8]) -> bool {
    const FARTHEST: usize = 64;
    google_version(datagram).is_some()
        || datagram.first().is_some_and(|flags| flags & (LONG_HEADER | 0x43) == 0)
            && datagram.get(..FARTHEST).is_some_and(|head| memchr::memmem::find(head, b"REJ\0").is_some())
            && google::find(datagram, b"REJ\0").is_some()
}

/// Version in a public header: flags, connection, version, packet number.
fn google_version(datagram: &[u8]) -> Option<u32> {
    const VERSION: u8 = 0x01;
    const CONNECTION: u8 = 0x08;
    let mut rest = Cursor(datagram);
    let flags = rest.u8()?;
    if flags & (LONG_HEADER | VERSION | CONNECTION | 0x02 | 0x40) != VERSION | CONNECTION {
        return None;
    }
    rest.skip(8)?;
    rest.u32().filter(|version| (0x5130_3030..0x5130_3434).contains(version) && version & 0xff >= 0x30)
}

impl Quic {
    /// Reads a datagram: coalesced packets one after the other.
    pub(crate) fn read(&mut self, from: Side, datagram: &[u8]) {
        if let Some(version) = google_version(datagram) {
            self.version = version;
            self.google(from, datagram);
            return;
        }
        let mut rest = datagram;
        while rest.first().is_some_and(|first| first & LONG_HEADER != 0) {
            let Some(len) = self.packet(from, rest) else {
                return;
            };
            rest = rest.get(len..).unwrap_or_default();
        }
        if rest.first().is_some_and(|first| first & (LONG_HEADER | 0x40) == 0x40) {
            self.short_headers += 1;
        } else if from == Side::Server {
            self.google(from, datagram);
        }
    }

    /// The handshake is over, or nothing more of it can be read.
    pub(crate) fn is_done(&self) -> bool {
        self.server_seen || self.short_headers > 16
    }

    fn packet(&mut self, from: Side, packet: &[u8]) -> Option<usize> {
        let Header { type_bits, version, destination, mut rest } = Header::read(packet)?;
        if version == 0 {
            let offers = rest.0.chunks_exact(4).filter_map(|octets| octets.first_chunk());
            self.negotiable = offers.map(|octets| u32::from_be_bytes(*octets)).take(MAX_VERSIONS).collect();
            return Some(packet.len());
        }
        if is_google_unprotected(version) {
            self.version = version;
            self.google(from, packet);
            return Some(packet.len());
        }
        let scheme = scheme(version)?;
        self.version = version;
        let retry_type = (scheme.initial_type + 3) & 3;
        if type_bits == retry_type {
            self.asked_again = true;
            self.keys = None; // the client begins anew, with another connection identifier
            return Some(packet.len());
        }
        let is_initial = type_bits == scheme.initial_type;
        if is_initial {
            let token = variable(&mut rest)?;
            rest.skip(usize::try_from(token).ok()?)?;
        }
        let len = usize::try_from(variable(&mut rest)?).ok()?;
        let number_at = packet.len() - rest.len();
        let end = number_at.checked_add(len)?;
        if is_initial {
            let whole = packet.get(..end).unwrap_or(packet);
            self.initial(from, scheme, destination, whole, number_at);
        }
        Some(end)
    }

    fn initial(&mut self, from: Side, scheme: Scheme, destination: &[u8], packet: &[u8], number_at: usize) {
        let same = self.keys.as_ref().is_some_and(|(known, _)| *known == scheme);
        let opened = match &self.keys {
            Some((_, keys)) if same => keys.open(from, packet, number_at),
            _ => None,
        };
        let frames = opened.or_else(|| {
            let known = self.keys.as_ref().is_some_and(|(_, keys)| same && keys.connection == destination);
            if from == Side::Server || known {
                return None;
            }
            let keys = InitialKeys::derive(&scheme, destination)?;
            let frames = keys.open(from, packet, number_at)?;
            self.keys = Some((scheme, keys));
            Some(frames)
        });
        let Some(frames) = frames else {
            self.unopened += 1;
            return;
        };
        if scheme.google {
            self.google(from, &frames);
        } else {
            self.frames(from, Cursor(&frames));
        }
    }

    /// Frames that an Initial packet may hold (RFC 9000 clause 12.4).
    fn frames(&mut self, from: Side, mut rest: Cursor<'_>) -> Option<()> {
        const PADDING: u8 = 0;
        const PING: u8 = 1;
        const ACK: u8 = 2;
        const ACK_ECN: u8 = 3;
        const CRYPTO: u8 = 6;
        const GOOGLE_CRYPTO: u8 = 8; // in T050 and T051
        const CLOSE: u8 = 0x1c;
        while let Some(kind) = rest.u8() {
            match kind {
                PADDING | PING => {}
                ACK | ACK_ECN => {
                    variable(&mut rest)?;
                    variable(&mut rest)?;
                    let ranges = variable(&mut rest)?;
                    variable(&mut rest)?;
                    for _ in 0..ranges.checked_mul(2)? {
                        variable(&mut rest)?;
                    }
                    for _ in 0..if kind == ACK_ECN { 3 } else { 0 } {
                        variable(&mut rest)?;
                    }
                }
                CRYPTO | GOOGLE_CRYPTO => {
                    let offset = variable(&mut rest)?;
                    let len = usize::try_from(variable(&mut rest)?).ok()?;
                    self.crypto[from].add(offset, rest.bytes(len)?);
                    self.messages(from);
                }
                CLOSE => return self.close(from, variable(&mut rest)?),
                0x40..=0x7f => google::skip_ack(kind, &mut rest)?,
                _ => return None, // nothing that belongs here
            }
        }
        Some(())
    }

    /// CONNECTION_CLOSE (RFC 9000 clause 19.19); alerts of TLS have codes of their own (RFC 9001 clause 4.8).
    fn close(&mut self, from: Side, code: u64) -> Option<()> {
        const FATAL: u8 = 2;
        match code {
            0x0100..=0x01ff => self.handshake.alert(from, &[FATAL, code as u8]),
            _ => self.closed = self.closed.or(Some(code)),
        }
        Some(())
    }

    fn messages(&mut self, from: Side) {
        while let Some((kind, body)) = self.crypto[from].message() {
            self.handshake.take(from, kind, &body, false);
            self.asked_again = false;
        }
        self.server_seen |= self.handshake.server.is_some();
    }

    fn google(&mut self, from: Side, bytes: &[u8]) {
        let kinds: &[&[u8; 4]] = match from {
            Side::Client => &[b"CHLO"],
            Side::Server => &[b"REJ\0", b"SHLO"],
        };
        let Some(found) = kinds.iter().find_map(|kind| google::find(bytes, kind)) else {
            return;
        };
        let hello = self.google.get_or_insert_default();
        hello.server_name = found.server_name.or(hello.server_name.take());
        if !found.aead.is_empty() {
            hello.aead = found.aead;
        }
        if !found.key_exchange.is_empty() {
            hello.key_exchange = found.key_exchange;
        }
    }

    /// What the client's hello has told so far, where the rest of it was not captured.
    pub(crate) fn finish(&mut self) {
        for side in Side::BOTH {
            if let Some((kind, body)) = self.crypto[side].partial_message() {
                self.handshake.take(side, kind, &body, false);
            }
        }
    }

    pub(crate) fn held(&self) -> usize {
        let crypto = Side::BOTH.map(|side| self.crypto[side].held + self.crypto[side].whole.len());
        crypto.iter().sum::<usize>() + self.handshake.held()
    }
}

impl Crypto {
    fn add(&mut self, offset: u64, bytes: &[u8]) {
        let end = self.taken + self.whole.len() as u64;
        let known = offset.saturating_add(bytes.len() as u64) <= end;
        let too_much = self.held + bytes.len() > MAX_CRYPTO || offset > MAX_CRYPTO as u64;
        if known || too_much || self.parts.len() >= MAX_PARTS {
            return;
        }
        self.held += bytes.len();
        let kept = self.parts.entry(offset).or_default();
        if kept.len() < bytes.len() {
            *kept = bytes.to_vec();
        }
        let mut at_end = |whole: &mut Vec<u8>| {
            let end = self.taken + whole.len() as u64;
            let (&begin, part) =
                self.parts.range(..=end).find(|(begin, part)| *begin + part.len() as u64 > end)?;
            whole.extend_from_slice(&part[(end - begin) as usize..]);
            self.parts.remove(&begin)
        };
        while at_end(&mut self.whole).is_some() {}
    }

    fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut rest = Cursor(&self.whole);
        let kind = rest.u8()?;
        let len = rest.u24()?;
        let body = rest.bytes(len)?.to_vec();
        self.whole.drain(..4 + len);
        self.taken += 4 + len as u64;
        Some((kind, body))
    }

    fn partial_message(&self) -> Option<(u8, Vec<u8>)> {
        let mut rest = Cursor(&self.whole);
        let kind = rest.u8()?;
        rest.u24()?;
        Some((kind, rest.0.to_vec()))
    }
}

/// A variable-length integer (RFC 9000 clause 16).
fn variable(rest: &mut Cursor<'_>) -> Option<u64> {
    let first = *rest.0.first()?;
    let len = 1usize << (first >> 6);
    let value = rest.bytes(len)?.iter().fold(0u64, |value, &octet| value << 8 | u64::from(octet));
    Some(value & (u64::MAX >> (64 - (8 * len as u32 - 2))))
}
