//! The keys of a radio network (IEEE 802.11-2020 clause 12.7): what was chosen stands in the second message of the
//! handshake, in clear.

use serde::Serialize;

use crate::cursor::Cursor;
use crate::side::Side;

const ACKNOWLEDGE: u16 = 0x0080;
const CHECKED: u16 = 0x0100;
const ENCRYPTED: u16 = 0x1000;

const RSN: u8 = 48;
const VENDOR: u8 = 221;
const WPA: &[u8] = &[0x00, 0x50, 0xf2, 0x01];

const MAX_SUITES: usize = 16;

/// A station's handshake with its access point.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Wifi {
    /// The element of before IEEE 802.11i, as WPA of 2003 had it.
    pub wpa_1: bool,
    /// Cipher between the two, by organisation and number (0x000fac04 is CCMP-128).
    pub pairwise: Vec<u32>,
    /// Cipher of what goes to all.
    pub group: Option<u32>,
    /// Authentication and key management: 0x000fac02 is a pre-shared key, 0x000fac08 SAE, ….
    pub key_management: Vec<u32>,
    /// Messages of the handshake.
    pub messages: u32,
}

/// Who sends a key frame, from its descriptor; `None` where it is none.
pub(crate) fn sender(body: &[u8]) -> Option<Side> {
    let &[kind, high, low] = body.first_chunk()?;
    matches!(kind, 2 | 254).then_some(())?;
    let information = u16::from_be_bytes([high, low]);
    Some(if information & ACKNOWLEDGE != 0 { Side::Server } else { Side::Client })
}

impl Wifi {
    /// Reads a key frame from its descriptor.
    pub(crate) fn read(&mut self, body: &[u8]) {
        self.messages += 1;
        if let Some(data) = key_data(body) {
            self.elements(Cursor(data));
        }
    }

    fn elements(&mut self, mut rest: Cursor<'_>) {
        while let (Some(kind), Some(element)) = (rest.u8(), rest.vector_8()) {
            match kind {
                RSN => {
                    let _ = self.suites(element); // a cut element says what it says
                }
                VENDOR => {
                    if let Some(inner) = element.0.strip_prefix(WPA) {
                        self.wpa_1 = true;
                        let _ = self.suites(Cursor(inner));
                    }
                }
                _ => {}
            }
        }
    }

    /// Version, cipher for all, ciphers for two, key management (clause 9.4.2.24; integers little-endian).
    fn suites(&mut self, mut rest: Cursor<'_>) -> Option<()> {
        const VERSION: [u8; 2] = [1, 0];
        (rest.take()? == VERSION).then_some(())?;
        self.group = Some(rest.u32()?);
        self.pairwise = list(&mut rest)?;
        self.key_management = list(&mut rest)?;
        Some(())
    }
}

fn list(rest: &mut Cursor<'_>) -> Option<Vec<u32>> {
    let count = u16::from_le_bytes(rest.take()?);
    (usize::from(count) <= MAX_SUITES).then_some(())?;
    (0..count).map(|_| rest.u32()).collect()
}

/// The data of a message of the station that is not encrypted. The length of the check value before it depends on
/// the key management; only one fits the length of the data.
fn key_data(body: &[u8]) -> Option<&[u8]> {
    const BEFORE_CHECK: usize = 77;
    let &[_, high, low] = body.first_chunk()?;
    let information = u16::from_be_bytes([high, low]);
    if information & ACKNOWLEDGE != 0 || information & ENCRYPTED != 0 {
        return None;
    }
    let lengths: &[usize] = if information & CHECKED != 0 { &[16, 24, 32] } else { &[0, 16] };
    lengths.iter().find_map(|check| {
        let mut rest = Cursor(body.get(BEFORE_CHECK + check..)?);
        let data = rest.vector_16()?;
        (rest.is_empty() && !data.is_empty()).then_some(data.0)
    })
}
