//! Google's QUIC before it took TLS (versions Q024 to Q050): the crypto handshake of tags and values.

use serde::Serialize;

use crate::cursor::{Cursor, printable};

/// What a client asks for and what a server's configuration offers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GoogleHello {
    /// The host it asks for.
    pub server_name: Option<String>,
    /// Authenticated encryption: `AESG` AES-128-GCM, `CC20` ChaCha20-Poly1305.
    pub aead: Vec<String>,
    /// Key exchange: `C255` Curve25519, `P256`.
    pub key_exchange: Vec<String>,
}

/// Finds a message of this kind (`CHLO`, `REJ\0`, `SHLO`) in unprotected bytes.
pub(super) fn find(bytes: &[u8], kind: &[u8; 4]) -> Option<GoogleHello> {
    const MAX_TAGS: u16 = 128;
    let at = memchr::memmem::find(bytes, kind)?;
    let mut rest = Cursor(bytes.get(at + 4..)?);
    let count = rest.take().map(u16::from_le_bytes).filter(|&count| count > 0 && count <= MAX_TAGS)?;
    rest.skip(2)?;
    let mut entries = Cursor(rest.bytes(usize::from(count) * 8)?);
    let values = rest.0;
    let mut hello = GoogleHello::default();
    let mut begin = 0;
    while let (Some(tag), Some(end)) = (entries.take::<4>(), entries.u32_le()) {
        let end = end as usize;
        let Some(value) = values.get(begin..end) else {
            break;
        };
        match &tag {
            b"SNI\0" => hello.server_name = Some(printable(value, 255)),
            b"AEAD" => hello.aead = tags(value),
            b"KEXS" => hello.key_exchange = tags(value),
            b"SCFG" => {
                if let Some(config) = find(value, b"SCFG") {
                    hello.aead = config.aead;
                    hello.key_exchange = config.key_exchange;
                }
            }
            _ => {}
        }
        begin = end;
    }
    Some(hello)
}

/// Steps over an ACK frame of Google's (type `01ntllmm`), as T050 still has them beside CRYPTO frames:
/// n says whether there are more blocks, l and m how long the largest packet number and a block are.
pub(super) fn skip_ack(kind: u8, rest: &mut Cursor<'_>) -> Option<()> {
    const MORE_BLOCKS: u8 = 0x20;
    const LENGTHS: [usize; 4] = [1, 2, 4, 6];
    let [largest, block] = [kind >> 2 & 3, kind & 3].map(|bits| LENGTHS[usize::from(bits)]);
    rest.skip(largest + 2)?; // and the delay
    let more = if kind & MORE_BLOCKS != 0 { usize::from(rest.u8()?) } else { 0 };
    rest.skip(block + more * (1 + block))?;
    match usize::from(rest.u8()?) {
        0 => Some(()),
        timestamps => rest.skip(5 + (timestamps - 1) * 3),
    }
}

fn tags(value: &[u8]) -> Vec<String> {
    value
        .chunks_exact(4)
        .take(16)
        .map(|tag| printable(tag, 4).trim_end_matches('\u{fffd}').to_owned())
        .collect()
}
