//! Public keys, decoded once and ready to verify.

use std::sync::OnceLock;

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ML_DSA_44, ML_DSA_65, ParsedPublicKey,
};

use crate::algorithm::{Algorithm, Hash};
use crate::brainpool;
use crate::fn_dsa_512;
use crate::nist::{Curve, Point};
use crate::wire::{CurvePoint, PublicKey, Signature};

/// A public key that verifies.
pub struct VerifyingKey(Inner);

enum Inner {
    P256(Nist),
    P384(Nist),
    BrainpoolP256(brainpool::Key256),
    BrainpoolP384(brainpool::Key384),
    FnDsa512(Box<fn_dsa_512::Key>),
    MlDsa44(ParsedPublicKey),
    MlDsa65(ParsedPublicKey),
    Dual { ecdsa: Nist, fn_dsa: Box<fn_dsa_512::Key> },
}

/// A key on a NIST curve: parsed for verification and, once a signature carries R in full, as a point.
struct Nist {
    curve: Curve,
    parsed: ParsedPublicKey,
    point: OnceLock<Option<Point>>,
    /// The same holder's key by the other rule of ECQV.
    alternative: Option<Box<Nist>>,
}

impl VerifyingKey {
    /// Decode a key; `None` if it is not a valid key of its algorithm.
    pub fn decode(key: &PublicKey<'_>) -> Option<Self> {
        match key {
            PublicKey::Point(algorithm, point) => Self::from_sec1(*algorithm, &point.sec1()?),
            PublicKey::Octets(algorithm, octets) => Self::from_octets(*algorithm, octets),
            PublicKey::Unknown(_) => None,
        }
    }

    /// Decode a point in SEC 1 form, compressed or not.
    pub fn from_sec1(algorithm: Algorithm, octets: &[u8]) -> Option<Self> {
        Some(Self(match algorithm {
            Algorithm::EcdsaP256 => Inner::P256(Nist::new(Curve::P256, octets)?),
            Algorithm::EcdsaP384 => Inner::P384(Nist::new(Curve::P384, octets)?),
            Algorithm::EcdsaBrainpoolP256r1 => Inner::BrainpoolP256(brainpool::Key256::from_sec1(octets)?),
            Algorithm::EcdsaBrainpoolP384r1 => Inner::BrainpoolP384(brainpool::Key384::from_sec1(octets)?),
            _ => return None,
        }))
    }

    /// Decode a key in its wire octets: SEC 1 for curves, FIPS 204 or FIPS 206 encoding otherwise, and the
    /// compressed point followed by the FN-DSA-512 key for the dual algorithm.
    pub fn from_octets(algorithm: Algorithm, octets: &[u8]) -> Option<Self> {
        Some(Self(match algorithm {
            Algorithm::FnDsa512 => Inner::FnDsa512(Box::new(fn_dsa_512::Key::decode(octets)?)),
            Algorithm::MlDsa44 => Inner::MlDsa44(ParsedPublicKey::new(&ML_DSA_44, octets).ok()?),
            Algorithm::MlDsa65 => Inner::MlDsa65(ParsedPublicKey::new(&ML_DSA_65, octets).ok()?),
            Algorithm::EcdsaP256FnDsa512 => {
                let (point, key) = octets.split_at_checked(33)?;
                let fn_dsa = Box::new(fn_dsa_512::Key::decode(key)?);
                Inner::Dual { ecdsa: Nist::new(Curve::P256, point)?, fn_dsa }
            }
            _ => return Self::from_sec1(algorithm, octets),
        }))
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Inner::P256(_) => Algorithm::EcdsaP256,
            Inner::P384(_) => Algorithm::EcdsaP384,
            Inner::BrainpoolP256(_) => Algorithm::EcdsaBrainpoolP256r1,
            Inner::BrainpoolP384(_) => Algorithm::EcdsaBrainpoolP384r1,
            Inner::FnDsa512(_) => Algorithm::FnDsa512,
            Inner::MlDsa44(_) => Algorithm::MlDsa44,
            Inner::MlDsa65(_) => Algorithm::MlDsa65,
            Inner::Dual { .. } => Algorithm::EcdsaP256FnDsa512,
        }
    }

    /// Whether `signature` is this key's over `digest`. A dual key also verifies each half alone: whether
    /// half is enough is for the policy to say.
    pub fn verify(&self, digest: &Digest, signature: &Signature<'_>) -> bool {
        use Algorithm::{
            EcdsaBrainpoolP256r1, EcdsaBrainpoolP384r1, EcdsaP256, EcdsaP384, FnDsa512, MlDsa44, MlDsa65,
        };
        match (&self.0, signature) {
            (
                Inner::P256(key) | Inner::Dual { ecdsa: key, .. },
                Signature::Ecdsa { algorithm: EcdsaP256, r, s },
            )
            | (Inner::P384(key), Signature::Ecdsa { algorithm: EcdsaP384, r, s }) => key.verify(digest, r, s),
            (Inner::BrainpoolP256(key), Signature::Ecdsa { algorithm: EcdsaBrainpoolP256r1, r, s }) => {
                key.verify(digest.as_ref(), r, s)
            }
            (Inner::BrainpoolP384(key), Signature::Ecdsa { algorithm: EcdsaBrainpoolP384r1, r, s }) => {
                key.verify(digest.as_ref(), r, s)
            }
            (Inner::FnDsa512(key) | Inner::Dual { fn_dsa: key, .. }, Signature::Octets(FnDsa512, octets)) => {
                key.verify(digest.as_ref(), octets)
            }
            (Inner::MlDsa44(_), Signature::Octets(MlDsa44, octets))
            | (Inner::MlDsa65(_), Signature::Octets(MlDsa65, octets)) => {
                self.verify_octets(digest.as_ref(), octets)
            }
            (Inner::Dual { ecdsa, fn_dsa }, Signature::Dual { r, s, fn_dsa: octets }) => {
                fn_dsa.verify(digest.as_ref(), octets) && ecdsa.verify(digest, r, s)
            }
            _ => false,
        }
    }

    /// Whether `signature` is this post-quantum key's over a message of any length; curves sign digests only.
    pub fn verify_octets(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Inner::FnDsa512(key) => key.verify(message, signature),
            Inner::MlDsa44(key) | Inner::MlDsa65(key) => key.verify_sig(message, signature).is_ok(),
            _ => false,
        }
    }

    /// The key that ECQV derives from a reconstruction value, `self` being the issuer's key.
    ///
    /// Deployed authorities take the whole hash as scalar, SEC 4 clause 2.3 drops its last bit. Nothing in
    /// the certificate tells which, so the key verifies what was signed with either; whoever knows the
    /// discrete logarithm of one knows nothing of the other's.
    pub fn reconstruct(&self, value: &CurvePoint<'_>, digest: &Digest) -> Option<Self> {
        let (Inner::P256(issuer) | Inner::Dual { ecdsa: issuer, .. }) = &self.0 else { return None };
        let value = Point::from_sec1(Curve::P256, &value.sec1()?)?;
        let key =
            |scalar: &[u8]| Nist::new(Curve::P256, &value.multiply_add(scalar, issuer.point()?)?.to_sec1()?);
        let deployed = key(digest.as_ref())?;
        let sec4 = key(&halved(digest.as_ref()))?;
        Some(Self(Inner::P256(Nist { alternative: Some(Box::new(sec4)), ..deployed })))
    }

    /// SEC 1 octets of an ECDSA key on a NIST curve.
    pub fn to_sec1(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Inner::P256(key) | Inner::P384(key) | Inner::Dual { ecdsa: key, .. } => key.point()?.to_sec1(),
            _ => None,
        }
    }
}

impl Nist {
    fn new(curve: Curve, sec1: &[u8]) -> Option<Self> {
        let parsed = match curve {
            Curve::P256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, sec1),
            Curve::P384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, sec1),
        };
        Some(Self { curve, parsed: parsed.ok()?, point: OnceLock::new(), alternative: None })
    }

    fn point(&self) -> Option<&Point> {
        self.point.get_or_init(|| Point::from_sec1(self.curve, self.parsed.as_ref())).as_ref()
    }

    fn verify(&self, digest: &Digest, r: &CurvePoint<'_>, s: &[u8]) -> bool {
        self.verify_alone(digest, r, s)
            || self.alternative.as_ref().is_some_and(|other| other.verify_alone(digest, r, s))
    }

    fn verify_alone(&self, digest: &Digest, r: &CurvePoint<'_>, s: &[u8]) -> bool {
        let size = self.curve.size();
        if (r.x.len(), s.len()) != (size, size) {
            return false;
        }
        let Some(odd) = r.y_is_odd() else {
            let mut fixed = [0; 96];
            let (head, tail) = fixed.split_at_mut(size);
            head.copy_from_slice(r.x);
            tail[..size].copy_from_slice(s);
            return self.parsed.verify_digest_sig(digest, &fixed[..2 * size]).is_ok();
        };
        self.point().is_some_and(|point| point.verifies(digest.as_ref(), r.x, s, odd, r.y))
    }
}

/// A digest computed elsewhere; `None` if its length is not the hash's.
pub fn digest_value(hash: Hash, octets: &[u8]) -> Option<Digest> {
    Digest::import_less_safe(octets, hash.provider()).ok()
}

/// The number without its last bit: Hₙ of SEC 4 clause 2.3, the leftmost ⌊log₂ n⌋ = 255 bits.
fn halved(number: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let shifted = number.iter().map(|&byte| std::mem::replace(&mut carry, byte << 7) | byte >> 1);
    shifted.collect()
}
