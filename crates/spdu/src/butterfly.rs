//! The butterfly expansion of pseudonym keys, and the group law of P-256 for implicit certificates.
//!
//! A device sends one point; the registration authority derives from it as many as are needed, without ever
//! learning a private key (CAMP SCMS, primitive SCP1; IEEE 1609.2.1 clause 9.3, "original").

use aws_lc_rs::cipher::{AES_128, EncryptingKey, UnboundCipherKey};
use p256::Scalar;
use p256::elliptic_curve::PrimeField;
use p256::elliptic_curve::ops::Reduce;

use crate::nist::{Curve, Point};

/// What the expanded keys are for: each has its own prefix, so that one key never serves both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Keys that sign.
    Signing,
    /// Keys that certificates are encrypted to.
    Encryption,
}

const BLOCK: usize = 16;
/// Three blocks a value: 384 bits, so that reducing them modulo n leaves no bias.
const WIDE: usize = 3 * BLOCK;

/// f_k(i, j) for each pair, big-endian and below the order n.
///
/// x = prefix ‖ i ‖ j ‖ 0, 32 bits each; f_k = the concatenation of AES_k(x + m) ⊕ (x + m) for m = 1, 2, 3,
/// taken modulo n. `None` only if AES cannot be had.
pub fn expansions(key: &[u8; 16], purpose: Purpose, indices: &[(u32, u32)]) -> Option<Vec<[u8; 32]>> {
    let inputs: Vec<u8> = indices.iter().flat_map(|&pair| blocks(purpose, pair)).collect();
    let mut outputs = inputs.clone();
    let cipher = EncryptingKey::ecb(UnboundCipherKey::new(&AES_128, key).ok()?).ok()?;
    cipher.encrypt(&mut outputs).ok()?;
    outputs.iter_mut().zip(&inputs).for_each(|(output, input)| *output ^= input);
    Some(outputs.chunks_exact(WIDE).map(|wide| reduced(wide).to_repr().into()).collect())
}

/// `caterpillar` + f_k(i, j)·G for each pair, as uncompressed SEC 1 octets: the cocoon public keys.
/// `None` if the caterpillar is no point of P-256.
pub fn cocoons(
    caterpillar: &[u8],
    key: &[u8; 16],
    purpose: Purpose,
    indices: &[(u32, u32)],
) -> Option<Vec<Vec<u8>>> {
    let caterpillar = Point::from_sec1(Curve::P256, caterpillar)?;
    let scalars = expansions(key, purpose, indices)?;
    scalars.iter().map(|scalar| caterpillar.add_base(scalar)?.to_sec1()).collect()
}

/// `point` + `scalar`·G on P-256, uncompressed; `None` if the point is not on the curve, or the sum at
/// infinity.
pub fn add_base(point: &[u8], scalar: &[u8; 32]) -> Option<Vec<u8>> {
    Point::from_sec1(Curve::P256, point)?.add_base(scalar)?.to_sec1()
}

/// `scalar`·`point` + `other` on P-256, uncompressed; `None` if one is not on the curve, or the sum at
/// infinity.
pub fn multiply_add(scalar: &[u8; 32], point: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let other = Point::from_sec1(Curve::P256, other)?;
    Point::from_sec1(Curve::P256, point)?.multiply_add(scalar, &other)?.to_sec1()
}

fn blocks(purpose: Purpose, (i, j): (u32, u32)) -> [u8; WIDE] {
    let mut out = [0; WIDE];
    for (block, counter) in out.chunks_exact_mut(BLOCK).zip(1u32..) {
        let prefix = if purpose == Purpose::Signing { 0 } else { u32::MAX };
        for (word, value) in block.chunks_exact_mut(4).zip([prefix, i, j, counter]) {
            word.copy_from_slice(&value.to_be_bytes());
        }
    }
    out
}

/// A 384-bit number modulo n: high·2²⁵⁶ + low.
fn reduced(wide: &[u8]) -> Scalar {
    let mut high = p256::FieldBytes::default();
    let mut low = p256::FieldBytes::default();
    high[BLOCK..].copy_from_slice(&wide[..BLOCK]);
    low.copy_from_slice(&wide[BLOCK..]);
    let reduce = |octets: &p256::FieldBytes| <Scalar as Reduce<p256::FieldBytes>>::reduce(octets);
    // 2²⁵⁶ = (2²⁵⁶ − 1) + 1
    let radix = reduce(&[0xff; 32].into()) + Scalar::ONE;
    reduce(&high) * radix + reduce(&low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal");
        std::array::from_fn(byte)
    }

    /// CAMP SCP1, the values published in github.com/conz27/crypto-test-vectors, bfkeyexp.txt.
    #[test]
    fn published_values_come_out() {
        let indices = [(0x217D_79E1, 0x11)];
        let cases = [
            (
                Purpose::Signing,
                "121D14216715E11D2D3787434A673B1B",
                "79081DDD31EF9E5EA601250E584CD90FBA13EE7B518E72A2DB3AAAA158E12D5E",
                "04EE9CC7FBD9EDECEA41F7C8BD258E8D2E988E75BD069ADDCA1E5A38E534AC6818\
                 5AE3C8D9FE0B1FC7438F29417C240F8BF81C358EC1A4D0C6E98D8EDBCC714017",
                "042B18F3D93C4DF3D9D1490E3A9BA5A0DE9CFA73EDDB95408BC1F2BF60CB3CF313\
                 1A2CE511E0DA86356329A5C22A36A8A53088DCB11A5A94FA903EF0087421666A",
            ),
            (
                Purpose::Encryption,
                "F9FCE2371B4523C0A75FC352BA7EBD8D",
                "A1559B337D59834B32E364376C9915028E92D9392D89D4315BDA481ADD3BA317",
                "04121AA495C6B2C07A2B2DAEC36BD207D6620D7E6081050DF5DE3E9696868FCDCA\
                 46C31A1ABEA0BDDAAAAEFBBA3AFDBFF1AC8D196BC313FC130926810C05503950",
                "04B568FD55A7114254118E7463E85459BDD3C091342625B4A929541151BB8286BE\
                 ED8DBE22200353D316CC5C3D8F1F281D8BFB34A9E6E1DBFE2043D928C64B430B",
            ),
        ];
        for (purpose, key, expansion, caterpillar, cocoon) in cases {
            let (key, caterpillar) = (octets::<16>(key), octets::<65>(caterpillar));
            assert_eq!(expansions(&key, purpose, &indices), Some(vec![octets::<32>(expansion)]));
            let points = cocoons(&caterpillar, &key, purpose, &indices).expect("a point");
            assert_eq!(points, [octets::<65>(cocoon)]);
        }
    }

    /// n·2¹²⁸ + 5 is 5, all ones is what schoolbook division says, whatever the split.
    #[test]
    fn wide_numbers_are_reduced() {
        let order: [u8; 32] = octets("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
        let mut wide = [0; WIDE];
        wide[..32].copy_from_slice(&order);
        assert_eq!(reduced(&wide), Scalar::ZERO);
        wide[WIDE - 1] = 5;
        assert_eq!(reduced(&wide), Scalar::from(5u64));
        wide = [0; WIDE];
        wide[BLOCK..].copy_from_slice(&order);
        assert_eq!(reduced(&wide), Scalar::ZERO);
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let mut point = octets::<65>(
            "04EE9CC7FBD9EDECEA41F7C8BD258E8D2E988E75BD069ADDCA1E5A38E534AC6818\
             5AE3C8D9FE0B1FC7438F29417C240F8BF81C358EC1A4D0C6E98D8EDBCC714017",
        );
        point[64] ^= 1;
        assert_eq!(cocoons(&point, &[0; 16], Purpose::Signing, &[(0, 0)]), None);
        assert_eq!(add_base(&point, &[1; 32]), None);
        assert_eq!(multiply_add(&[1; 32], &point, &point), None);
    }
}
