//! SNMP versions 1, 2c (RFC 1157, RFC 1901) and 3 (RFC 3412, RFC 3414). A community is never kept.

use serde::Serialize;

use crate::cursor::Cursor;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// What one message says about its protection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Snmp {
    /// `1`, `2c` or `3`.
    pub version: &'static str,
    /// Whether the community is `public` or `private`, as devices leave the factory (1, 2c).
    pub default_community: bool,
    /// Version 3: a message was authenticated.
    pub authenticated: bool,
    /// Version 3: a message was encrypted.
    pub encrypted: bool,
    /// Security model of version 3: 3 is the user-based one, 4 TLS.
    pub security_model: Option<u32>,
    /// Length of the authentication tag in bytes: 12 MD5 or SHA-1, 16 to 48 the SHA-2 family (RFC 7860).
    pub tag_bytes: Option<usize>,
    /// Kinds of request and answer: tag of the PDU (0xa0 get, 0xa3 set, …), where not encrypted.
    pub pdus: Vec<u8>,
}

/// Reads one message; `None` where the datagram is something else.
pub(crate) fn read(datagram: &[u8]) -> Option<Snmp> {
    let mut rest = Cursor(datagram);
    let mut message = Cursor(value(&mut rest, SEQUENCE)?);
    match integer(&mut message)? {
        0 => community(message, "1"),
        1 => community(message, "2c"),
        3 => version_3(message),
        _ => None,
    }
}

fn community(mut message: Cursor<'_>, version: &'static str) -> Option<Snmp> {
    let community = value(&mut message, OCTET_STRING)?;
    let pdu = *message.0.first()?;
    (0xa0..=0xa8).contains(&pdu).then_some(())?;
    value(&mut message, pdu)?;
    let default_community = matches!(community, b"public" | b"private");
    Some(Snmp { version, default_community, pdus: vec![pdu], ..Snmp::default() })
}

fn version_3(mut message: Cursor<'_>) -> Option<Snmp> {
    const USER_BASED: u32 = 3;
    let mut global = Cursor(value(&mut message, SEQUENCE)?);
    integer(&mut global)?; // identifier
    integer(&mut global)?; // maximum size
    let flags = *value(&mut global, OCTET_STRING)?.first()?;
    let security_model = integer(&mut global)?;
    let parameters = value(&mut message, OCTET_STRING)?;
    let mut found = Snmp {
        version: "3",
        authenticated: flags & 1 != 0,
        encrypted: flags & 2 != 0,
        security_model: Some(security_model),
        ..Snmp::default()
    };
    if security_model == USER_BASED && found.authenticated {
        found.tag_bytes = tag_bytes(parameters);
    }
    if !found.encrypted {
        let mut scoped = Cursor(value(&mut message, SEQUENCE)?);
        value(&mut scoped, OCTET_STRING)?; // context engine
        value(&mut scoped, OCTET_STRING)?; // context name
        found.pdus = vec![*scoped.0.first()?];
    }
    Some(found)
}

/// `msgAuthenticationParameters` of the user-based model (RFC 3414 clause 2.4).
fn tag_bytes(parameters: &[u8]) -> Option<usize> {
    let mut outer = Cursor(parameters);
    let mut rest = Cursor(value(&mut outer, SEQUENCE)?);
    value(&mut rest, OCTET_STRING)?; // engine
    integer(&mut rest)?; // boots
    integer(&mut rest)?; // time
    value(&mut rest, OCTET_STRING)?; // user
    Some(value(&mut rest, OCTET_STRING)?.len())
}

impl Snmp {
    /// Joins what another message of the flow says.
    pub(crate) fn join(&mut self, other: Self) {
        self.default_community |= other.default_community;
        self.authenticated |= other.authenticated;
        self.encrypted |= other.encrypted;
        self.tag_bytes = other.tag_bytes.or(self.tag_bytes);
        for pdu in other.pdus {
            if !self.pdus.contains(&pdu) {
                self.pdus.push(pdu);
            }
        }
    }
}

/// The value of the next element, which must have this tag (BER, definite lengths).
fn value<'a>(rest: &mut Cursor<'a>, tag: u8) -> Option<&'a [u8]> {
    (rest.u8()? == tag).then_some(())?;
    let first = rest.u8()?;
    let len = match first {
        0x00..=0x7f => first.into(),
        0x81..=0x84 => {
            rest.bytes(usize::from(first & 0x7f))?.iter().fold(0, |len, &octet| len << 8 | usize::from(octet))
        }
        _ => return None,
    };
    rest.bytes(len)
}

fn integer(rest: &mut Cursor<'_>) -> Option<u32> {
    let octets = value(rest, INTEGER)?;
    (1..=5).contains(&octets.len()).then_some(())?;
    Some(octets.iter().fold(0, |value: u32, &octet| value << 8 | u32::from(octet)))
}
