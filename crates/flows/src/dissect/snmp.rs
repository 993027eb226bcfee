//! SNMP versions 1, 2c (RFC 1157, RFC 1901) and 3 (RFC 3412, RFC 3414). A community is never kept.

use serde::Serialize;

use crate::cursor::Cursor;
use crate::side::Side;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// What the messages of a flow say about their protection.
///
/// What is demanded is not yet granted: an agent that does not know the user, or not the level, answers with a
/// Report (RFC 3414 clause 3.2).
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
    /// Version 3: a message of a user, no Report and no discovery, went without encryption.
    pub in_clear: bool,
    /// Version 3: an answer that is no Report came, as far as that is visible.
    pub answered: bool,
    /// Security model of version 3: 3 is the user-based one, 4 TLS.
    pub security_model: Option<u32>,
    /// Length of the authentication tag in bytes: 12 MD5 or SHA-1, 16 to 48 the SHA-2 family (RFC 7860).
    pub tag_bytes: Option<usize>,
    /// Kinds of request and answer: tag of the PDU (0xa0 get, 0xa3 set, …), where not encrypted.
    pub pdus: Vec<u8>,
    /// What Reports count, by the number of its object in `usmStats` (RFC 3414 clause 5): 1 unsupported level, 2 not
    /// in time window, 3 unknown user, 4 unknown engine, 5 wrong digest, 6 decryption error.
    pub reports: Vec<u8>,
}

/// One message.
#[derive(Debug, Default)]
pub(crate) struct Message {
    version: &'static str,
    default_community: bool,
    authenticated: bool,
    encrypted: bool,
    security_model: Option<u32>,
    user: bool,
    tag_bytes: Option<usize>,
    pdu: Option<u8>,
    report: Option<u8>,
}

const RESPONSE: u8 = 0xa2;
const REPORT: u8 = 0xa8;

/// Reads one message; `None` where the datagram is something else.
pub(crate) fn read(datagram: &[u8]) -> Option<Message> {
    let mut rest = Cursor(datagram);
    let mut message = Cursor(value(&mut rest, SEQUENCE)?);
    match integer(&mut message)? {
        0 => community(message, "1"),
        1 => community(message, "2c"),
        3 => version_3(message),
        _ => None,
    }
}

fn community(mut message: Cursor<'_>, version: &'static str) -> Option<Message> {
    let community = value(&mut message, OCTET_STRING)?;
    let pdu = *message.0.first()?;
    (0xa0..=0xa8).contains(&pdu).then_some(())?;
    value(&mut message, pdu)?;
    let default_community = matches!(community, b"public" | b"private");
    Some(Message { version, default_community, pdu: Some(pdu), ..Message::default() })
}

fn version_3(mut message: Cursor<'_>) -> Option<Message> {
    const USER_BASED: u32 = 3;
    let mut global = Cursor(value(&mut message, SEQUENCE)?);
    integer(&mut global)?; // identifier
    integer(&mut global)?; // maximum size
    let flags = *value(&mut global, OCTET_STRING)?.first()?;
    let security_model = integer(&mut global)?;
    let parameters = value(&mut message, OCTET_STRING)?;
    let mut found = Message {
        version: "3",
        authenticated: flags & 1 != 0,
        encrypted: flags & 2 != 0,
        security_model: Some(security_model),
        user: true,
        ..Message::default()
    };
    if security_model == USER_BASED
        && let Some((user, tag_bytes)) = user_based(parameters)
    {
        found.user = user;
        found.tag_bytes = found.authenticated.then_some(tag_bytes);
    }
    if !found.encrypted {
        let mut scoped = Cursor(value(&mut message, SEQUENCE)?);
        value(&mut scoped, OCTET_STRING)?; // context engine
        value(&mut scoped, OCTET_STRING)?; // context name
        let pdu = *scoped.0.first()?;
        found.pdu = Some(pdu);
        if pdu == REPORT {
            found.report = value(&mut scoped, REPORT).and_then(reported);
        }
    }
    Some(found)
}

/// The object that a Report counts, where it stands in `usmStats` (1.3.6.1.6.3.15.1.1).
fn reported(pdu: &[u8]) -> Option<u8> {
    const OBJECT_IDENTIFIER: u8 = 0x06;
    const USM_STATS: &[u8] = &[0x2b, 6, 1, 6, 3, 15, 1, 1];
    let mut rest = Cursor(pdu);
    for _ in 0..3 {
        integer(&mut rest)?; // request, error status, error index
    }
    let mut bindings = Cursor(value(&mut rest, SEQUENCE)?);
    let mut binding = Cursor(value(&mut bindings, SEQUENCE)?);
    value(&mut binding, OBJECT_IDENTIFIER)?.strip_prefix(USM_STATS)?.first().copied()
}

/// Parameters of the user-based model (RFC 3414 clause 2.4): whether a user is named, length of the tag.
fn user_based(parameters: &[u8]) -> Option<(bool, usize)> {
    let mut outer = Cursor(parameters);
    let mut rest = Cursor(value(&mut outer, SEQUENCE)?);
    value(&mut rest, OCTET_STRING)?; // engine
    integer(&mut rest)?; // boots
    integer(&mut rest)?; // time
    let user = value(&mut rest, OCTET_STRING)?;
    Some((!user.is_empty(), value(&mut rest, OCTET_STRING)?.len()))
}

impl Snmp {
    /// Joins what another message of the flow says.
    pub(crate) fn join(&mut self, from: Side, message: Message) {
        self.version = message.version;
        self.default_community |= message.default_community;
        self.authenticated |= message.authenticated;
        self.encrypted |= message.encrypted;
        self.security_model = message.security_model.or(self.security_model);
        self.tag_bytes = message.tag_bytes.or(self.tag_bytes);
        let is_report = message.pdu == Some(REPORT);
        self.in_clear |= message.version == "3" && !message.encrypted && message.user && !is_report;
        // What an encrypted answer holds is not visible: it shows that the keys fit all the same.
        self.answered |=
            message.pdu == Some(RESPONSE) || from == Side::Server && message.encrypted && !is_report;
        insert(&mut self.pdus, message.pdu);
        insert(&mut self.reports, message.report);
    }
}

fn insert(known: &mut Vec<u8>, new: Option<u8>) {
    known.extend(new.filter(|new| !known.contains(new)));
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
