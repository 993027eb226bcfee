//! RADIUS (RFC 2865, RFC 2866, RFC 5176): how credentials are hidden in it, and the EAP that it carries (RFC 3579).

use std::collections::HashMap;

use serde::Serialize;

use super::eap;
use crate::cursor::Cursor;
use crate::side::Side;

const USER_PASSWORD: u8 = 2;
const CHAP_PASSWORD: u8 = 3;
const STATE: u8 = 24;
const VENDOR_SPECIFIC: u8 = 26;
const EAP_MESSAGE: u8 = 79;
const MESSAGE_AUTHENTICATOR: u8 = 80;

const PORTS: [u16; 5] = [1812, 1813, 1645, 1646, 3799];
/// EAP conversations of one flow, of a station each.
const MAX_CONVERSATIONS: usize = 256;

/// What runs between an access server and its RADIUS server. Nothing that hides or proves who somebody is, is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Radius {
    /// Codes of packets: 1 Access-Request, 2 Access-Accept, 3 Access-Reject, 4 Accounting-Request, …
    pub codes: Vec<u8>,
    /// A password went hidden by MD5 (RFC 2865 clause 5.2).
    pub password: bool,
    /// CHAP, or Microsoft's versions of it (RFC 2548), were used.
    pub chap: bool,
    /// Packets carry a Message-Authenticator, which is HMAC-MD5.
    pub message_authenticator: bool,
    /// Access requests or answers without one: such can be forged (CVE-2024-3596).
    pub unauthenticated: bool,
    /// The EAP conversations.
    pub conversations: Vec<eap::Eap>,
}

/// Reads both directions.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    radius: Radius,
    conversations: Vec<eap::Reader>,
    by_identifier: HashMap<u8, usize>,
    by_state: HashMap<Vec<u8>, usize>,
    pub(crate) malformed: bool,
    /// Conversations over the limit.
    pub(crate) left_out: bool,
}

/// Code, identifier and attributes; `None` where the datagram is something else.
fn packet(datagram: &[u8]) -> Option<(u8, u8, Cursor<'_>)> {
    let mut rest = Cursor(datagram);
    let [code, identifier] = rest.take()?;
    let len = usize::from(rest.u16()?);
    matches!(code, 1..=5 | 11..=13 | 40..=45).then_some(())?;
    (20..=4096).contains(&len).then_some(())?;
    (len == datagram.len()).then_some(())?;
    rest.skip(16)?; // authenticator
    Some((code, identifier, rest))
}

fn attributes(mut rest: Cursor<'_>) -> impl Iterator<Item = Option<(u8, &[u8])>> {
    std::iter::from_fn(move || {
        (!rest.is_empty()).then(|| {
            let read = (|| {
                let [kind, len] = rest.take()?;
                Some((kind, rest.bytes(usize::from(len).checked_sub(2)?)?))
            })();
            if read.is_none() {
                rest = Cursor(&[]);
            }
            read
        })
    })
}

/// Who sends a datagram of RADIUS: attributes that fill it, on a registered port or with a Message-Authenticator.
pub(crate) fn starts(datagram: &[u8], ports: [u16; 2]) -> Option<Side> {
    let (code, _, rest) = packet(datagram)?;
    let mut authenticated = false;
    let mut count = 0;
    for attribute in attributes(rest) {
        let (kind, value) = attribute?;
        authenticated |= kind == MESSAGE_AUTHENTICATOR && value.len() == 16;
        count += 1;
    }
    let known = ports.iter().any(|port| PORTS.contains(port)) && (count > 0 || datagram.len() == 20);
    (known || authenticated).then_some(())?;
    Some(if matches!(code, 1 | 4 | 12 | 40 | 43) { Side::Client } else { Side::Server })
}

impl Reader {
    pub(crate) fn read(&mut self, datagram: &[u8]) {
        const ACCESS: std::ops::RangeInclusive<u8> = 1..=3;
        const CHALLENGE: u8 = 11;
        let Some((code, identifier, rest)) = packet(datagram) else {
            self.malformed = true;
            return;
        };
        if !self.radius.codes.contains(&code) {
            self.radius.codes.push(code);
        }
        let mut message = Vec::new();
        let mut state = None;
        let mut authenticated = false;
        for attribute in attributes(rest) {
            let Some((kind, value)) = attribute else {
                self.malformed = true;
                break;
            };
            match kind {
                USER_PASSWORD => self.radius.password = true,
                CHAP_PASSWORD => self.radius.chap = true,
                VENDOR_SPECIFIC if is_ms_chap(value) => self.radius.chap = true,
                STATE => state = Some(value),
                EAP_MESSAGE => message.extend_from_slice(value),
                MESSAGE_AUTHENTICATOR => authenticated = true,
                _ => {}
            }
        }
        self.radius.message_authenticator |= authenticated;
        self.radius.unauthenticated |= !authenticated && (ACCESS.contains(&code) || code == CHALLENGE);
        if !message.is_empty() {
            self.eap(code == 1, identifier, state, &message);
        }
    }

    /// A request belongs to the conversation whose challenge gave its State, an answer to its request's.
    fn eap(&mut self, is_request: bool, identifier: u8, state: Option<&[u8]>, message: &[u8]) {
        let known = match is_request {
            true => state.and_then(|state| self.by_state.get(state).copied()),
            false => self.by_identifier.get(&identifier).copied(),
        };
        let Some(conversation) = known.or_else(|| self.begin()) else {
            self.left_out = true;
            return;
        };
        if is_request {
            self.by_identifier.insert(identifier, conversation);
        } else if let Some(state) = state {
            const MAX_STATES: usize = 4096;
            if self.by_state.len() < MAX_STATES {
                self.by_state.insert(state.to_vec(), conversation);
            }
        }
        self.conversations[conversation].read(message);
    }

    fn begin(&mut self) -> Option<usize> {
        (self.conversations.len() < MAX_CONVERSATIONS).then(|| {
            self.conversations.push(eap::Reader::default());
            self.conversations.len() - 1
        })
    }

    pub(crate) fn held(&self) -> usize {
        let states: usize = self.by_state.keys().map(Vec::len).sum();
        states + self.conversations.iter().map(eap::Reader::held).sum::<usize>()
    }

    pub(crate) fn into_session(mut self) -> Radius {
        self.radius.conversations = self.conversations.into_iter().map(eap::Reader::into_session).collect();
        self.radius
    }
}

/// MS-CHAP responses of Microsoft's attributes (RFC 2548 clause 2): vendor 311, types 1 and 25.
fn is_ms_chap(value: &[u8]) -> bool {
    let mut rest = Cursor(value);
    rest.u32() == Some(311) && matches!(rest.u8(), Some(1 | 25))
}
