//! The other signature: with (r, s) also (r, n − s) holds, so whoever has a certificate under ECDSA can make
//! a second one that says the same and has another hash. Revocation by hash must know both.

use aws_lc_rs::digest::Digest;

use crate::algorithm::Algorithm;
use crate::certificate::Certificate;
use crate::wire::Signature;

/// The hash of the certificate's canonical form with n − s for s; `None` if ECDSA did not sign it.
pub(crate) fn twin_digest(certificate: &Certificate<'_>) -> Option<Digest> {
    let (algorithm, s, after) = match certificate.signature? {
        Signature::Ecdsa { algorithm, s, .. } => (algorithm, s, 0),
        Signature::Dual { s, fn_dsa, .. } => (Algorithm::EcdsaP256, s, fn_dsa.len()),
        _ => return None,
    };
    let mut bytes = certificate.canonical().into_owned();
    let end = bytes.len().checked_sub(after)?;
    let place = bytes.get_mut(end.checked_sub(s.len())?..end)?;
    place.copy_from_slice(&negative(order(algorithm)?, s)?);
    Some(certificate.hash().digest(&bytes))
}

/// n − s; `None` if s is not below n.
fn negative(order: &[u8], s: &[u8]) -> Option<Vec<u8>> {
    let mut borrow = 0;
    let mut difference = vec![0; order.len()];
    for (index, place) in difference.iter_mut().enumerate().rev() {
        let value = i16::from(order[index]) - i16::from(*s.get(index)?) - borrow;
        borrow = i16::from(value < 0);
        *place = value.rem_euclid(256) as u8;
    }
    (borrow == 0).then_some(difference)
}

/// The order n of the curve (SP 800-186 clause 3.2.1; RFC 5639 clause 3).
fn order(algorithm: Algorithm) -> Option<&'static [u8]> {
    const P256: [u8; 32] = *b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\
        \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
    const P384: [u8; 48] = *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
        \xff\xff\xff\xff\xff\xff\xff\xff\xc7\x63\x4d\x81\xf4\x37\x2d\xdf\
        \x58\x1a\x0d\xb2\x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73";
    const BRAINPOOL_P256R1: [u8; 32] = *b"\xa9\xfb\x57\xdb\xa1\xee\xa9\xbc\x3e\x66\x0a\x90\x9d\x83\x8d\x71\
        \x8c\x39\x7a\xa3\xb5\x61\xa6\xf7\x90\x1e\x0e\x82\x97\x48\x56\xa7";
    const BRAINPOOL_P384R1: [u8; 48] = *b"\x8c\xb9\x1e\x82\xa3\x38\x6d\x28\x0f\x5d\x6f\x7e\x50\xe6\x41\xdf\
        \x15\x2f\x71\x09\xed\x54\x56\xb3\x1f\x16\x6e\x6c\xac\x04\x25\xa7\
        \xcf\x3a\xb6\xaf\x6b\x7f\xc3\x10\x3b\x88\x32\x02\xe9\x04\x65\x65";
    match algorithm {
        Algorithm::EcdsaP256 => Some(&P256),
        Algorithm::EcdsaP384 => Some(&P384),
        Algorithm::EcdsaBrainpoolP256r1 => Some(&BRAINPOOL_P256R1),
        Algorithm::EcdsaBrainpoolP384r1 => Some(&BRAINPOOL_P384R1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Hash;
    use crate::signing_key::{SigningKey, signing_digest};
    use crate::verifying_key::{VerifyingKey, digest_value};
    use crate::wire::{CurvePoint, PointForm};

    /// On every curve the twin of a signature verifies, which also proves the orders above.
    #[test]
    fn both_of_a_pair_hold() {
        for algorithm in [
            Algorithm::EcdsaP256,
            Algorithm::EcdsaP384,
            Algorithm::EcdsaBrainpoolP256r1,
            Algorithm::EcdsaBrainpoolP384r1,
        ] {
            let key = SigningKey::generate(algorithm).expect("a key");
            let digest = signing_digest(algorithm.hash(), b"message", None);
            let raw = key.sign(algorithm, &digest).expect("a signature");
            let (r, s) = raw.split_at(raw.len() / 2);
            let twin = negative(order(algorithm).expect("a curve"), s).expect("below the order");
            assert_ne!(twin, s);
            let public = VerifyingKey::from_octets(algorithm, key.public()).expect("a public key");
            let digest = digest_value(algorithm.hash(), &digest).expect("a digest");
            let r = CurvePoint { form: PointForm::XOnly, x: r, y: &[] };
            assert!(public.verify(&digest, &Signature::Ecdsa { algorithm, r, s: &twin }));
        }
    }

    #[test]
    fn nothing_is_below_zero() {
        let n = order(Algorithm::EcdsaP256).expect("a curve");
        assert_eq!(negative(n, n), Some(vec![0; 32]));
        assert_eq!(negative(n, &[0xff; 32]), None);
        assert_eq!(negative(n, &[0; 31]), None);
        assert_eq!(Hash::Sha256, Algorithm::EcdsaP256.hash());
    }
}
