//! What a TLS handshake tells, whatever carries it: records, DTLS, QUIC, OpenVPN.

use serde::Serialize;
use serde_bytes::ByteBuf;

use super::hello::{ClientHello, ServerHello};
use crate::cursor::Cursor;
use crate::side::Side;

/// Certificates kept of one chain; each is at most 16 MiB by the format and 64 KiB here.
const MAX_CHAIN: usize = 12;
const MAX_CERTIFICATE: usize = 64 << 10;

/// Handshake message types (RFC 8446 clause 4, RFC 5246 clause 7.4, RFC 6347 clause 4.2).
pub(crate) mod message {
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 2;
    pub const HELLO_VERIFY_REQUEST: u8 = 3;
    pub const HELLO_RETRY_REQUEST: u8 = 6;
    pub const CERTIFICATE: u8 = 11;
    pub const SERVER_KEY_EXCHANGE: u8 = 12;
    pub const CERTIFICATE_REQUEST: u8 = 13;
    pub const SERVER_HELLO_DONE: u8 = 14;
    pub const CERTIFICATE_VERIFY: u8 = 15;
    pub const CLIENT_KEY_EXCHANGE: u8 = 16;
}

/// A TLS handshake as an observer sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Handshake {
    /// The last ClientHello.
    pub client: Option<ClientHello>,
    /// The group that a HelloRetryRequest asked for.
    pub retry_group: Option<u16>,
    /// The cipher suite that it names.
    pub retry_suite: Option<u16>,
    /// The ServerHello.
    pub server: Option<ServerHello>,
    /// The server's certificates (DER), leaf first; encrypted and so empty since TLS 1.3.
    pub certificates: Vec<ByteBuf>,
    /// The client's certificates.
    pub client_certificates: Vec<ByteBuf>,
    /// Whether the server asked the client for a certificate.
    pub certificate_requested: bool,
    /// Group of the server's ephemeral key before TLS 1.3.
    pub exchange_group: Option<u16>,
    /// Size in bits of the server's ephemeral finite-field modulus.
    pub exchange_dh_bits: Option<u32>,
    /// Signature scheme over the server's ephemeral key (TLS 1.2).
    pub exchange_signature: Option<u16>,
    /// Signature scheme of the client's CertificateVerify (TLS 1.2).
    pub client_signature: Option<u16>,
    /// Version in the records, where no hello was seen.
    pub record_version: Option<u16>,
    /// The server has said everything that it says in clear (before TLS 1.3).
    #[serde(skip)]
    pub hello_done: bool,
    /// The last word of the server was a HelloRetryRequest or a HelloVerifyRequest: it waits for
    /// another hello.
    pub asked_again: bool,
    /// Alerts in clear.
    pub alerts: Vec<Alert>,
}

/// TLS 1.3, DTLS 1.3, the drafts of TLS 1.3, and Facebook's numbers for them.
fn is_1_3(version: u16) -> bool {
    matches!(version, 0x0304 | 0xfefc | 0x7f00..=0x7fff | 0xfb17..=0xfb1e)
}

fn is_1_2(version: u16) -> bool {
    matches!(version, 0x0303 | 0xfefd)
}

/// An alert (RFC 8446 clause 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// `client` or `server`.
    pub from: &'static str,
    /// 1 warning, 2 fatal.
    pub level: u8,
    /// What is wrong.
    pub description: u8,
}

impl Handshake {
    /// Takes one whole message; `false` where it is none that may stand there.
    pub(crate) fn take(&mut self, from: Side, kind: u8, body: &[u8], dtls: bool) -> bool {
        self.read(from, kind, body, dtls).is_some()
    }

    fn read(&mut self, from: Side, kind: u8, body: &[u8], dtls: bool) -> Option<()> {
        match kind {
            message::CLIENT_HELLO => {
                self.client = Some(ClientHello::read(body, dtls)?);
                self.asked_again = false;
            }
            message::SERVER_HELLO => self.hello(ServerHello::read(body)?),
            message::HELLO_RETRY_REQUEST => {
                self.retry_group = self.retry_group.or(Some(0));
                self.asked_again = true;
            }
            message::HELLO_VERIFY_REQUEST => self.asked_again = true,
            message::CERTIFICATE => {
                let chain = self.chain(body);
                match from {
                    Side::Client => self.client_certificates = chain,
                    Side::Server => self.certificates = chain,
                }
            }
            message::SERVER_KEY_EXCHANGE => self.server_key_exchange(Cursor(body))?,
            message::SERVER_HELLO_DONE => self.hello_done = true,
            message::CERTIFICATE_REQUEST => self.certificate_requested = true,
            message::CERTIFICATE_VERIFY if from == Side::Client => {
                self.client_signature = self.scheme(Cursor(body));
            }
            _ => {}
        }
        Some(())
    }

    fn hello(&mut self, mut hello: ServerHello) {
        // A server of TLS 1.3 gives back whatever was sent; before, the same identifier is the same session.
        let asked = self.client.as_ref().map(|client| &client.session[..]).unwrap_or_default();
        hello.resumed = !is_1_3(hello.version) && !asked.is_empty() && hello.session == asked;
        if hello.retry {
            self.retry_group = hello.group;
            self.retry_suite = Some(hello.cipher_suite);
            self.asked_again = true;
        } else {
            self.asked_again = false;
            self.server = Some(hello);
        }
    }

    /// Takes the body of an alert that is not encrypted.
    pub(crate) fn alert(&mut self, from: Side, body: &[u8]) {
        const MAX_ALERTS: usize = 8;
        if let [level, description] = *body
            && self.alerts.len() < MAX_ALERTS
        {
            self.alerts.push(Alert { from: from.name(), level, description });
        }
    }

    /// Whether the server's part is there: its hello, its refusal, or its wish for another hello.
    pub(crate) fn server_seen(&self) -> bool {
        self.server.as_ref().is_some_and(|server| !server.cut)
            || self.asked_again
            || self.alerts.iter().any(|alert| alert.from == Side::Server.name())
    }

    /// Whether what follows the ServerHello is encrypted.
    pub(crate) fn is_tls_1_3(&self) -> bool {
        self.server.as_ref().is_some_and(|server| is_1_3(server.version))
    }

    fn chain(&self, body: &[u8]) -> Vec<ByteBuf> {
        let mut rest = Cursor(body);
        let mut chain = Vec::new();
        let Some(stated) = rest.u24() else {
            return chain;
        };
        let mut list = Cursor(rest.at_most(stated));
        while chain.len() < MAX_CHAIN
            && let Some(len) = list.u24()
        {
            let certificate = list.at_most(len);
            if certificate.len() < len || len == 0 || len > MAX_CERTIFICATE {
                break;
            }
            chain.push(ByteBuf::from(certificate));
        }
        chain
    }

    /// RFC 8422 clause 5.4 for curves, RFC 5246 clause 7.4.3 for finite fields; which of the two it is
    /// stands in the suite, and where that was not captured, in the message's own shape.
    fn server_key_exchange(&mut self, rest: Cursor<'_>) -> Option<()> {
        if self.ephemeral_key(rest).is_some() {
            return Some(());
        }
        // With a pre-shared key a hint stands before the key, or alone (RFC 4279 clauses 2 to 4).
        let mut behind_hint = rest;
        behind_hint.vector_16()?;
        if behind_hint.is_empty() { Some(()) } else { self.ephemeral_key(behind_hint) }
    }

    fn ephemeral_key(&mut self, mut rest: Cursor<'_>) -> Option<()> {
        const NAMED_CURVE: u8 = 3;
        let start = rest;
        if rest.u8()? == NAMED_CURVE {
            let group = rest.u16()?;
            if let Some(point) = rest.vector_8()
                && point.len() >= 32
            {
                self.exchange_group = Some(group);
                return self.signature(rest);
            }
        }
        rest = start;
        let modulus = rest.vector_16()?;
        let leading = modulus.0.iter().take_while(|&&byte| byte == 0).count();
        let significant = modulus.0.get(leading..).filter(|octets| octets.len() >= 32)?;
        let bits = significant.len() as u32 * 8 - significant.first()?.leading_zeros();
        rest.vector_16()?; // generator
        rest.vector_16()?; // public value
        self.exchange_dh_bits = Some(bits);
        self.signature(rest)
    }

    fn signature(&mut self, rest: Cursor<'_>) -> Option<()> {
        self.exchange_signature = self.scheme(rest);
        Some(())
    }

    /// The scheme before a signature. It stands there since TLS 1.2; where no ServerHello says which version this
    /// is, the lengths decide.
    fn scheme(&self, mut signed: Cursor<'_>) -> Option<u16> {
        let scheme = signed.u16()?;
        match &self.server {
            Some(server) => (is_1_2(server.version) && !signed.is_empty()).then_some(scheme),
            None => (!signed.vector_16()?.is_empty() && signed.is_empty()).then_some(scheme),
        }
    }

    /// How much memory it holds, roughly.
    pub(crate) fn held(&self) -> usize {
        self.certificates.iter().chain(&self.client_certificates).map(|certificate| certificate.len()).sum()
    }

    /// Whether anything of a handshake was seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.client.is_none()
            && self.server.is_none()
            && self.retry_group.is_none()
            && self.certificates.is_empty()
            && self.client_certificates.is_empty()
    }
}
