//! What a server answers to one question, and what a recorded connection says, outside any capture.

use serde::Serialize;

use crate::dissect::{ike, snmp, ssh, tls};
use crate::session::{Handshake, Ike, Snmp, Ssh};
use crate::side::Side;

/// The bytes that came from a server so far, read as far as they go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer<T> {
    /// What they say.
    pub said: T,
    /// Nothing more of interest can follow.
    pub complete: bool,
    /// They break the protocol.
    pub malformed: bool,
}

/// A TLS server's first flight: complete with its ServerHello in TLS 1.3, a HelloRetryRequest or an
/// alert, and with ServerHelloDone before.
#[must_use]
pub fn tls(bytes: &[u8]) -> Answer<Handshake> {
    let mut records = tls::Records::default();
    records.read(Side::Server, bytes);
    let handshake = std::mem::take(&mut records.handshake);
    let complete = handshake.retry_group.is_some()
        || handshake.hello_done
        || !handshake.alerts.is_empty()
        || handshake.is_tls_1_3()
        || records.side_is_done(Side::Server);
    Answer { said: handshake, complete, malformed: records.malformed }
}

/// Both directions of a TLS connection that was recorded from its beginning.
#[must_use]
pub fn tls_recording(up: &[u8], down: &[u8]) -> Answer<Handshake> {
    let mut records = tls::Records::default();
    for (side, bytes) in [(Side::Client, up), (Side::Server, down)] {
        let used = records.read(side, bytes);
        records.cut(side, bytes.get(used..).unwrap_or_default());
    }
    let (complete, malformed) = (records.is_done(), records.malformed);
    Answer { said: records.handshake, complete, malformed }
}

/// An SSH server's identification and KEXINIT.
#[must_use]
pub fn ssh(bytes: &[u8]) -> Answer<Ssh> {
    let mut reader = ssh::Reader::default();
    reader.read(Side::Server, bytes);
    let complete = reader.ssh.server.is_some() || reader.side_is_done(Side::Server);
    Answer { malformed: reader.malformed, said: reader.ssh, complete }
}

/// An IKE responder's message; `None` where the datagram is something else.
#[must_use]
pub fn ike(datagram: &[u8]) -> Option<Answer<Ike>> {
    ike::starts(datagram).then(|| {
        let mut said = Ike::default();
        said.read(Side::Server, datagram);
        Answer { said, complete: true, malformed: false }
    })
}

/// An SNMP agent's message; `None` where the datagram is something else.
#[must_use]
pub fn snmp(datagram: &[u8]) -> Option<Answer<Snmp>> {
    snmp::read(datagram).map(|message| {
        let mut said = Snmp::default();
        said.join(Side::Server, message);
        Answer { said, complete: true, malformed: false }
    })
}
