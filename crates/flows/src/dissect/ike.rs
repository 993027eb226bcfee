//! IKE version 2 (RFC 7296, RFC 9370) and version 1 (RFC 2408, RFC 2409): what is proposed and chosen.

use serde::Serialize;

use crate::cursor::Cursor;
use crate::side::Side;

const MAX_TRANSFORMS: usize = 256;
const MAX_NOTIFIES: usize = 64;

const INVALID_KE_PAYLOAD: u16 = 17;
const COOKIE: u16 = 16390;
/// Notify types below are errors (RFC 7296 clause 3.10.1, RFC 2408 clause 3.14.1).
const FIRST_STATUS: u16 = 16384;

/// Where IKE shares its datagrams with ESP (RFC 3948).
pub(crate) const NAT_TRAVERSAL_PORT: u16 = 4500;

/// Whether a datagram is an ESP packet in UDP: a security parameter index that is not reserved, a
/// sequence number, and at least a block with its check value.
pub(crate) fn is_esp(datagram: &[u8]) -> bool {
    let mut rest = Cursor(datagram);
    matches!((rest.u32(), rest.u32()), (Some(256..), Some(1..))) && rest.len() >= 24
}

/// One transform: type and identifier of the IANA registries "Internet Key Exchange Version 2" or,
/// for version 1, attribute class and value of RFC 2409 appendix A.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Transform {
    /// v2: 1 encryption, 2 PRF, 3 integrity, 4 key exchange, 6 to 12 additional key exchanges;
    /// v1: 1 encryption, 2 hash, 3 authentication, 4 group.
    pub kind: u8,
    /// Which one.
    pub id: u16,
    /// Key length in bits, where stated.
    pub key_bits: Option<u16>,
}

/// The unencrypted part of an IKE exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ike {
    /// Major version, 1 or 2.
    pub version: u8,
    /// What the initiator proposes.
    pub proposed: Vec<Transform>,
    /// What the responder chose.
    pub chosen: Vec<Transform>,
    /// Group of the initiator's key exchange payload.
    pub initiator_group: Option<u16>,
    /// Group of the responder's key exchange payload.
    pub responder_group: Option<u16>,
    /// The group that an INVALID_KE_PAYLOAD asks for.
    pub wanted_group: Option<u16>,
    /// The cookie that a responder under load asks to see again.
    #[serde(with = "serde_bytes")]
    pub cookie: Vec<u8>,
    /// The error that the responder answered last, where it chose nothing: 14 NO_PROPOSAL_CHOSEN, ….
    pub refusal: Option<u16>,
    /// Notify message types in clear, of both sides.
    pub notifies: Vec<u16>,
    /// Exchange types seen: v2 34 IKE_SA_INIT, 35 IKE_AUTH, 43 IKE_INTERMEDIATE; v1 2 main, 4 aggressive.
    pub exchanges: Vec<u8>,
}

/// The message in a datagram, behind the non-ESP marker of RFC 3948 if there.
fn message(datagram: &[u8]) -> Option<&[u8]> {
    let message = datagram.strip_prefix(&[0; 4]).unwrap_or(datagram);
    let header = message.first_chunk::<28>()?;
    let initiator_is_set = header[..8].iter().any(|&octet| octet != 0);
    let stated = u32::from_be_bytes([header[24], header[25], header[26], header[27]]) as usize;
    let plausible = match header[17] {
        0x20 => matches!(header[18], 34..=44) && header[19] & 0xc7 == 0,
        0x10 => matches!(header[18], 1..=6 | 32..=33) && header[19] & 0xf8 == 0,
        _ => false,
    };
    (initiator_is_set && plausible && stated == message.len()).then_some(message)
}

/// Whether a datagram is an IKE message.
pub(crate) fn starts(datagram: &[u8]) -> bool {
    message(datagram).is_some()
}

/// Who sends an IKE message, as far as it says itself.
pub(crate) fn sender(datagram: &[u8]) -> Option<Side> {
    const INITIATOR_V2: u8 = 0x08;
    let header = message(datagram)?;
    if header[17] == 0x20 {
        return Some(if header[19] & INITIATOR_V2 != 0 { Side::Client } else { Side::Server });
    }
    header[8..16].iter().all(|&octet| octet == 0).then_some(Side::Client)
}

impl Ike {
    pub(crate) fn read(&mut self, from: Side, datagram: &[u8]) {
        let Some(message) = message(datagram) else {
            return;
        };
        self.version = message[17] >> 4;
        let exchange = message[18];
        if !self.exchanges.contains(&exchange) {
            self.exchanges.push(exchange);
        }
        const ENCRYPTED_V1: u8 = 1;
        if self.version == 1 && message[19] & ENCRYPTED_V1 != 0 {
            return;
        }
        let mut next = message[16];
        let mut rest = Cursor(&message[28..]);
        // `None` is a cut or malformed payload: what stood before it counts.
        while next != 0 && self.payload(from, &mut next, &mut rest).is_some() {}
    }

    fn payload(&mut self, from: Side, next: &mut u8, rest: &mut Cursor<'_>) -> Option<()> {
        let kind = *next;
        let [following, _critical] = rest.take()?;
        *next = following;
        let len = usize::from(rest.u16()?).checked_sub(4)?;
        let mut body = Cursor(rest.bytes(len)?);
        match (self.version, kind) {
            (2, 33) => {
                let transforms = v2_transforms(body);
                self.keep(from, transforms);
            }
            (1, 1) => {
                let transforms = v1_transforms(body);
                self.keep(from, transforms);
            }
            (2, 34) => {
                let group = body.u16();
                match from {
                    Side::Client => self.initiator_group = group,
                    Side::Server => self.responder_group = group,
                }
            }
            (2, 41) => {
                let [_protocol, spi] = body.take()?;
                let kind = body.u16()?;
                body.skip(spi.into())?;
                self.notify(from, kind);
                match kind {
                    INVALID_KE_PAYLOAD => self.wanted_group = body.u16(),
                    COOKIE => self.cookie = body.at_most(64).to_vec(),
                    _ => {}
                }
            }
            (1, 11) => {
                body.skip(6)?; // DOI, protocol, SPI size
                self.notify(from, body.u16()?);
            }
            (2, 46 | 53) => *next = 0, // encrypted from here
            _ => {}
        }
        Some(())
    }

    fn notify(&mut self, from: Side, kind: u16) {
        if from == Side::Server && (1..FIRST_STATUS).contains(&kind) && kind != INVALID_KE_PAYLOAD {
            self.refusal = Some(kind);
        }
        if self.notifies.len() < MAX_NOTIFIES && !self.notifies.contains(&kind) {
            self.notifies.push(kind);
        }
    }

    fn keep(&mut self, from: Side, transforms: Vec<Transform>) {
        match from {
            Side::Client => self.proposed = transforms,
            Side::Server => {
                self.chosen = transforms;
                self.refusal = None;
            }
        }
    }
}

/// Security association payload of version 2 (RFC 7296 clause 3.3).
fn v2_transforms(mut proposals: Cursor<'_>) -> Vec<Transform> {
    const KEY_LENGTH: u16 = 0x8000 | 14;
    let mut found = Vec::new();
    let mut proposal = || -> Option<()> {
        proposals.skip(2)?; // last or not, reserved
        let len = usize::from(proposals.u16()?).checked_sub(4)?;
        let mut body = Cursor(proposals.bytes(len)?);
        body.skip(2)?; // number, protocol
        let spi = body.u8()?;
        let count = body.u8()?;
        body.skip(spi.into())?;
        for _ in 0..count {
            body.skip(2)?;
            let len = usize::from(body.u16()?).checked_sub(4)?;
            let mut transform = Cursor(body.bytes(len)?);
            let [kind, _reserved] = transform.take()?;
            let id = transform.u16()?;
            let key_bits = match (transform.u16(), transform.u16()) {
                (Some(KEY_LENGTH), bits) => bits,
                _ => None,
            };
            push(&mut found, Transform { kind, id, key_bits });
        }
        Some(())
    };
    while proposal().is_some() {}
    found
}

/// Security association payload of version 1 (RFC 2408 clause 3.4).
fn v1_transforms(mut association: Cursor<'_>) -> Vec<Transform> {
    const KEY_LENGTH: u16 = 14;
    let mut found = Vec::new();
    if association.skip(8).is_none() {
        return found; // domain of interpretation, situation
    }
    let mut proposal = || -> Option<()> {
        association.skip(2)?; // next payload, reserved
        let len = usize::from(association.u16()?).checked_sub(4)?;
        let mut body = Cursor(association.bytes(len)?);
        body.skip(2)?; // number, protocol
        let spi = body.u8()?;
        let count = body.u8()?;
        body.skip(spi.into())?;
        for _ in 0..count {
            body.skip(2)?;
            let len = usize::from(body.u16()?).checked_sub(4)?;
            let mut transform = Cursor(body.bytes(len)?);
            transform.skip(4)?; // number, identifier, reserved
            let mut own = Vec::new();
            let mut key_bits = None;
            while let (Some(class), Some(value)) = (transform.u16(), transform.u16()) {
                match (class & 0x8000 != 0, class & 0x7fff) {
                    (true, KEY_LENGTH) => key_bits = Some(value),
                    (true, class @ 1..=4) => own.push((class as u8, value)),
                    (true, _) => {}
                    (false, _) => transform.skip(value.into())?,
                }
            }
            for (kind, id) in own {
                push(&mut found, Transform { kind, id, key_bits: key_bits.filter(|_| kind == 1) });
            }
        }
        Some(())
    };
    while proposal().is_some() {}
    found
}

fn push(found: &mut Vec<Transform>, transform: Transform) {
    if found.len() < MAX_TRANSFORMS && !found.contains(&transform) {
        found.push(transform);
    }
}
