//! Keys and protection of Initial packets (RFC 9001 clause 5, RFC 9369 clause 3): they hide nothing,
//! for they derive from a connection identifier that stands in clear.

use aws_lc_rs::aead::quic::{AES_128, HeaderProtectionKey};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use crate::side::Side;

/// How a version protects and numbers its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheme {
    salt: &'static [u8; 20],
    /// What stands before `key`, `iv` and `hp` in the labels.
    prefix: &'static str,
    /// Type bits of an Initial packet.
    pub(super) initial_type: u8,
    /// Google's handshake in place of TLS.
    pub(super) google: bool,
}

const V1: [u8; 20] = hex(b"38762cf7f55934b34d179ae6a4c80cadccbb7f0a");
const V2: [u8; 20] = hex(b"0dede3def700a6db819381be6e269dcbf9bd2ed9");
const V2_DRAFT: [u8; 20] = hex(b"a707c203a59b47184a1d62ca570406ea7ae3e5d3");
const DRAFT_29: [u8; 20] = hex(b"afbfec289993d24c9e9786f19c6111e04390a899");
const DRAFT_23: [u8; 20] = hex(b"c3eef712c72ebb5a11a7d2432bb46365bef9f502");
const DRAFT_21: [u8; 20] = hex(b"7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a");
const Q050: [u8; 20] = hex(b"504574efd066fe2f9d945cfcdbd3a7f0d3b56b45");
const T050: [u8; 20] = hex(b"7ff579e5acd072915580304c43a2367c60488310");
const T051: [u8; 20] = hex(b"7a4edef4e7ccee5fa4506c19124fc8ccda6e033d");

/// The scheme of a version; `None` where it is not known.
///
/// Sources: RFC 9001 clause 5.2, RFC 9369 clause 3.3.1, the drafts of both, and for Google's and
/// Facebook's versions the tables of their published implementations.
pub(super) fn scheme(version: u32) -> Option<Scheme> {
    let (salt, google) = match version {
        1 => (&V1, false),
        0x6b33_43cf => return Some(Scheme { salt: &V2, prefix: "quicv2 ", initial_type: 1, google: false }),
        0x709a_50c4 => {
            return Some(Scheme { salt: &V2_DRAFT, prefix: "quicv2 ", initial_type: 1, google: false });
        }
        0xff00_0015..=0xff00_0016 | 0xface_b001 => (&DRAFT_21, false),
        0xff00_0017..=0xff00_001c | 0xface_b002..=0xface_b00f => (&DRAFT_23, false),
        0xff00_001d..=0xff00_0020 => (&DRAFT_29, false),
        0xff00_0021..=0xff00_0022 => (&V1, false),
        0x5130_3530 => (&Q050, true),
        0x5430_3530 => (&T050, false),
        0x5430_3531 => (&T051, false),
        reserved if reserved & 0x0f0f_0f0f == 0x0a0a_0a0a => (&DRAFT_29, false),
        _ => return None,
    };
    Some(Scheme { salt, prefix: "quic ", initial_type: 0, google })
}

/// Both sides' keys for one connection.
#[derive(Debug)]
pub(super) struct InitialKeys {
    pub(super) connection: Vec<u8>,
    client: Keys,
    server: Keys,
}

struct Keys {
    packet: LessSafeKey,
    iv: [u8; 12],
    header: HeaderProtectionKey,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl InitialKeys {
    pub(super) fn derive(scheme: &Scheme, connection: &[u8]) -> Option<Self> {
        let secret = Salt::new(HKDF_SHA256, scheme.salt).extract(connection);
        let keys = |label| {
            let secret = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(&secret, "", label)?);
            let key = expand::<16>(&secret, scheme.prefix, "key")?;
            let header = expand::<16>(&secret, scheme.prefix, "hp")?;
            Some(Keys {
                packet: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?),
                iv: expand(&secret, scheme.prefix, "iv")?,
                header: HeaderProtectionKey::new(&AES_128, &header).ok()?,
            })
        };
        Some(Self { connection: connection.to_vec(), client: keys("client in")?, server: keys("server in")? })
    }

    /// Opens the packet whose packet number stands at `number_at`; its frames.
    pub(super) fn open(&self, from: Side, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let keys = match from {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        let sample = packet.get(number_at + 4..number_at + 20)?;
        let mask = keys.header.new_mask(sample).ok()?;
        let mut header = packet.get(..number_at + 4)?.to_vec();
        header[0] ^= mask[0] & 0x0f;
        let number_len = usize::from(header[0] & 3) + 1;
        header.truncate(number_at + number_len);
        let mut nonce = keys.iv;
        for at in 0..number_len {
            let octet = header[number_at + at] ^ mask[1 + at];
            header[number_at + at] = octet;
            nonce[12 - number_len + at] ^= octet;
        }
        let mut body = packet.get(number_at + number_len..)?.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let len = keys.packet.open_in_place(nonce, Aad::from(&header), &mut body).ok()?.len();
        body.truncate(len);
        Some(body)
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label without context (RFC 8446 clause 7.1).
fn expand<const N: usize>(secret: &Prk, prefix: &str, label: &str) -> Option<[u8; N]> {
    let full = format!("tls13 {prefix}{label}");
    let mut info = vec![0, N as u8, full.len() as u8];
    info.extend(full.as_bytes());
    info.push(0);
    let mut out = [0; N];
    secret.expand(&[&info], Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

const fn hex(text: &[u8; 40]) -> [u8; 20] {
    const fn digit(character: u8) -> u8 {
        if character <= b'9' { character - b'0' } else { character - b'a' + 10 }
    }
    let mut out = [0; 20];
    let mut at = 0;
    while at < 20 {
        out[at] = digit(text[2 * at]) << 4 | digit(text[2 * at + 1]);
        at += 1;
    }
    out
}
