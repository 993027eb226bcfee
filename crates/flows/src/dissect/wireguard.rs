//! WireGuard (its white paper, clause 5.4): four messages, told by type and exact length.

use serde::Serialize;

/// A WireGuard tunnel: its cryptography is fixed, so that only its presence has to be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Wireguard {
    /// Handshake initiations.
    pub initiations: u32,
    /// Handshake responses.
    pub responses: u32,
    /// Messages of data.
    pub data: u32,
    /// Cookie replies: a peer under load.
    pub cookies: u32,
}

pub(crate) enum Kind {
    Initiation,
    Response,
    Cookie,
    Data,
}

/// What kind of message a datagram is, if any.
pub(crate) fn kind(datagram: &[u8]) -> Option<Kind> {
    // Three reserved octets; some services put an identifier there, which is not WireGuard any more.
    let &[kind, 0, 0, 0] = datagram.first_chunk()? else {
        return None;
    };
    match (kind, datagram.len()) {
        (1, 148) => Some(Kind::Initiation),
        (2, 92) => Some(Kind::Response),
        (3, 64) => Some(Kind::Cookie),
        (4, len) if len >= 32 && len % 16 == 0 => Some(Kind::Data),
        _ => None,
    }
}

/// Whether a datagram alone is enough to say so: data is not, unless its counter is that of a young
/// session and its receiver index is set.
pub(crate) fn starts(datagram: &[u8]) -> bool {
    const YOUNG: u64 = 1 << 32;
    match kind(datagram) {
        Some(Kind::Initiation | Kind::Response | Kind::Cookie) => true,
        Some(Kind::Data) => {
            let counter = datagram
                .get(8..16)
                .and_then(|octets| octets.first_chunk())
                .map(|octets| u64::from_le_bytes(*octets));
            datagram.get(4..8) != Some(&[0; 4]) && counter.is_some_and(|counter| counter < YOUNG)
        }
        None => false,
    }
}

impl Wireguard {
    pub(crate) fn read(&mut self, datagram: &[u8]) {
        match kind(datagram) {
            Some(Kind::Initiation) => self.initiations += 1,
            Some(Kind::Response) => self.responses += 1,
            Some(Kind::Cookie) => self.cookies += 1,
            Some(Kind::Data) => self.data += 1,
            None => {}
        }
    }
}
