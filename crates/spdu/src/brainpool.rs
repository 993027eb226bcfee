//! ECDSA on the Brainpool curves (RFC 5639), which AWS-LC does not have.

use bp256::elliptic_curve::ops::{Invert as _, MulByGeneratorVartime as _, Reduce};
use bp256::elliptic_curve::point::AffineCoordinates as _;
use bp256::elliptic_curve::sec1::FromSec1Point as _;
use bp256::elliptic_curve::{Field, PrimeField as _};

use crate::wire::CurvePoint;

macro_rules! brainpool_key {
    ($name:ident, $curve:ident, $size:literal, $doc:literal) => {
        #[doc = $doc]
        pub(crate) struct $name($curve::r1::ProjectivePoint);

        impl $name {
            pub(crate) fn from_sec1(octets: &[u8]) -> Option<Self> {
                Some(Self($curve::r1::AffinePoint::from_sec1_bytes(octets).ok()?.into()))
            }

            pub(crate) fn verify(&self, digest: &[u8], r: &CurvePoint<'_>, s: &[u8]) -> bool {
                self.matches(digest, r, s).unwrap_or(false)
            }

            /// Compute R = (e/s)·G + (r/s)·Q and compare what the signature says of it.
            fn matches(&self, digest: &[u8], r: &CurvePoint<'_>, s: &[u8]) -> Option<bool> {
                let octets = |slice: &[u8]| <[u8; $size]>::try_from(slice).ok();
                let scalar = |slice: &[u8]| {
                    Option::<$curve::Scalar>::from($curve::Scalar::from_repr(octets(slice)?.into()))
                };
                let reduce = |slice: &[u8]| {
                    Some(<$curve::Scalar as Reduce<$curve::r1::FieldBytes>>::reduce(&octets(slice)?.into()))
                };
                let carries_point = r.y_is_odd();
                let r_scalar = if carries_point.is_some() { reduce(r.x)? } else { scalar(r.x)? };
                let inverse = Option::<$curve::Scalar>::from(scalar(s)?.invert_vartime())?;
                if bool::from(Field::is_zero(&r_scalar)) {
                    return None;
                }
                let point = $curve::r1::ProjectivePoint::mul_by_generator_and_mul_add_vartime(
                    &(reduce(digest)? * inverse),
                    &(r_scalar * inverse),
                    &self.0,
                );
                let point = $curve::r1::AffinePoint::from(point);
                let x = point.x();
                Some(match carries_point {
                    None => reduce(&x)? == r_scalar,
                    Some(odd) => {
                        let y_matches = r.y.is_empty() || point.y()[..] == *r.y;
                        x[..] == *r.x && bool::from(point.y_is_odd()) == odd && y_matches
                    }
                })
            }
        }
    };
}
brainpool_key!(Key256, bp256, 32, "A key on brainpoolP256r1.");
brainpool_key!(Key384, bp384, 48, "A key on brainpoolP384r1.");
