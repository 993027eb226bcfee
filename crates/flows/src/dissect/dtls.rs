//! DTLS (RFC 9147 for 1.3, RFC 6347; DTLS 1.0 of RFC 4347; the pre-standard version that OpenSSL 0.9.8 spoke).

use std::collections::BTreeMap;

use super::tls::handshake::{Handshake, message};
use crate::cursor::Cursor;
use crate::side::{Both, Side};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const MAX_MESSAGE: usize = 64 << 10;
const MAX_PARTIAL: usize = 12;
/// Separate parts of one message; more are not what a peer sends.
const MAX_PARTS: usize = 256;

/// A handshake message in the making (RFC 6347 clause 4.2.3).
#[derive(Debug, Default)]
struct Partial {
    kind: u8,
    bytes: Vec<u8>,
    /// Parts that are there: begin and end, merged and ascending.
    parts: Vec<(usize, usize)>,
}

/// Reads both directions of an association.
#[derive(Debug, Default)]
pub(crate) struct Dtls {
    pub(crate) handshake: Handshake,
    partial: Both<BTreeMap<u16, Partial>>,
    encrypted: Both<bool>,
    pub(crate) malformed: bool,
}

/// Whether a datagram is a plaintext DTLS record that begins or carries a handshake.
pub(crate) fn starts(datagram: &[u8]) -> bool {
    let mut rest = Cursor(datagram);
    let Some((HANDSHAKE, epoch, body)) = record(&mut rest) else {
        return false;
    };
    let Some(&[kind, a, b, c, _, _, d, e, f, g, h, i]) = body.first_chunk() else {
        return false;
    };
    let [len, offset, part] =
        [[a, b, c], [d, e, f], [g, h, i]].map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]) as usize);
    epoch == 0
        && matches!(kind, 1..=3 | 11..=16)
        && len <= MAX_MESSAGE
        && offset + part <= len
        && part + 12 <= body.len()
}

/// Content type, epoch and body of the next record.
fn record<'a>(rest: &mut Cursor<'a>) -> Option<(u8, u16, &'a [u8])> {
    let kind = rest.u8()?;
    let version = rest.u16()?;
    let epoch = rest.u16()?;
    rest.skip(6)?; // sequence number
    let len = rest.u16()?;
    let known = matches!(version, 0xfefd | 0xfeff | 0x0100 | 0xfefc);
    ((CHANGE_CIPHER_SPEC..=26).contains(&kind) && known).then_some(())?;
    Some((kind, epoch, rest.bytes(len.into())?))
}

impl Dtls {
    /// Reads a datagram; other protocols may share the flow (RFC 7983) and are passed over.
    pub(crate) fn read(&mut self, from: Side, datagram: &[u8]) {
        let mut rest = Cursor(datagram);
        loop {
            // Encrypted records of DTLS 1.3 begin otherwise (RFC 9147 clause 4).
            const UNIFIED: u8 = 0x20;
            if rest.0.first().is_some_and(|first| first & 0xe0 == UNIFIED) && self.handshake.is_tls_1_3() {
                self.encrypted[from] = true;
                return;
            }
            let Some((kind, epoch, body)) = record(&mut rest) else {
                return;
            };
            match (kind, epoch) {
                (HANDSHAKE, 0) => self.messages(from, Cursor(body)),
                (ALERT, 0) => self.handshake.alert(from, body),
                (CHANGE_CIPHER_SPEC | APPLICATION_DATA, _) | (HANDSHAKE, 1..) => self.encrypted[from] = true,
                _ => {}
            }
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.encrypted[Side::Client] && self.encrypted[Side::Server]
    }

    fn messages(&mut self, from: Side, mut rest: Cursor<'_>) {
        while !rest.is_empty() {
            if self.fragment(from, &mut rest).is_none() {
                self.malformed = true;
                return;
            }
        }
    }

    fn fragment(&mut self, from: Side, rest: &mut Cursor<'_>) -> Option<()> {
        let kind = rest.u8()?;
        let len = rest.u24().filter(|&len| len <= MAX_MESSAGE)?;
        let sequence = rest.u16()?;
        let begin = rest.u24()?;
        let part = rest.u24()?;
        let bytes = rest.bytes(part)?;
        (begin + part <= len).then_some(())?;
        if part == len {
            return self.whole(from, kind, bytes);
        }
        let pending = &mut self.partial[from];
        if !pending.contains_key(&sequence) && pending.len() >= MAX_PARTIAL {
            pending.pop_first();
        }
        let partial = pending.entry(sequence).or_default();
        if partial.bytes.len() != len || partial.kind != kind || partial.parts.len() >= MAX_PARTS {
            *partial = Partial { kind, bytes: vec![0; len], parts: Vec::new() };
        }
        partial.add(begin, bytes);
        if partial.parts == [(0, len)] {
            let message = pending.remove(&sequence)?;
            return self.whole(from, message.kind, &message.bytes);
        }
        Some(())
    }

    fn whole(&mut self, from: Side, kind: u8, body: &[u8]) -> Option<()> {
        self.handshake.take(from, kind, body, kind == message::CLIENT_HELLO).then_some(())
    }

    pub(crate) fn held(&self) -> usize {
        let partial = Side::BOTH.iter().flat_map(|&side| self.partial[side].values());
        partial.map(|message| message.bytes.len()).sum::<usize>() + self.handshake.held()
    }
}

impl Partial {
    fn add(&mut self, begin: usize, part: &[u8]) {
        self.bytes[begin..begin + part.len()].copy_from_slice(part);
        self.parts.push((begin, begin + part.len()));
        self.parts.sort_unstable();
        self.parts.dedup_by(|next, kept| {
            let joined = next.0 <= kept.1;
            if joined {
                kept.1 = kept.1.max(next.1);
            }
            joined
        });
    }
}
