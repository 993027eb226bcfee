//! TLS over a byte stream: records (RFC 8446 clause 5.1) and the handshake in them.

pub(crate) mod handshake;
pub(crate) mod hello;
mod ssl2;

use handshake::{Handshake, message};

use crate::cursor::Cursor;
use crate::side::{Both, Side};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

/// What a record may hold: 2^14 and expansion (RFC 5246 clause 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;
/// A handshake message that states more is not waited for.
const MAX_MESSAGE: usize = 192 << 10;

/// Reads both directions of a connection.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) handshake: Handshake,
    /// Handshake bytes that are not yet a whole message.
    partial: Both<Vec<u8>>,
    done: Both<bool>,
    /// The client's first hello was one of SSL 2.
    ssl2: bool,
    /// Something stood where a record should have begun.
    pub(crate) malformed: bool,
}

/// Whether bytes that begin a message of one side begin TLS.
pub(crate) enum Start {
    No,
    /// Too few to say.
    Unclear,
    Yes,
}

/// Looks for a plaintext record at the begin of `bytes`.
pub(crate) fn starts(bytes: &[u8]) -> Start {
    let Some((&[kind, major, minor, high, low], rest)) = bytes.split_first_chunk() else {
        let first = matches!(bytes, [] | [HANDSHAKE] | [HANDSHAKE, 3, ..]);
        return if first { Start::Unclear } else { Start::No };
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if !is_version(major, minor) || len == 0 || len > MAX_RECORD {
        return if ssl2::starts(bytes) { Start::Yes } else { Start::No };
    }
    if major == TLCP {
        return starts_tlcp(kind, rest);
    }
    let fits = match kind {
        HANDSHAKE => match rest.first_chunk::<4>() {
            None => return Start::Unclear,
            Some(&[kind, a, b, c]) => {
                let stated = u32::from_be_bytes([0, a, b, c]) as usize;
                matches!(
                    kind,
                    message::CLIENT_HELLO
                        | message::SERVER_HELLO
                        | message::CERTIFICATE
                        | message::SERVER_KEY_EXCHANGE
                        | message::CLIENT_KEY_EXCHANGE
                ) && stated <= MAX_MESSAGE
            }
        },
        _ => false,
    };
    if fits { Start::Yes } else { Start::No }
}

/// Major version in the records of TLCP (GB/T 38636-2020), which is 1.1.
const TLCP: u8 = 1;

fn is_version(major: u8, minor: u8) -> bool {
    matches!((major, minor), (3, 0..=4) | (TLCP, 1))
}

/// Two octets of version say too little by themselves: a hello repeats them.
fn starts_tlcp(kind: u8, rest: &[u8]) -> Start {
    match (kind, rest) {
        (HANDSHAKE, [message::CLIENT_HELLO | message::SERVER_HELLO, 0, _, _, TLCP, 1, ..]) => Start::Yes,
        (HANDSHAKE, [] | [message::CLIENT_HELLO | message::SERVER_HELLO, ..]) if rest.len() < 6 => {
            Start::Unclear
        }
        _ => Start::No,
    }
}

/// An encrypted record of a connection caught in its middle: how long it is.
pub(crate) fn later_record(bytes: &[u8]) -> Option<usize> {
    let (&[kind, 3, 1..=4, high, low], _) = bytes.split_first_chunk()? else {
        return None;
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    (matches!(kind, CHANGE_CIPHER_SPEC | APPLICATION_DATA | ALERT) && len > 0 && len <= MAX_RECORD)
        .then_some(5 + len)
}

impl Records {
    /// Reads records off the front of `bytes`; answers how many bytes are done with.
    pub(crate) fn read(&mut self, from: Side, bytes: &[u8]) -> usize {
        let mut used = 0;
        while !self.done[from] {
            let window = &bytes[used..];
            if used == 0 && self.handshake.is_empty() && ssl2::starts(window) {
                let Some(record) = ssl2::record(window) else {
                    return used;
                };
                self.handshake.client = ssl2::client_hello(record);
                used += record.len();
                self.ssl2 = true;
                continue;
            }
            if self.ssl2 && used == 0 && from == Side::Server && ssl2::starts_server(window) {
                let Some(record) = ssl2::record(window) else {
                    return used;
                };
                ssl2::server_hello(record, &mut self.handshake);
                for side in Side::BOTH {
                    self.done[side] = true; // what follows are keys and ciphertext of its own form
                }
                return bytes.len();
            }
            let Some((&[kind, major, minor, high, low], rest)) = window.split_first_chunk() else {
                return used;
            };
            let len = usize::from(u16::from_be_bytes([high, low]));
            if !(major == 3 || major == TLCP)
                || !(CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind)
                || len > MAX_RECORD
            {
                self.malformed = true;
                self.done[from] = true;
                return bytes.len();
            }
            let Some(body) = rest.get(..len) else {
                self.look_ahead(from, kind, rest);
                return used;
            };
            self.handshake.record_version = Some(u16::from_be_bytes([major, minor]));
            self.record(from, kind, body);
            used += 5 + len;
        }
        bytes.len()
    }

    /// The rest of a record will not come: takes what is there of its message.
    pub(crate) fn cut(&mut self, from: Side, bytes: &[u8]) {
        if self.done[from] {
            return;
        }
        if let Some((&[HANDSHAKE, 3 | TLCP, _, _, _], rest)) = bytes.split_first_chunk() {
            self.partial[from].extend_from_slice(rest);
        }
        let partial = std::mem::take(&mut self.partial[from]);
        let mut rest = Cursor(&partial);
        if let (Some(kind), Some(_)) = (rest.u8(), rest.u24()) {
            self.handshake.take(from, kind, rest.0, false);
        }
        self.done[from] = true;
    }

    /// Both sides have come to what is encrypted.
    pub(crate) fn is_done(&self) -> bool {
        self.done[Side::Client] && self.done[Side::Server]
    }

    pub(crate) fn side_is_done(&self, from: Side) -> bool {
        self.done[from]
    }

    /// An unfinished record of application data says already that the handshake is over.
    fn look_ahead(&mut self, from: Side, kind: u8, _rest: &[u8]) {
        if kind == APPLICATION_DATA {
            self.done[from] = true;
        }
    }

    fn record(&mut self, from: Side, kind: u8, body: &[u8]) {
        match kind {
            HANDSHAKE => self.handshake_bytes(from, body),
            ALERT => self.handshake.alert(from, body),
            // In TLS 1.3 it means nothing and may stand before the second ClientHello.
            CHANGE_CIPHER_SPEC if self.handshake.retry_group.is_some() && self.handshake.server.is_none() => {
            }
            CHANGE_CIPHER_SPEC | APPLICATION_DATA => {
                self.done[from] = true;
                self.partial[from].clear();
            }
            _ => {}
        }
    }

    fn handshake_bytes(&mut self, from: Side, body: &[u8]) {
        let partial = &mut self.partial[from];
        partial.extend_from_slice(body);
        let bytes = std::mem::take(partial);
        let mut rest = Cursor(&bytes);
        loop {
            let before = rest;
            let (Some(kind), Some(len)) = (rest.u8(), rest.u24()) else {
                rest = before;
                break;
            };
            if len > MAX_MESSAGE {
                self.malformed = true;
                self.done[from] = true;
                return;
            }
            let Some(message) = rest.bytes(len) else {
                rest = before;
                break;
            };
            self.malformed |= !self.handshake.take(from, kind, message, false);
        }
        self.partial[from] = rest.0.to_vec();
    }

    pub(crate) fn held(&self) -> usize {
        self.partial[Side::Client].len() + self.partial[Side::Server].len() + self.handshake.held()
    }
}
