//! Private keys in software. Other signers (PKCS#11) make the same octets elsewhere.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::Digest;
use aws_lc_rs::rand;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm,
};
use ecdsa::signature::hazmat::PrehashSigner as _;
use fn_dsa::{
    CryptoRng, DOMAIN_NONE, FN_DSA_LOGN_512, HASH_ID_RAW, KeyPairGenerator as _, KeyPairGenerator512,
    RngCore, RngError, SigningKey as _, SigningKey512, sign_key_size, signature_size, vrfy_key_size,
};

use crate::algorithm::{Algorithm, Hash};

/// A private key held by this process. It signs; it is never read back.
pub struct SigningKey {
    algorithm: Algorithm,
    public: Vec<u8>,
    secret: Secret,
}

enum Secret {
    Ecdsa(EcdsaKeyPair),
    BrainpoolP256(ecdsa::SigningKey<bp256::BrainpoolP256r1>),
    BrainpoolP384(ecdsa::SigningKey<bp384::BrainpoolP384r1>),
    // Signing needs the key's scratch space.
    FnDsa512(Box<Mutex<SigningKey512>>),
    MlDsa(PqdsaKeyPair),
    Dual { ecdsa: Box<SigningKey>, fn_dsa: Box<SigningKey> },
}

impl SigningKey {
    /// Generate a key; `None` if the algorithm cannot sign here.
    pub fn generate(algorithm: Algorithm) -> Option<Self> {
        let mut secret = Self::generate_secret(algorithm)?;
        let key = Self::from_secret(algorithm, &secret);
        secret.fill(0);
        key
    }

    /// Generate what `from_secret` loads, for those who must store it; the caller wipes it.
    pub fn generate_secret(algorithm: Algorithm) -> Option<Vec<u8>> {
        match algorithm {
            Algorithm::EcdsaP256 | Algorithm::EcdsaBrainpoolP256r1 => Self::random_secret::<32>(algorithm),
            Algorithm::EcdsaP384 | Algorithm::EcdsaBrainpoolP384r1 => Self::random_secret::<48>(algorithm),
            Algorithm::MlDsa44 | Algorithm::MlDsa65 => Self::random_secret::<32>(algorithm),
            Algorithm::FnDsa512 => {
                let mut secret = vec![0; sign_key_size(FN_DSA_LOGN_512)];
                let mut public = vec![0; vrfy_key_size(FN_DSA_LOGN_512)];
                KeyPairGenerator512::default().keygen(
                    FN_DSA_LOGN_512,
                    &mut SystemRng,
                    &mut secret,
                    &mut public,
                );
                Some(secret)
            }
            Algorithm::EcdsaP256FnDsa512 => {
                let mut secret = Self::generate_secret(Algorithm::EcdsaP256)?;
                let mut second = Self::generate_secret(Algorithm::FnDsa512)?;
                // Reserved before the scalar could be left behind by a reallocation.
                let mut both = Vec::with_capacity(secret.len() + second.len());
                both.extend_from_slice(&secret);
                both.extend_from_slice(&second);
                secret.fill(0);
                second.fill(0);
                Some(both)
            }
            Algorithm::Sm2 => None,
        }
    }

    /// Load a key: the scalar for ECDSA, the 32-byte seed for ML-DSA (FIPS 204 clause 5.1), the encoded
    /// signing key for FN-DSA, the scalar and then the FN-DSA key for a dual one. `None` if it is not one.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let (public, secret) = match algorithm {
            Algorithm::EcdsaP256 => load_nist(&ECDSA_P256_SHA256_FIXED_SIGNING, &OID_P256, secret, 32)?,
            Algorithm::EcdsaP384 => load_nist(&ECDSA_P384_SHA384_FIXED_SIGNING, &OID_P384, secret, 48)?,
            Algorithm::EcdsaBrainpoolP256r1 => {
                let key = ecdsa::SigningKey::from_slice(secret).ok()?;
                (key.verifying_key().to_sec1_point(true).as_bytes().to_vec(), Secret::BrainpoolP256(key))
            }
            Algorithm::EcdsaBrainpoolP384r1 => {
                let key = ecdsa::SigningKey::from_slice(secret).ok()?;
                (key.verifying_key().to_sec1_point(true).as_bytes().to_vec(), Secret::BrainpoolP384(key))
            }
            Algorithm::MlDsa44 => load_ml_dsa(&ML_DSA_44_SIGNING, secret)?,
            Algorithm::MlDsa65 => load_ml_dsa(&ML_DSA_65_SIGNING, secret)?,
            Algorithm::FnDsa512 => {
                let key = SigningKey512::decode(secret)?;
                let mut public = vec![0; vrfy_key_size(FN_DSA_LOGN_512)];
                key.to_verifying_key(&mut public);
                (public, Secret::FnDsa512(Box::new(Mutex::new(key))))
            }
            Algorithm::EcdsaP256FnDsa512 => {
                let (scalar, second) = secret.split_at_checked(32)?;
                let ecdsa = Self::from_secret(Algorithm::EcdsaP256, scalar)?;
                return Self::dual(ecdsa, Self::from_secret(Algorithm::FnDsa512, second)?);
            }
            Algorithm::Sm2 => return None,
        };
        Some(Self { algorithm, public, secret })
    }

    /// The key whose signatures hold only if both hold.
    pub fn dual(ecdsa: Self, fn_dsa: Self) -> Option<Self> {
        if (ecdsa.algorithm, fn_dsa.algorithm) != (Algorithm::EcdsaP256, Algorithm::FnDsa512) {
            return None;
        }
        let public = [ecdsa.public.as_slice(), &fn_dsa.public].concat();
        let secret = Secret::Dual { ecdsa: Box::new(ecdsa), fn_dsa: Box::new(fn_dsa) };
        Some(Self { algorithm: Algorithm::EcdsaP256FnDsa512, public, secret })
    }

    fn random_secret<const N: usize>(algorithm: Algorithm) -> Option<Vec<u8>> {
        // A scalar at or above the order is refused and drawn again.
        (0..64).find_map(|_| {
            let mut secret = vec![0; N];
            rand::fill(&mut secret).ok()?;
            Self::from_secret(algorithm, &secret).is_some().then_some(secret)
        })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key: a compressed SEC 1 point, the encoded post-quantum key, or one after the other.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Sign `digest` with this key or, if it is dual, with the half of it that is asked for: r ‖ s, the
    /// encoded post-quantum signature, or one after the other. `None` if the key cannot.
    pub fn sign(&self, algorithm: Algorithm, digest: &[u8]) -> Option<Vec<u8>> {
        if algorithm != self.algorithm {
            return match &self.secret {
                Secret::Dual { ecdsa, .. } if algorithm == ecdsa.algorithm => ecdsa.sign(algorithm, digest),
                Secret::Dual { fn_dsa, .. } if algorithm == fn_dsa.algorithm => {
                    fn_dsa.sign(algorithm, digest)
                }
                _ => None,
            };
        }
        if digest.len() != algorithm.hash().provider().output_len() {
            return None;
        }
        match &self.secret {
            Secret::Ecdsa(key) => {
                let digest = Digest::import_less_safe(digest, algorithm.hash().provider()).ok()?;
                Some(key.sign_digest(&digest).ok()?.as_ref().to_vec())
            }
            Secret::BrainpoolP256(key) => {
                let signature: ecdsa::Signature<_> = key.sign_prehash(digest).ok()?;
                Some(signature.to_bytes().to_vec())
            }
            Secret::BrainpoolP384(key) => {
                let signature: ecdsa::Signature<_> = key.sign_prehash(digest).ok()?;
                Some(signature.to_bytes().to_vec())
            }
            Secret::FnDsa512(key) => {
                let mut key = key.lock().unwrap_or_else(PoisonError::into_inner);
                let mut signature = vec![0; signature_size(FN_DSA_LOGN_512)];
                key.sign(&mut SystemRng, &DOMAIN_NONE, &HASH_ID_RAW, digest, &mut signature)?;
                Some(signature)
            }
            Secret::MlDsa(_) => self.sign_message(digest),
            Secret::Dual { ecdsa, fn_dsa } => {
                let mut signature = ecdsa.sign(ecdsa.algorithm, digest)?;
                signature.extend(fn_dsa.sign(fn_dsa.algorithm, digest)?);
                Some(signature)
            }
        }
    }

    /// Sign a message of any length with ML-DSA, pure and with an empty context (FIPS 204 clause 5.2).
    /// `None` for another key.
    pub fn sign_message(&self, message: &[u8]) -> Option<Vec<u8>> {
        let Secret::MlDsa(key) = &self.secret else { return None };
        let mut signature = vec![0; self.algorithm.octet_sizes()?.1];
        key.sign(message, &mut signature).ok()?;
        Some(signature)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SigningKey({})", self.algorithm.id())
    }
}

const OID_P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

/// AWS-LC computes the public point when it is given an ECPrivateKey (RFC 5915) without one.
fn load_nist(
    algorithm: &'static EcdsaSigningAlgorithm,
    oid: &[u8],
    scalar: &[u8],
    size: usize,
) -> Option<(Vec<u8>, Secret)> {
    if scalar.len() != size {
        return None;
    }
    let length = 3 + 2 + size + 2 + oid.len();
    let mut der = vec![0x30, length as u8, 0x02, 0x01, 0x01, 0x04, size as u8];
    der.extend_from_slice(scalar);
    der.extend_from_slice(&[0xa0, oid.len() as u8]);
    der.extend_from_slice(oid);
    let key = EcdsaKeyPair::from_private_key_der(algorithm, &der);
    der.fill(0);
    let key = key.ok()?;
    let point = key.public_key().as_ref();
    let odd = point.last().is_some_and(|byte| byte & 1 == 1);
    let compressed = [&[2 + u8::from(odd)], point.get(1..=size)?].concat();
    Some((compressed, Secret::Ecdsa(key)))
}

fn load_ml_dsa(algorithm: &'static PqdsaSigningAlgorithm, seed: &[u8]) -> Option<(Vec<u8>, Secret)> {
    let key = PqdsaKeyPair::from_seed(algorithm, seed).ok()?;
    Some((key.public_key().as_ref().to_vec(), Secret::MlDsa(key)))
}

/// The operating system's randomness, as FN-DSA wants it.
struct SystemRng;

impl RngCore for SystemRng {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        // Without randomness there is nothing safe to go on with.
        rand::fill(bytes).expect("the operating system gives randomness");
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RngError> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for SystemRng {}

/// e = H(H(what is signed) ‖ H(signer's certificate)); no certificate for a signer that is "self".
pub fn signing_digest(hash: Hash, signed: &[u8], signer_digest: Option<&[u8]>) -> Vec<u8> {
    let empty = hash.digest(&[]);
    let mut context = aws_lc_rs::digest::Context::new(hash.provider());
    context.update(hash.digest(signed).as_ref());
    context.update(signer_digest.unwrap_or(empty.as_ref()));
    context.finish().as_ref().to_vec()
}
