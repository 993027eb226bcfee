//! OPC UA over TCP (OPC 10000-6 clause 6.7 and 7.1): security policies and certificates of its channels.

use serde::Serialize;
use serde_bytes::ByteBuf;

use crate::cursor::{Cursor, printable};
use crate::side::Side;

const POLICY_PREFIX: &[u8] = b"http://opcfoundation.org/UA/SecurityPolicy#";
const MAX_CHUNK: usize = 64 << 10;
const MAX_POLICIES: usize = 32;
const MAX_CERTIFICATE: u32 = 64 << 10;

/// An OPC UA connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OpcUa {
    /// Policies of the channels that a client asked for, such as `Basic256Sha256` or `None`.
    pub requested_policies: Vec<String>,
    /// Policies of the channels that the server opened.
    pub channel_policies: Vec<String>,
    /// Policies that stand in messages in clear: what endpoints offer.
    pub offered_policies: Vec<String>,
    /// Status codes of Error messages (OPC 10000-4 clause 7.39).
    pub errors: Vec<u32>,
    /// Certificates of those who opened channels (DER).
    pub certificates: Vec<ByteBuf>,
}

/// Who sends a message that only one side may send (OPC 10000-6 clause 7.1.2).
pub(crate) fn speaker(bytes: &[u8]) -> Option<Side> {
    match bytes.first_chunk()? {
        b"HEL" => Some(Side::Client),
        b"ACK" | b"RHE" | b"ERR" => Some(Side::Server),
        _ => None,
    }
}

/// Whether bytes begin with a chunk: type, `F`, `C` or `A`, and a plausible size.
pub(crate) fn starts(bytes: &[u8]) -> bool {
    let Some(&[a, b, c, kind, e, f, g, h]) = bytes.first_chunk() else {
        return false;
    };
    let size = u32::from_le_bytes([e, f, g, h]) as usize;
    matches!(&[a, b, c], b"HEL" | b"ACK" | b"OPN" | b"RHE" | b"ERR")
        && matches!(kind, b'F' | b'C' | b'A')
        && (8..=MAX_CHUNK).contains(&size)
}

impl OpcUa {
    /// Reads chunks off the front of `bytes`; answers how many bytes are done with, or `None` where
    /// they are no chunks.
    pub(crate) fn read(&mut self, from: Side, bytes: &[u8]) -> Option<usize> {
        let mut used = 0;
        loop {
            let mut rest = Cursor(&bytes[used..]);
            let Some(kind) = rest.take::<3>() else {
                return Some(used);
            };
            let (Some(_chunk), Some(size)) = (rest.u8(), rest.u32_le()) else {
                return Some(used);
            };
            let body_len = (size as usize).checked_sub(8).filter(|&len| len <= MAX_CHUNK)?;
            kind.iter().all(u8::is_ascii_uppercase).then_some(())?;
            let Some(body) = rest.bytes(body_len) else {
                return Some(used);
            };
            match &kind {
                b"OPN" => self.open(from, Cursor(body)).unwrap_or(()),
                b"ERR" => self.error(Cursor(body)),
                b"MSG" => self.offers(body),
                _ => {}
            }
            used += size as usize;
        }
    }

    /// Asymmetric security header: channel, policy, sender's certificate, receiver's thumbprint.
    fn open(&mut self, from: Side, mut rest: Cursor<'_>) -> Option<()> {
        rest.skip(4)?;
        let len = rest.u32_le()?;
        let uri = rest.bytes(usize::try_from(len).ok()?)?;
        let policy = uri.strip_prefix(POLICY_PREFIX).unwrap_or(uri);
        match from {
            Side::Client => keep(&mut self.requested_policies, policy),
            Side::Server => keep(&mut self.channel_policies, policy),
        }
        let len = rest.u32_le().filter(|&len| len <= MAX_CERTIFICATE)?; // all ones is null
        let certificate = ByteBuf::from(rest.bytes(len as usize)?);
        if !certificate.is_empty() && self.certificates.len() < 4 && !self.certificates.contains(&certificate)
        {
            self.certificates.push(certificate);
        }
        Some(())
    }

    fn error(&mut self, mut rest: Cursor<'_>) {
        if let Some(status) = rest.u32_le()
            && self.errors.len() < MAX_POLICIES
            && !self.errors.contains(&status)
        {
            self.errors.push(status);
        }
    }

    fn offers(&mut self, body: &[u8]) {
        for at in memchr::memmem::find_iter(body, POLICY_PREFIX) {
            // Every string stands behind its length.
            let stated = at.checked_sub(4).and_then(|before| Cursor(&body[before..]).u32_le());
            let name = stated
                .and_then(|len| body.get(at..at.checked_add(len as usize)?))
                .and_then(|uri| uri.strip_prefix(POLICY_PREFIX));
            if let Some(name) = name {
                keep(&mut self.offered_policies, name);
            }
        }
    }

    pub(crate) fn held(&self) -> usize {
        self.certificates.iter().map(|certificate| certificate.len()).sum()
    }
}

fn keep(policies: &mut Vec<String>, policy: &[u8]) {
    let policy = printable(policy, 80);
    if policies.len() < MAX_POLICIES && !policies.contains(&policy) {
        policies.push(policy);
    }
}
