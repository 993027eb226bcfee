//! The point R of an ECDSA signature, and ECQV, on the NIST curves.
//!
//! `aws-lc-rs` says whether a signature holds, but only for its x-coordinate: a signature that also carries
//! the parity of R's y would be malleable by one bit. These few calls into AWS-LC compute R itself, at the
//! price of one verification. They are the only unsafe code of the crate: every pointer is owned by a guard
//! or borrowed for the length of the call.
#![allow(unsafe_code)]

use std::ptr::{null, null_mut};

use aws_lc_sys::{
    BIGNUM, BN_CTX, BN_CTX_free, BN_CTX_new, BN_bin2bn, BN_bn2bin_padded, BN_cmp, BN_free, BN_is_zero,
    BN_mod_inverse, BN_mod_mul, BN_new, EC_GROUP, EC_GROUP_get0_order, EC_POINT, EC_POINT_add, EC_POINT_free,
    EC_POINT_get_affine_coordinates, EC_POINT_mul, EC_POINT_new, EC_POINT_oct2point, EC_group_p256,
    EC_group_p384,
};
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::{Field, PrimeField};

/// A NIST curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
}

/// A public point, decoded and checked to lie on its curve.
pub(crate) struct Point {
    curve: Curve,
    raw: Owned<EC_POINT>,
}

// SAFETY: a `Point` is never changed after it was made, and AWS-LC reads points without hidden state.
unsafe impl Send for Point {}
// SAFETY: as above.
unsafe impl Sync for Point {}

impl Curve {
    fn group(self) -> *const EC_GROUP {
        // SAFETY: both return a static group.
        unsafe {
            match self {
                Self::P256 => EC_group_p256(),
                Self::P384 => EC_group_p384(),
            }
        }
    }

    pub(crate) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

impl Point {
    /// Decode SEC 1 octets; `None` if they are not a point of the curve.
    pub(crate) fn from_sec1(curve: Curve, octets: &[u8]) -> Option<Self> {
        // One octet is the point at infinity: nobody's key, whose sums would tell what is added.
        if octets.len() < 2 {
            return None;
        }
        let raw = Self::empty(curve)?;
        // SAFETY: `raw` is a point of this group; the octets are read for their length only.
        let decoded =
            unsafe { EC_POINT_oct2point(curve.group(), raw.0, octets.as_ptr(), octets.len(), null_mut()) };
        (decoded == 1).then_some(Self { curve, raw })
    }

    /// The uncompressed SEC 1 octets; `None` for the point at infinity.
    pub(crate) fn to_sec1(&self) -> Option<Vec<u8>> {
        let (x, y) = self.affine()?;
        Some([&[4], x.as_slice(), &y].concat())
    }

    /// `scalar · self + other`: with the hash of an implicit certificate as scalar, the reconstruction
    /// value as `self` and the issuer's key as `other`, the holder's key (SEC 4 clause 2.5).
    pub(crate) fn multiply_add(&self, scalar: &[u8], other: &Self) -> Option<Self> {
        let sum = Self::empty(self.curve)?;
        let scalar = number(scalar)?;
        // SAFETY: all points are of one group (checked), all pointers are live.
        let done = unsafe {
            self.curve == other.curve
                && EC_POINT_mul(self.curve.group(), sum.0, null(), self.raw.0, scalar.0, null_mut()) == 1
                && EC_POINT_add(self.curve.group(), sum.0, sum.0, other.raw.0, null_mut()) == 1
        };
        done.then_some(Self { curve: self.curve, raw: sum })
    }

    /// `self` + `scalar`·G, in a time that does not depend on the scalar.
    pub(crate) fn add_base(&self, scalar: &[u8]) -> Option<Self> {
        let sum = Self::empty(self.curve)?;
        let scalar = number(scalar)?;
        // SAFETY: all points are of one group, all pointers are live; without a point AWS-LC takes G.
        let done = unsafe {
            EC_POINT_mul(self.curve.group(), sum.0, scalar.0, null(), null(), null_mut()) == 1
                && EC_POINT_add(self.curve.group(), sum.0, sum.0, self.raw.0, null_mut()) == 1
        };
        done.then_some(Self { curve: self.curve, raw: sum })
    }

    /// Whether (r, s) is a signature over `digest` by this key whose point R has this parity of y.
    /// `expected_y` is compared in full where the signature carries it.
    pub(crate) fn verifies(&self, digest: &[u8], r: &[u8], s: &[u8], odd: bool, expected_y: &[u8]) -> bool {
        self.signature_point(digest, r, s).and_then(|point| point.affine()).is_some_and(|(x, y)| {
            // R is given by its x-coordinate here, so x itself must match, not only x mod n.
            x == r
                && y.last().is_some_and(|byte| (byte & 1 == 1) == odd)
                && (expected_y.is_empty() || y == expected_y)
        })
    }

    /// R = (e/s)·G + (r/s)·Q.
    fn signature_point(&self, digest: &[u8], r: &[u8], s: &[u8]) -> Option<Self> {
        let (u1, u2) = match self.curve {
            Curve::P256 => scalars_p256(digest, r, s)?,
            Curve::P384 => scalars_p384(digest, r, s)?,
        };
        let point = Self::empty(self.curve)?;
        // SAFETY: all pointers are live and of this group.
        let done = unsafe { EC_POINT_mul(self.curve.group(), point.0, u1.0, self.raw.0, u2.0, null_mut()) };
        (done == 1).then_some(Self { curve: self.curve, raw: point })
    }

    fn affine(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let (x, y) = (zero()?, zero()?);
        // SAFETY: all pointers are live; AWS-LC refuses the point at infinity.
        let done =
            unsafe { EC_POINT_get_affine_coordinates(self.curve.group(), self.raw.0, x.0, y.0, null_mut()) };
        (done == 1).then(|| Some((x.octets(self.curve.size())?, y.octets(self.curve.size())?)))?
    }

    fn empty(curve: Curve) -> Option<Owned<EC_POINT>> {
        // SAFETY: returns a fresh point or null, which `own` turns into `None`.
        own(unsafe { EC_POINT_new(curve.group()) })
    }
}

/// u₁ and u₂ on P-256, by the inverse of the `p256` crate: six times as fast as AWS-LC's generic one.
fn scalars_p256(digest: &[u8], r: &[u8], s: &[u8]) -> Option<(Owned<BIGNUM>, Owned<BIGNUM>)> {
    let octets = |slice: &[u8]| <[u8; 32]>::try_from(slice).ok().map(p256::FieldBytes::from);
    let reduce = |slice: &[u8]| Some(<p256::Scalar as Reduce<p256::FieldBytes>>::reduce(&octets(slice)?));
    let r = reduce(r)?; // R's x-coordinate, which may exceed the order
    let s = Option::<p256::Scalar>::from(p256::Scalar::from_repr(octets(s)?))?;
    if bool::from(Field::is_zero(&r)) {
        return None;
    }
    let inverse = Option::<p256::Scalar>::from(s.invert_vartime())?;
    Some((number(&(reduce(digest)? * inverse).to_repr())?, number(&(r * inverse).to_repr())?))
}

fn scalars_p384(digest: &[u8], r: &[u8], s: &[u8]) -> Option<(Owned<BIGNUM>, Owned<BIGNUM>)> {
    let (digest, r, s) = (number(digest)?, number(r)?, number(s)?);
    let (inverse, u1, u2) = (zero()?, zero()?, zero()?);
    // SAFETY: all numbers are live; the order is static. The inverse fails for s = 0 mod n.
    unsafe {
        let context = own(BN_CTX_new())?;
        let order = EC_GROUP_get0_order(Curve::P384.group());
        let done = BN_cmp(s.0, order) < 0
            && !BN_mod_inverse(inverse.0, s.0, order, context.0).is_null()
            && BN_mod_mul(u1.0, digest.0, inverse.0, order, context.0) == 1
            && BN_mod_mul(u2.0, r.0, inverse.0, order, context.0) == 1;
        (done && BN_is_zero(u2.0) == 0).then_some((u1, u2))
    }
}

/// A pointer that is freed with its owner.
struct Owned<T: Free>(*mut T);

trait Free {
    unsafe fn free(raw: *mut Self);
}

macro_rules! free_with {
    ($($kind:ty => $free:ident),*) => {$(
        impl Free for $kind {
            unsafe fn free(raw: *mut Self) {
                // SAFETY: called once, by the owner.
                unsafe { $free(raw) }
            }
        }
    )*};
}
free_with!(BIGNUM => BN_free, EC_POINT => EC_POINT_free, BN_CTX => BN_CTX_free);

impl<T: Free> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer is live and ours.
        unsafe { T::free(self.0) }
    }
}

impl Owned<BIGNUM> {
    fn octets(&self, size: usize) -> Option<Vec<u8>> {
        let mut octets = vec![0; size];
        // SAFETY: writes exactly `size` bytes or fails.
        (unsafe { BN_bn2bin_padded(octets.as_mut_ptr(), size, self.0) } == 1).then_some(octets)
    }
}

fn own<T: Free>(raw: *mut T) -> Option<Owned<T>> {
    (!raw.is_null()).then_some(Owned(raw))
}

fn zero() -> Option<Owned<BIGNUM>> {
    // SAFETY: returns a fresh number or null.
    own(unsafe { BN_new() })
}

fn number(octets: &[u8]) -> Option<Owned<BIGNUM>> {
    // SAFETY: reads the octets for their length and returns a fresh number or null.
    own(unsafe { BN_bin2bn(octets.as_ptr(), octets.len(), null_mut()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;
    use crate::signing_key::{SigningKey, signing_digest};
    use crate::verifying_key::{VerifyingKey, digest_value};
    use crate::wire::{CurvePoint, PointForm, Signature};

    const ROUNDS: u32 = 500;

    /// Whichever way R is given, the answer is the same one; and of the two parities exactly one is true.
    #[test]
    fn the_forms_of_r_agree() {
        for algorithm in [
            Algorithm::EcdsaP256,
            Algorithm::EcdsaP384,
            Algorithm::EcdsaBrainpoolP256r1,
            Algorithm::EcdsaBrainpoolP384r1,
        ] {
            let key = SigningKey::generate(algorithm).expect("a key");
            let public = VerifyingKey::from_octets(algorithm, key.public()).expect("a public key");
            let mut odd_ones = 0;
            let rounds = if algorithm == Algorithm::EcdsaP256 { ROUNDS } else { ROUNDS / 10 };
            for round in 0..rounds {
                let digest = signing_digest(algorithm.hash(), &round.to_be_bytes(), None);
                let raw = key.sign(algorithm, &digest).expect("a signature");
                let digest = digest_value(algorithm.hash(), &digest).expect("a digest");
                let (x, s) = raw.split_at(raw.len() / 2);
                let holds = |form, s: &[u8]| {
                    let r = CurvePoint { form, x, y: &[] };
                    public.verify(&digest, &Signature::Ecdsa { algorithm, r, s })
                };
                assert!(holds(PointForm::XOnly, s));
                let parities = [false, true].map(|odd| holds(PointForm::Compressed { odd }, s));
                assert_ne!(parities[0], parities[1]);
                odd_ones += u32::from(parities[1]);
                let mut other = s.to_vec();
                other[7] ^= 0x20;
                for form in [PointForm::XOnly, PointForm::Compressed { odd: parities[1] }] {
                    assert!(!holds(form, &other));
                    assert!(!holds(form, &vec![0; s.len()]));
                    assert!(!holds(form, &vec![0xff; s.len()]));
                    assert!(!holds(form, &s[1..]));
                }
            }
            assert!(rounds / 5 < odd_ones && odd_ones < rounds - rounds / 5, "{odd_ones} of {rounds}");
        }
    }

    #[test]
    fn a_given_y_is_compared_in_full() {
        let algorithm = Algorithm::EcdsaP256;
        let key = SigningKey::generate(algorithm).expect("a key");
        let public = Point::from_sec1(Curve::P256, key.public()).expect("a point");
        let digest = signing_digest(algorithm.hash(), b"message", None);
        let raw = key.sign(algorithm, &digest).expect("a signature");
        let (r, s) = raw.split_at(32);
        let point = public.signature_point(&digest, r, s).expect("R");
        let (x, mut y) = point.affine().expect("not at infinity");
        assert_eq!(x, r);
        let odd = y[31] & 1 == 1;
        assert!(public.verifies(&digest, r, s, odd, &y));
        y[0] ^= 1;
        assert!(!public.verifies(&digest, r, s, odd, &y));
    }

    #[test]
    fn points_must_lie_on_their_curve() {
        let key = SigningKey::generate(Algorithm::EcdsaP256).expect("a key");
        let point = Point::from_sec1(Curve::P256, key.public()).expect("a point");
        let mut octets = point.to_sec1().expect("not at infinity");
        assert!(Point::from_sec1(Curve::P256, &octets).is_some());
        octets[64] ^= 1;
        assert!(Point::from_sec1(Curve::P256, &octets).is_none());
        assert!(Point::from_sec1(Curve::P256, &[]).is_none());
        assert!(Point::from_sec1(Curve::P256, &[0]).is_none());
        assert!(Point::from_sec1(Curve::P384, key.public()).is_none());
    }

    /// k·P + Q, computed by another library.
    #[test]
    fn multiply_add_is_that_of_the_p256_crate() {
        use p256::elliptic_curve::sec1::{FromSec1Point, ToSec1Point};
        use p256::{AffinePoint, ProjectivePoint, Scalar};
        let keys = [0; 2].map(|_| SigningKey::generate(Algorithm::EcdsaP256).expect("a key"));
        let [p, q] = keys.each_ref().map(|key| Point::from_sec1(Curve::P256, key.public()).expect("a point"));
        let [a, b] = keys
            .each_ref()
            .map(|key| ProjectivePoint::from(AffinePoint::from_sec1_bytes(key.public()).expect("a point")));
        let scalar = [0x5a; 32];
        let number = Option::<Scalar>::from(Scalar::from_repr(scalar.into())).expect("below the order");
        let expected = AffinePoint::from(a * number + b).to_sec1_point(false).as_bytes().to_vec();
        assert_eq!(p.multiply_add(&scalar, &q).and_then(|sum| sum.to_sec1()), Some(expected));
    }
}
