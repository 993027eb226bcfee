//! EAP (RFC 3748), wherever it runs: over a local network (IEEE 802.1X) or in RADIUS. The TLS in EAP-TLS, TTLS, PEAP,
//! FAST and TEAP is read as any other.

use serde::Serialize;

use super::tls::Records;
use super::tls::handshake::Handshake;
use crate::cursor::Cursor;
use crate::side::{Both, Side};

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

const IDENTITY: u8 = 1;
const NOTIFICATION: u8 = 2;
const NAK: u8 = 3;

const MAX_METHODS: usize = 16;
const MAX_UNREAD: usize = 64 << 10;

/// A conversation between a peer and its authenticator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Eap {
    /// Methods that the authenticator asked for, by number (IANA registry "EAP Method Types").
    pub asked: Vec<u8>,
    /// Methods that the peer went into.
    pub taken: Vec<u8>,
    /// Methods that the peer wants instead (Nak).
    pub wanted: Vec<u8>,
    /// Whether the authenticator said Success or Failure.
    pub success: Option<bool>,
    /// The method that runs over TLS.
    pub tls_method: Option<u8>,
    /// The TLS handshake in it.
    pub handshake: Option<Handshake>,
}

impl Eap {
    /// How much memory it holds, roughly.
    pub(crate) fn held(&self) -> usize {
        self.handshake.as_ref().map_or(0, Handshake::held)
    }
}

/// Reads a conversation.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    eap: Eap,
    records: Records,
    unread: Both<Vec<u8>>,
    /// Identifier and code of the last packet, which is sent again until it is answered.
    last: Option<(u8, u8)>,
    pub(crate) malformed: bool,
}

/// Who sends a packet; `None` where it is none of EAP.
pub(crate) fn sender(packet: &[u8]) -> Option<Side> {
    let &[code, _, high, low] = packet.first_chunk()?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    (len <= packet.len()).then_some(())?;
    match (code, len) {
        (REQUEST, 5..) | (SUCCESS | FAILURE, 4) => Some(Side::Server),
        (RESPONSE, 5..) => Some(Side::Client),
        _ => None,
    }
}

/// Methods that run over TLS: TLS (RFC 5216, RFC 9190), TTLS (RFC 5281), PEAP, FAST (RFC 4851), TEAP (RFC 7170).
fn runs_over_tls(method: u8) -> bool {
    matches!(method, 13 | 21 | 25 | 43 | 55)
}

impl Reader {
    /// Reads a packet; what lies behind its length is padding.
    pub(crate) fn read(&mut self, packet: &[u8]) {
        let Some(from) = sender(packet) else {
            self.malformed = true;
            return;
        };
        let mut rest = Cursor(packet);
        let (Some([code, identifier]), Some(len)) = (rest.take(), rest.u16()) else {
            return;
        };
        if self.last.replace((code, identifier)) == Some((code, identifier)) {
            return;
        }
        let mut body = Cursor(rest.at_most(usize::from(len).saturating_sub(4)));
        match code {
            SUCCESS => self.eap.success = Some(true),
            FAILURE => self.eap.success = Some(false),
            _ => {
                if let Some(method) = body.u8() {
                    self.method(from, method, body);
                }
            }
        }
    }

    fn method(&mut self, from: Side, method: u8, mut body: Cursor<'_>) {
        match (from, method) {
            (_, IDENTITY | NOTIFICATION) => return,
            (Side::Client, NAK) => {
                for &wanted in body.0.iter().take(MAX_METHODS) {
                    insert(&mut self.eap.wanted, wanted);
                }
                return;
            }
            (Side::Client, _) => insert(&mut self.eap.taken, method),
            (Side::Server, _) => insert(&mut self.eap.asked, method),
        }
        if runs_over_tls(method) && self.tls(from, method, &mut body).is_none() {
            self.malformed = true;
        }
    }

    /// Flags, the length of all parts together, and one of them (RFC 5216 clause 3.1).
    fn tls(&mut self, from: Side, method: u8, body: &mut Cursor<'_>) -> Option<()> {
        const LENGTH: u8 = 0x80;
        const OUTER_LENGTH: u8 = 0x10;
        const TEAP: u8 = 55;
        if body.is_empty() {
            return Some(());
        }
        let flags = body.u8()?;
        body.skip(if flags & LENGTH != 0 { 4 } else { 0 })?;
        let mut part = body.0;
        if method == TEAP && flags & OUTER_LENGTH != 0 {
            let outer = body.u32()? as usize;
            part = body.0.get(..body.len().checked_sub(outer)?)?;
        }
        if part.is_empty() || self.records.side_is_done(from) {
            return Some(());
        }
        if self.eap.tls_method != Some(method) {
            self.eap.tls_method = Some(method);
            self.records = Records::default();
            self.unread = Both::default();
        }
        let unread = &mut self.unread[from];
        unread.extend_from_slice(part);
        let used = self.records.read(from, unread);
        unread.drain(..used.min(unread.len()));
        if unread.len() > MAX_UNREAD {
            unread.clear();
            return None;
        }
        Some(())
    }

    pub(crate) fn held(&self) -> usize {
        Side::BOTH.iter().map(|&side| self.unread[side].len()).sum::<usize>() + self.records.held()
    }

    pub(crate) fn into_session(mut self) -> Eap {
        self.eap.handshake = Some(self.records.handshake).filter(|handshake| !handshake.is_empty());
        self.eap
    }
}

fn insert(known: &mut Vec<u8>, method: u8) {
    if known.len() < MAX_METHODS && !known.contains(&method) {
        known.push(method);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_wants_another_method_has_not_taken_the_first() {
        let mut reader = Reader::default();
        for packet in [
            &[1, 1, 0, 5, IDENTITY][..],
            &[2, 1, 0, 8, IDENTITY, b'r', b's', b'u'],
            &[1, 2, 0, 6, 4, 0],
            &[2, 2, 0, 6, NAK, 13],
            &[4, 2, 0, 4],
        ] {
            reader.read(packet);
        }
        let said = reader.into_session();
        assert_eq!((&said.asked[..], &said.taken[..], &said.wanted[..]), (&[4][..], &[][..], &[13][..]));
        assert_eq!(said.success, Some(false));
    }
}
