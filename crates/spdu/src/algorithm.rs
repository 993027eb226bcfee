//! What may sign: the algorithms of the secured-message engine and their places in the wire format.

/// The hash that goes with a verification key (IEEE 1609.2 clause 5.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Hash {
    pub(crate) fn from_index(index: u8) -> Option<Self> {
        match index {
            0 => Some(Self::Sha256),
            1 => Some(Self::Sha384),
            _ => None,
        }
    }

    /// The value of HashAlgorithm on the wire.
    pub fn index(self) -> u8 {
        match self {
            Self::Sha256 => 0,
            Self::Sha384 => 1,
        }
    }

    pub(crate) fn digest(self, data: &[u8]) -> aws_lc_rs::digest::Digest {
        aws_lc_rs::digest::digest(self.provider(), data)
    }

    pub(crate) fn provider(self) -> &'static aws_lc_rs::digest::Algorithm {
        match self {
            Self::Sha256 => &aws_lc_rs::digest::SHA256,
            Self::Sha384 => &aws_lc_rs::digest::SHA384,
        }
    }
}

/// A signature algorithm, named as in Roadseal's `algorithms.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA over NIST P-256.
    EcdsaP256,
    /// ECDSA over brainpoolP256r1.
    EcdsaBrainpoolP256r1,
    /// ECDSA over brainpoolP384r1.
    EcdsaBrainpoolP384r1,
    /// ECDSA over NIST P-384.
    EcdsaP384,
    /// SM2: recognised, not verified.
    Sm2,
    /// FN-DSA-512 as the draft of FIPS 206 is expected to be; not published.
    FnDsa512,
    /// ML-DSA-44 (FIPS 204).
    MlDsa44,
    /// ML-DSA-65 (FIPS 204).
    MlDsa65,
    /// ECDSA P-256 and FN-DSA-512, both of which must hold.
    EcdsaP256FnDsa512,
}

use Algorithm::{
    EcdsaBrainpoolP256r1, EcdsaBrainpoolP384r1, EcdsaP256, EcdsaP256FnDsa512, EcdsaP384, FnDsa512, MlDsa44,
    MlDsa65, Sm2,
};

impl Algorithm {
    /// All of them, in the order of their index in `PublicVerificationKey` and `Signature`.
    pub const ALL: [Self; 9] = [
        EcdsaP256,
        EcdsaBrainpoolP256r1,
        EcdsaBrainpoolP384r1,
        EcdsaP384,
        Sm2,
        FnDsa512,
        MlDsa44,
        MlDsa65,
        EcdsaP256FnDsa512,
    ];

    /// The stable name; experimental ones carry their version.
    pub fn id(self) -> &'static str {
        match self {
            EcdsaP256 => "ecdsa-p256",
            EcdsaBrainpoolP256r1 => "ecdsa-brainpoolp256r1",
            EcdsaBrainpoolP384r1 => "ecdsa-brainpoolp384r1",
            EcdsaP384 => "ecdsa-p384",
            Sm2 => "sm2",
            FnDsa512 => "fn-dsa-512/pre1",
            MlDsa44 => "ml-dsa-44",
            MlDsa65 => "ml-dsa-65",
            EcdsaP256FnDsa512 => "ecdsa-p256+fn-dsa-512/pre1",
        }
    }

    /// The algorithm of this name.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.id() == id)
    }

    pub(crate) fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The CHOICE index in `PublicVerificationKey` and `Signature`: 0–4 of IEEE 1609.2, 5 of the
    /// published FN-DSA extension, the others Roadseal's (docs/wire-format.md).
    pub fn index(self) -> u8 {
        self as u8
    }

    /// The hash that a key of this algorithm signs: its strength matches the key's.
    pub fn hash(self) -> Hash {
        match self {
            EcdsaP384 | EcdsaBrainpoolP384r1 | MlDsa65 => Hash::Sha384,
            _ => Hash::Sha256,
        }
    }

    /// Whether a quantum computer leaves it standing.
    pub fn quantum_safe(self) -> bool {
        matches!(self, FnDsa512 | MlDsa44 | MlDsa65 | EcdsaP256FnDsa512)
    }

    /// Length of a coordinate of the curve in bytes; zero where there is no curve.
    pub(crate) fn coordinate(self) -> usize {
        match self {
            EcdsaP256 | EcdsaBrainpoolP256r1 | EcdsaP256FnDsa512 | Sm2 => 32,
            EcdsaP384 | EcdsaBrainpoolP384r1 => 48,
            FnDsa512 | MlDsa44 | MlDsa65 => 0,
        }
    }

    /// Length in bytes of a post-quantum key and signature; `None` for a curve.
    pub(crate) fn octet_sizes(self) -> Option<(usize, usize)> {
        match self {
            FnDsa512 => Some((897, 666)),
            MlDsa44 => Some((1312, 2420)),
            MlDsa65 => Some((1952, 3309)),
            _ => None,
        }
    }
}

/// A set of algorithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    /// Every algorithm that this engine can verify.
    pub fn all() -> Self {
        Algorithm::ALL.into_iter().filter(|&algorithm| algorithm != Sm2).collect()
    }

    /// Whether `algorithm` is a member.
    pub fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & 1 << algorithm.index() != 0
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        Self(algorithms.into_iter().fold(0, |set, algorithm| set | 1 << algorithm.index()))
    }
}
