//! FN-DSA-512 verification: the arithmetic of the `fn-dsa` crates around a faster SHAKE256.
//!
//! The steps are those of that library's own `verify`, which spends half its time on the hash; its answers
//! are the same, and the tests compare them. See docs/adr/0020-fn-dsa-around-a-faster-hash.md.
#![allow(unsafe_code)] // the arithmetic's AVX2 form, called only where the processor has it

use fn_dsa_comm::{FN_DSA_LOGN_512 as LOG_DEGREE, codec, mq, signature_size, vrfy_key_size};
use shake::Shake256;
use shake::digest::{ExtendableOutput as _, Update as _, XofReader as _};

const DEGREE: usize = 1 << LOG_DEGREE;
const MODULUS: u16 = 12289;
/// ⌊β²⌋: the largest squared length of a signature.
const MAX_SQUARED_NORM: u32 = mq::SQBETA[LOG_DEGREE as usize];
/// First octet of a key and of a signature.
const KEY_HEAD: u8 = LOG_DEGREE as u8;
const SIGNATURE_HEAD: u8 = 0x30 + LOG_DEGREE as u8;
const NONCE: usize = 40;
/// Octets that SHAKE256 yields at once.
const BLOCK: usize = 136;
/// What stands between key and message: no prehash, an empty context.
const PURE_WITHOUT_CONTEXT: [u8; 2] = [0, 0];

/// A public key, decoded once and ready to verify.
pub(crate) struct Key {
    polynomial: [u16; DEGREE],
    hash: [u8; 64],
}

impl Key {
    /// Decode the 897 octets of a key; `None` if it is not a valid one.
    pub(crate) fn decode(octets: &[u8]) -> Option<Self> {
        if octets.len() != vrfy_key_size(LOG_DEGREE) || octets[0] != KEY_HEAD {
            return None;
        }
        let mut polynomial = [0; DEGREE];
        codec::modq_decode(&octets[1..], &mut polynomial)?;
        mq::mqpoly_ext_to_int(LOG_DEGREE, &mut polynomial);
        Some(Self { polynomial, hash: hash(&[octets]) })
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        if signature.len() != signature_size(LOG_DEGREE) || signature[0] != SIGNATURE_HEAD {
            return false;
        }
        let (nonce, compressed) = signature[1..].split_at(NONCE);
        let mut s2 = [0; DEGREE];
        if !codec::comp_decode(compressed, &mut s2) {
            return false;
        }
        let representative = hash(&[&self.hash, &PURE_WITHOUT_CONTEXT, message]);
        let point = hash_to_point(nonce, &representative);
        #[cfg(target_arch = "x86_64")]
        if fn_dsa_comm::has_avx2() {
            // SAFETY: the processor has AVX2.
            return unsafe { is_short_avx2(&s2, point, &self.polynomial) };
        }
        is_short(&s2, point, &self.polynomial)
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = Shake256::default();
    parts.iter().for_each(|part| hasher.update(part));
    let mut hash = [0; 64];
    hasher.finalize_xof_into(&mut hash);
    hash
}

/// The polynomial that a message stands for: the 16-bit words of a hash modulo q, without those so large
/// that small remainders would come more often.
fn hash_to_point(nonce: &[u8], representative: &[u8; 64]) -> [u16; DEGREE] {
    let mut hasher = Shake256::default();
    hasher.update(nonce);
    hasher.update(representative);
    let mut words = hasher.finalize_xof();
    let mut point = [0; DEGREE];
    let mut filled = 0;
    loop {
        let mut block = [0; BLOCK];
        words.read(&mut block);
        for &octets in block.as_chunks().0 {
            if filled == DEGREE {
                return point;
            }
            let word = u16::from_le_bytes(octets);
            // Written in any case, and overwritten if too large: a branch would be foretold wrongly 30 times.
            point[filled] = word % MODULUS;
            filled += usize::from(word < 5 * MODULUS);
        }
    }
}

/// Whether (point − s2·key, s2) is short enough to be a signature, with the arithmetic of module `$mq`.
macro_rules! is_short {
    ($mq:ident, $s2:ident, $point:ident, $key:ident) => {{
        use fn_dsa_comm::$mq as mq;
        mq::mqpoly_ext_to_int(LOG_DEGREE, &mut $point);
        let mut product = [0; DEGREE];
        mq::mqpoly_signed_to_ext(LOG_DEGREE, $s2, &mut product);
        mq::mqpoly_ext_to_int(LOG_DEGREE, &mut product);
        mq::mqpoly_int_to_NTT(LOG_DEGREE, &mut product);
        mq::mqpoly_mul_ntt(LOG_DEGREE, &mut product, $key);
        mq::mqpoly_NTT_to_int(LOG_DEGREE, &mut product);
        mq::mqpoly_sub_int(LOG_DEGREE, &mut $point, &product);
        mq::mqpoly_int_to_ext(LOG_DEGREE, &mut $point);
        let s1_norm = mq::mqpoly_sqnorm_binf(LOG_DEGREE, &$point);
        let s2_norm = mq::signed_poly_sqnorm(LOG_DEGREE, $s2);
        s1_norm.checked_add(s2_norm).is_some_and(|norm| norm <= MAX_SQUARED_NORM)
    }};
}

fn is_short(s2: &[i16; DEGREE], mut point: [u16; DEGREE], key: &[u16; DEGREE]) -> bool {
    is_short!(mq, s2, point, key)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn is_short_avx2(s2: &[i16; DEGREE], mut point: [u16; DEGREE], key: &[u16; DEGREE]) -> bool {
    // SAFETY: these functions ask for AVX2, which this one has, and for 2^LOG_DEGREE words, which the arrays have.
    unsafe { is_short!(mq_avx2, s2, point, key) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;
    use crate::signing_key::SigningKey;
    use fn_dsa::{DOMAIN_NONE, HASH_ID_RAW, VerifyingKey as _, VerifyingKey512};

    /// Answers of this module, of its portable arithmetic and of the library.
    fn answers(public: &[u8], message: &[u8], signature: &[u8]) -> [bool; 3] {
        let own = Key::decode(public);
        let portable = own.as_ref().is_some_and(|key| key.verify_portably(message, signature));
        let library = VerifyingKey512::decode(public);
        assert_eq!(own.is_some(), library.is_some());
        [
            own.is_some_and(|key| key.verify(message, signature)),
            portable,
            library.is_some_and(|key| key.verify(signature, &DOMAIN_NONE, &HASH_ID_RAW, message)),
        ]
    }

    impl Key {
        fn verify_portably(&self, message: &[u8], signature: &[u8]) -> bool {
            let mut s2 = [0; DEGREE];
            signature.len() == signature_size(LOG_DEGREE)
                && signature[0] == SIGNATURE_HEAD
                && codec::comp_decode(&signature[1 + NONCE..], &mut s2)
                && {
                    let representative = hash(&[&self.hash, &PURE_WITHOUT_CONTEXT, message]);
                    let point = hash_to_point(&signature[1..=NONCE], &representative);
                    is_short(&s2, point, &self.polynomial)
                }
        }
    }

    fn signed(digest: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
        let key = SigningKey::generate(Algorithm::FnDsa512).expect("the system has randomness");
        let signature = key.sign(Algorithm::FnDsa512, digest).expect("the key signs");
        (key.public().to_vec(), signature)
    }

    #[test]
    fn what_is_signed_holds() {
        for number in 0..50 {
            let digest = [number; 32];
            let (public, signature) = signed(&digest);
            assert_eq!(answers(&public, &digest, &signature), [true; 3], "digest {number}");
            assert_eq!(answers(&public, &[digest; 9].concat(), &signature), [false; 3], "digest {number}");
        }
    }

    #[test]
    fn every_flipped_bit_is_refused_as_by_the_library() {
        let message = [7; 32];
        let (public, signature) = signed(&message);
        for bit in 0..8 * signature.len() {
            let mut mutant = signature.clone();
            mutant[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(answers(&public, &message, &mutant), [false; 3], "bit {bit}");
        }
    }

    #[test]
    fn keys_of_another_form_are_refused_as_by_the_library() {
        let message = [7; 32];
        let (public, signature) = signed(&message);
        for bit in 0..8 * public.len() {
            let mut mutant = public.clone();
            mutant[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(answers(&mutant, &message, &signature), [false; 3], "bit {bit}");
        }
        for end in [0, 1, 896] {
            assert_eq!(answers(&public[..end], &message, &signature), [false; 3], "{end} octets");
        }
        for end in [0, 1, 40, 41, 665] {
            assert_eq!(answers(&public, &message, &signature[..end]), [false; 3], "{end} octets");
        }
    }
}
