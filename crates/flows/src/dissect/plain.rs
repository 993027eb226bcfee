//! Protocols of text that begin in clear: some stay so, some change to TLS on the same connection.

use crate::cursor::Cursor;
use crate::side::Side;

/// The protocol that the first bytes of one side belong to.
pub(crate) fn recognise(from: Side, bytes: &[u8]) -> Option<&'static str> {
    let line = &bytes[..bytes.len().min(256)];
    let starts = |prefixes: &[&[u8]]| prefixes.iter().any(|prefix| line.starts_with(prefix));
    if starts(&[b"CONNECT "]) && memchr::memmem::find(line, b"HTTP/1").is_some() {
        return Some("http-proxy");
    }
    if starts(&[b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"HTTP/1."]) {
        return Some("http");
    }
    if starts(&[b"PRI * HTTP/2.0\r\n"]) {
        return Some("http");
    }
    if starts(&[b"RTSP/1.0 ", b"DESCRIBE rtsp", b"OPTIONS rtsp"]) {
        return Some("rtsp");
    }
    if starts(&[b"* OK"]) {
        return Some("imap");
    }
    if starts(&[b"+OK"]) {
        return Some("pop3");
    }
    if starts(&[b"EHLO ", b"ehlo ", b"HELO ", b"LHLO "]) {
        return Some("smtp");
    }
    if starts(&[b"220 ", b"220-"]) {
        let upper = line.to_ascii_uppercase();
        let names = |name: &[u8]| memchr::memmem::find(&upper, name).is_some();
        return Some(if names(b"SMTP") || names(b"MAIL") { "smtp" } else { "ftp" });
    }
    if starts(&[b"<stream:stream", b"<?xml version"]) && memchr::memmem::find(line, b"jabber").is_some() {
        return Some("xmpp");
    }
    match line {
        // SSLRequest (PostgreSQL, clause 55.2.11): length 8, code 80877103.
        [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f] => Some("postgresql"),
        // Handshake packet version 10 with a readable server version.
        [_, _, 0, 0, 10, b'3'..=b'9', b'.', ..] if from == Side::Server => Some("mysql"),
        // X.224 connection request or confirm in a TPKT (RDP).
        [3, 0, 0, _, _, 0xe0 | 0xd0, ..] => Some("rdp"),
        // LDAP StartTLS: the OID in an extended request.
        [0x30, ..] if memchr::memmem::find(line, b"1.3.6.1.4.1.1466.20037").is_some() => Some("ldap"),
        [0x30, ..] if is_ldap_bind(line) => Some("ldap"),
        // Telnet negotiation.
        [255, 251..=254, _, 255, ..] => Some("telnet"),
        [5, count @ 1..=9, methods @ ..] if methods.len() == usize::from(*count) => Some("socks"),
        [4, 1, _, _, _, _, _, _, .., 0] => Some("socks"),
        _ => None,
    }
}

/// A bind request of LDAP version 3 (RFC 4511 clauses 4.1.1 and 4.2): sequence, message number, request, version.
fn is_ldap_bind(bytes: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    const BIND_REQUEST: u8 = 0x60;
    let mut rest = Cursor(bytes);
    let mut element = |tag: u8| -> Option<usize> {
        (rest.u8()? == tag).then_some(())?;
        let first = rest.u8()?;
        let len = match first {
            0x00..=0x7f => first.into(),
            0x81..=0x84 => rest
                .bytes(usize::from(first & 0x7f))?
                .iter()
                .fold(0, |len, &octet| len << 8 | usize::from(octet)),
            _ => return None,
        };
        if tag == INTEGER {
            rest.skip(len)?
        }
        Some(len)
    };
    element(SEQUENCE).is_some()
        && element(INTEGER).is_some_and(|len| (1..=4).contains(&len))
        && element(BIND_REQUEST).is_some()
        && rest.0.starts_with(&[INTEGER, 1, 3])
}
