//! ClientHello and ServerHello (RFC 8446 clause 4.1, RFC 5246 clause 7.4.1), as far as they go.

use serde::Serialize;

use crate::cursor::{Cursor, printable};

/// Extension types (IANA registry "TLS ExtensionType Values").
mod extension {
    pub const SERVER_NAME: u16 = 0;
    pub const SUPPORTED_GROUPS: u16 = 10;
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    pub const ALPN: u16 = 16;
    pub const PRE_SHARED_KEY: u16 = 41;
    pub const EARLY_DATA: u16 = 42;
    pub const SUPPORTED_VERSIONS: u16 = 43;
    pub const SIGNATURE_ALGORITHMS_CERT: u16 = 50;
    pub const KEY_SHARE: u16 = 51;
    /// Where `key_share` stood in the drafts of TLS 1.3 before 23.
    pub const KEY_SHARE_OF_DRAFTS: u16 = 40;
    pub const ENCRYPTED_SERVER_NAME: u16 = 0xffce;
    pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

/// What a client asks for. Code points are those of the IANA registries, GREASE left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClientHello {
    /// `legacy_version`.
    pub version: u16,
    /// `supported_versions`, or empty.
    pub versions: Vec<u16>,
    /// Cipher suites in the client's order.
    pub cipher_suites: Vec<u16>,
    /// Ciphers of SSL 2, where it asks for that.
    pub ssl2_ciphers: Vec<u32>,
    /// `supported_groups` in the client's order.
    pub groups: Vec<u16>,
    /// The groups that it sent a key share for.
    pub key_shares: Vec<u16>,
    /// `signature_algorithms`.
    pub signature_schemes: Vec<u16>,
    /// `signature_algorithms_cert`.
    pub certificate_signature_schemes: Vec<u16>,
    /// The host it asks for.
    pub server_name: Option<String>,
    /// Application protocols.
    pub alpn: Vec<String>,
    /// Whether its real hello, or its host name, is encrypted (ECH, ESNI).
    pub encrypted_hello: bool,
    /// Whether it offers a pre-shared key: a resumption.
    pub psk: bool,
    /// Whether it sends early data.
    pub early_data: bool,
    /// Session identifier.
    #[serde(skip)]
    pub session: Vec<u8>,
    /// Whether the message ends before it should, or contradicts itself.
    pub cut: bool,
}

/// What a server chose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ServerHello {
    /// The version in force: `supported_versions` where present, else `legacy_version`.
    pub version: u16,
    /// The cipher suite.
    pub cipher_suite: u16,
    /// Ciphers that a server of SSL 2 has in common with the client, which chooses.
    pub ssl2_ciphers: Vec<u32>,
    /// The session of an earlier handshake is taken up again (before TLS 1.3).
    pub resumed: bool,
    /// Group of `key_share`.
    pub group: Option<u16>,
    /// Application protocol (before TLS 1.3; encrypted since).
    pub alpn: Option<String>,
    /// Whether it accepted a pre-shared key.
    pub psk: bool,
    /// Session identifier.
    #[serde(skip)]
    pub session: Vec<u8>,
    /// Whether it is a HelloRetryRequest.
    #[serde(skip)]
    pub retry: bool,
    /// Whether the message ends before it should.
    pub cut: bool,
}

/// `random` of a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446 clause 4.1.3).
pub const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

impl ClientHello {
    /// Reads a message body; `dtls` where a cookie stands in it.
    #[must_use]
    pub fn read(body: &[u8], dtls: bool) -> Option<Self> {
        let mut rest = Cursor(body);
        let mut hello = Self { version: rest.u16()?, ..Self::default() };
        rest.skip(32)?; // random
        hello.cut = hello.fields(&mut rest, dtls).is_none();
        Some(hello)
    }

    fn fields(&mut self, rest: &mut Cursor<'_>, dtls: bool) -> Option<()> {
        self.session = rest.vector_8()?.0.to_vec();
        if dtls {
            rest.vector_8()?; // cookie
        }
        let suites = usize::from(rest.u16()?);
        let suites_at_hand = rest.at_most(suites);
        self.cipher_suites = Cursor(suites_at_hand).u16_list();
        self.cipher_suites.retain(|&suite| !is_grease(suite));
        if suites_at_hand.len() < suites {
            return None;
        }
        rest.vector_8()?; // compression
        if rest.is_empty() {
            return Some(());
        }
        extensions(rest, &mut |kind, value| self.extension(kind, value))
    }

    fn extension(&mut self, kind: u16, mut value: Cursor<'_>) -> Option<()> {
        let listed = |value: &mut Cursor<'_>| Some(without_grease(value.lax_vector_16()?.u16_list()));
        match kind {
            extension::SERVER_NAME => {
                let mut names = value.lax_vector_16()?;
                names.skip(1)?; // host_name
                let name = names.lax_vector_16()?;
                self.server_name = Some(printable(name.0, 255));
            }
            extension::SUPPORTED_GROUPS => self.groups = listed(&mut value)?,
            extension::SIGNATURE_ALGORITHMS => self.signature_schemes = listed(&mut value)?,
            extension::SIGNATURE_ALGORITHMS_CERT => self.certificate_signature_schemes = listed(&mut value)?,
            extension::SUPPORTED_VERSIONS => self.versions = without_grease(value.vector_8()?.u16_list()),
            extension::ALPN => {
                let mut protocols = value.lax_vector_16()?;
                while let Some(protocol) = protocols.vector_8() {
                    self.alpn.push(printable(protocol.0, 64));
                }
            }
            extension::KEY_SHARE | extension::KEY_SHARE_OF_DRAFTS => {
                let mut shares = value.lax_vector_16()?;
                while let Some(group) = shares.u16() {
                    self.key_shares.push(group);
                    shares.lax_vector_16()?;
                }
                self.key_shares.retain(|&group| !is_grease(group));
            }
            extension::PRE_SHARED_KEY => self.psk = true,
            extension::EARLY_DATA => self.early_data = true,
            extension::ENCRYPTED_SERVER_NAME | extension::ENCRYPTED_CLIENT_HELLO => {
                self.encrypted_hello = true
            }
            _ => {}
        }
        Some(())
    }
}

impl ServerHello {
    /// Reads a message body.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut rest = Cursor(body);
        let version = rest.u16()?;
        let random = rest.take::<32>()?;
        // The drafts of TLS 1.3 before 22 have no session identifier.
        let mut session = Cursor(&[]);
        if !(0x7f00..=0x7f15).contains(&version) {
            session = rest.vector_8()?;
        }
        let mut hello = Self { version, cipher_suite: rest.u16()?, ..Self::default() };
        hello.session = session.0.to_vec();
        hello.retry = random == RETRY_RANDOM;
        if !(0x7f00..=0x7f15).contains(&version) {
            rest.u8()?; // compression
        }
        if !rest.is_empty() {
            hello.cut = extensions(&mut rest, &mut |kind, value| hello.extension(kind, value)).is_none();
        }
        Some(hello)
    }

    fn extension(&mut self, kind: u16, mut value: Cursor<'_>) -> Option<()> {
        match kind {
            extension::SUPPORTED_VERSIONS => self.version = value.u16()?,
            extension::KEY_SHARE | extension::KEY_SHARE_OF_DRAFTS => self.group = Some(value.u16()?),
            extension::PRE_SHARED_KEY => self.psk = true,
            extension::ALPN => self.alpn = Some(printable(value.vector_16()?.vector_8()?.0, 64)),
            _ => {}
        }
        Some(())
    }
}

/// Calls `each` for every extension; `None` where the list or one in it is cut.
fn extensions(rest: &mut Cursor<'_>, each: &mut dyn FnMut(u16, Cursor<'_>) -> Option<()>) -> Option<()> {
    let stated = usize::from(rest.u16()?);
    let mut list = Cursor(rest.at_most(stated));
    let mut whole = list.len() == stated;
    while !list.is_empty() {
        let (kind, len) = (list.u16()?, usize::from(list.u16()?));
        let value = list.at_most(len);
        whole &= value.len() == len && each(kind, Cursor(value)).is_some();
    }
    whole.then_some(())
}

fn without_grease(mut values: Vec<u16>) -> Vec<u16> {
    values.retain(|&value| !is_grease(value));
    values
}

/// Values that clients send to keep servers tolerant (RFC 8701).
fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}
