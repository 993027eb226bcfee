//! Hellos of SSL 2 (draft-hickman-netscape-ssl-00; RFC 5246 appendix E.2 for those that ask for newer versions).

use serde_bytes::ByteBuf;

use super::handshake::{Handshake, message};
use super::hello::{ClientHello, ServerHello};
use crate::cursor::Cursor;

const SERVER_HELLO: u8 = 4;
const X509: u8 = 1;
const MAX_CIPHERS: usize = 64;

/// Whether bytes begin with a ClientHello whose lengths fit each other.
pub(super) fn starts(bytes: &[u8]) -> bool {
    let Some(&[high, low, message::CLIENT_HELLO, major, minor, a, b, c, d, e, f]) = bytes.first_chunk()
    else {
        return false;
    };
    let len = usize::from(u16::from_be_bytes([high & 0x7f, low]));
    let fields = [[a, b], [c, d], [e, f]].map(|field| usize::from(u16::from_be_bytes(field)));
    let [suites, session, challenge] = fields;
    high & 0x80 != 0
        && matches!((major, minor), (0, 2) | (3, 0..=3))
        && suites.is_multiple_of(3)
        && suites > 0
        && matches!(session, 0 | 16)
        && (16..=32).contains(&challenge)
        && len == 9 + suites + session + challenge
}

/// Whether a server answers in SSL 2: record, kind, session found or not, certificate of X.509 or none, version.
pub(super) fn starts_server(bytes: &[u8]) -> bool {
    matches!(bytes, [first, _, SERVER_HELLO, 0 | 1, 0 | X509, 0, 2, ..] if first & 0x80 != 0)
}

/// A whole record with a header of two octets.
pub(super) fn record(bytes: &[u8]) -> Option<&[u8]> {
    let &[high, low] = bytes.first_chunk()?;
    bytes.get(..2 + usize::from(u16::from_be_bytes([high & 0x7f, low])))
}

pub(super) fn client_hello(record: &[u8]) -> Option<ClientHello> {
    let mut rest = Cursor(record);
    rest.skip(3)?;
    let version = rest.u16()?;
    let len = rest.u16()?;
    rest.skip(4)?;
    let (ssl2_ciphers, cipher_suites) = ciphers(Cursor(rest.bytes(len.into())?));
    Some(ClientHello { version, cipher_suites, ssl2_ciphers, ..ClientHello::default() })
}

/// The server's certificate, and the ciphers that both sides have: the client will choose.
pub(super) fn server_hello(record: &[u8], handshake: &mut Handshake) {
    let mut rest = Cursor(record);
    let mut hello = ServerHello { version: 2, ..ServerHello::default() };
    let read = (|| {
        rest.skip(5)?;
        rest.skip(2)?; // version
        let certificate = usize::from(rest.u16()?);
        let specifications = usize::from(rest.u16()?);
        rest.skip(2)?; // connection identifier's length
        let certificate = rest.bytes(certificate)?;
        if !certificate.is_empty() {
            handshake.certificates = vec![ByteBuf::from(certificate)];
        }
        hello.ssl2_ciphers = ciphers(Cursor(rest.bytes(specifications)?)).0;
        Some(())
    })();
    hello.cut = read.is_none();
    handshake.server = Some(hello);
}

/// Ciphers of SSL 2, three octets each, and among them suites of newer versions, whose first octet is zero.
fn ciphers(mut list: Cursor<'_>) -> (Vec<u32>, Vec<u16>) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    while let Some([kind, high, low]) = list.take() {
        match kind {
            0 => new.push(u16::from_be_bytes([high, low])),
            _ if old.len() < MAX_CIPHERS => old.push(u32::from_be_bytes([0, kind, high, low])),
            _ => {}
        }
    }
    (old, new)
}
