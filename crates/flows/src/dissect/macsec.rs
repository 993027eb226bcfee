//! MAC security (IEEE 802.1AE) and the agreement on its keys (MKA, IEEE 802.1X-2020 clause 11.11).

use serde::Serialize;

use crate::cursor::Cursor;

/// A link under MAC security, or stations that agree on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Macsec {
    /// Frames whose data is encrypted.
    pub encrypted: u64,
    /// Frames that are authenticated only.
    pub authenticated: u64,
    /// Messages of key agreement.
    pub agreements: u64,
    /// Cipher suites of the keys that were distributed: last octet of 00-80-C2-00-01-00-00-xx, 1 GCM-AES-128,
    /// 2 GCM-AES-256, 3 and 4 the same with extended packet numbers; 0 another.
    pub suites: Vec<u8>,
    /// A key server distributed that links be in clear.
    pub plain: bool,
}

const DISTRIBUTED_KEY: u8 = 4;
/// A check value of another length than the usual one follows.
const CHECK_VALUE_INDICATOR: u8 = 255;
/// Length of the check value that ends a message, by AES-CMAC with 128 bits.
const CHECK_VALUE: usize = 16;
const MAX_SUITES: usize = 8;

impl Macsec {
    /// A frame, from the octet of its tag that holds the flags (IEEE 802.1AE-2018 clause 9.5).
    pub(crate) fn frame(&mut self, tag: &[u8]) {
        const ENCRYPTION: u8 = 0x08;
        match tag.first() {
            Some(flags) if flags & ENCRYPTION != 0 => self.encrypted += 1,
            Some(_) => self.authenticated += 1,
            None => {}
        }
    }

    /// A message of key agreement, from its basic parameter set; `None` where it is none.
    pub(crate) fn agreement(&mut self, message: &[u8]) -> Option<()> {
        let mut rest = Cursor(message);
        rest.skip(2)?; // version, priority of the key server
        set(&mut rest)?;
        self.agreements += 1;
        let mut sets = Cursor(rest.at_most(rest.len().saturating_sub(CHECK_VALUE)));
        while let Some(kind) = sets.u8()
            && kind != CHECK_VALUE_INDICATOR
            && let (Some(_flags), Some(body)) = (sets.u8(), set(&mut sets))
        {
            if kind == DISTRIBUTED_KEY {
                self.key(body);
            }
        }
        Some(())
    }

    fn key(&mut self, body: &[u8]) {
        const DEFAULT_SUITE: &[u8] = &[0x00, 0x80, 0xc2, 0x00, 0x01, 0x00, 0x00];
        let suite = match body.len() {
            0 => {
                self.plain = true;
                return;
            }
            28 => 1, // number and wrapped key: the default suite
            _ => match body.get(4..12).and_then(|suite| suite.strip_prefix(DEFAULT_SUITE)) {
                Some(&[number @ 1..=4]) => number,
                _ => 0,
            },
        };
        if self.suites.len() < MAX_SUITES && !self.suites.contains(&suite) {
            self.suites.push(suite);
        }
    }
}

/// The body of a parameter set behind its length in twelve bits; it is padded to whole words.
fn set<'a>(rest: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let len = usize::from(rest.u16()? & 0x0fff);
    let body = rest.bytes(len)?;
    rest.at_most(len.next_multiple_of(4) - len);
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_of_a_distributed_key_is_the_default_or_named() {
        let basic = [[3, 0x10, 0xe0, 32].as_slice(), &[0; 32]].concat();
        for (body, suite) in [
            (vec![0; 28], 1),
            ([&[0, 0, 0, 1, 0, 0x80, 0xc2, 0, 1, 0, 0, 2][..], &[0; 40]].concat(), 2),
            ([&[0, 0, 0, 1, 0, 0x99, 0xc2, 0, 1, 0, 0, 2][..], &[0; 40]].concat(), 0),
        ] {
            let message =
                [&basic, &[DISTRIBUTED_KEY, 0x40, 0, body.len() as u8][..], &body, &[7; 16]].concat();
            let mut said = Macsec::default();
            assert_eq!(said.agreement(&message), Some(()));
            assert_eq!((said.agreements, &said.suites[..]), (1, &[suite][..]));
        }
    }
}
