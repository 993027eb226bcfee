//! How a secured protocol data unit begins, in COER (IEEE 1609.2-2022 clause 6.3, annex B).

/// `protocolVersion` of every edition of IEEE 1609.2 since 2016.
const PROTOCOL_VERSION: u8 = 3;
/// `protocolVersion` of ETSI TS 103 097 V1.2.1 and IEEE 1609.2-2013.
const LEGACY_VERSION: u8 = 2;
/// `protocolVersion` of ETSI TS 103 097 V1.1.1.
const OLDEST_VERSION: u8 = 1;

/// Tags of the alternatives of `Ieee1609Dot2Content`.
mod content {
    pub const UNSECURED: u8 = 0x80;
    pub const SIGNED: u8 = 0x81;
    pub const ENCRYPTED: u8 = 0x82;
    pub const CERTIFICATE_REQUEST: u8 = 0x83;
    pub const X509_CERTIFICATE_REQUEST: u8 = 0x84;
}

/// Whether `bytes` begin with version 3 and a known content tag.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    matches!(bytes, [PROTOCOL_VERSION, content::UNSECURED..=content::X509_CERTIFICATE_REQUEST, ..])
}

/// Whether `bytes`, announced by nothing but themselves, look like an SPDU.
///
/// Looks a few bytes further than [`begins`]: at what every encoder must write there.
pub(crate) fn plausible(bytes: &[u8]) -> bool {
    let [PROTOCOL_VERSION, tag, rest @ ..] = bytes else {
        return false;
    };
    match *tag {
        content::SIGNED => plausible_signed(rest),
        content::ENCRYPTED => plausible_encrypted(rest),
        content::UNSECURED | content::CERTIFICATE_REQUEST | content::X509_CERTIFICATE_REQUEST => {
            plausible_opaque(rest)
        }
        _ => false,
    }
}

/// The version of an SPDU older than this platform reads, where a carrier announces an SPDU.
pub(crate) fn legacy_version(bytes: &[u8]) -> Option<u8> {
    match bytes.first() {
        Some(&version @ (OLDEST_VERSION | LEGACY_VERSION)) => Some(version),
        _ => None,
    }
}

/// Whether `bytes` look like a TS 103 097 V1.2.1 message that nothing announces.
///
/// Version, length of the header fields (clause 4.1: at most three octets here), and as first
/// header field `signer_info` (128) with a known kind of signer.
pub(crate) fn plausible_legacy(bytes: &[u8]) -> bool {
    const SIGNER_INFO: u8 = 0x80;
    let [LEGACY_VERSION, first, rest @ ..] = bytes else {
        return false;
    };
    let (length, fields) = match (*first, rest) {
        (0x00..=0x7f, fields) => (usize::from(*first), fields),
        (0x80..=0xbf, [low, fields @ ..]) => (usize::from(u16::from_be_bytes([*first & 0x3f, *low])), fields),
        _ => return false,
    };
    // A signed message goes on after its header fields, at least with a payload field.
    fields.len() > length && matches!(fields, [SIGNER_INFO, 1..=4, ..])
}

/// `SignedData`: hash identifier, presence bits of the payload, and the data signed.
fn plausible_signed(rest: &[u8]) -> bool {
    const DATA_PRESENT: u8 = 0x40;
    let [hash_algorithm, presence, data @ ..] = rest else {
        return false;
    };
    let known_hash = *hash_algorithm <= 2; // sha256, sha384, sm3
    let presence_bits_only = *presence != 0 && *presence & 0x1f == 0;
    known_hash && presence_bits_only && (*presence & DATA_PRESENT == 0 || begins(data))
}

/// `EncryptedData`: a count of recipients in one octet, and the tag of the first.
fn plausible_encrypted(rest: &[u8]) -> bool {
    matches!(rest, [1, 1..=0xff, 0x80..=0x84, ..])
}

/// `Opaque`: an octet string that fits in what is left.
fn plausible_opaque(rest: &[u8]) -> bool {
    let (length, content) = match rest {
        [length @ 1..=0x7f, content @ ..] => (usize::from(*length), content),
        [0x81, length @ 0x80..=0xff, content @ ..] => (usize::from(*length), content),
        [0x82, high @ 1..=0xff, low, content @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), content)
        }
        _ => return false,
    };
    length <= content.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_data_is_recognised_by_its_first_octets() {
        assert!(plausible(&[3, 0x81, 0, 0x40, 3, 0x80, 1, 0]));
        assert!(plausible(&[3, 0x81, 1, 0x20, 0x80]));
        assert!(!plausible(&[3, 0x81, 0, 0x40, 4, 0x80, 1, 0]), "inner version");
        assert!(!plausible(&[3, 0x81, 9, 0x40, 3, 0x80, 1, 0]), "hash algorithm");
        assert!(!plausible(&[3, 0x81, 0, 0x41, 3, 0x80, 1, 0]), "padding bits");
        assert!(!plausible(&[3, 0x81, 0]));
    }

    #[test]
    fn opaque_lengths_are_canonical_and_fit() {
        assert!(plausible(&[3, 0x80, 2, 0, 0]));
        assert!(!plausible(&[3, 0x80, 3, 0, 0]));
        assert!(!plausible(&[3, 0x80, 0x81, 2, 0, 0]), "long form of a short length");
        assert!(!plausible(&[3, 0x80, 0]));
    }

    #[test]
    fn legacy_messages_begin_with_the_signer() {
        assert!(plausible_legacy(&[2, 3, 0x80, 1, 0, 0]));
        assert!(!plausible_legacy(&[2, 3, 0x80, 1, 0]), "nothing after the header");
        assert!(!plausible_legacy(&[2, 3, 0x00, 1, 0, 0]));
    }
}
