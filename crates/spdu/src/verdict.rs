//! The answer to "may this message be believed?".

use std::ops::Range;

use crate::algorithm::Algorithm;
use crate::certificate::HashedId8;
use crate::coer::ParseError;
use crate::region::Location;

/// Why a message or certificate was, or was not, believed. The list is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It holds.
    Ok,
    /// The bytes are not what they claim to be.
    Malformed,
    /// It needs an algorithm or choice that is not supported here.
    UnsupportedAlgorithm,
    /// The signature does not hold.
    BadSignature,
    /// The signer's certificate is not at hand.
    UnknownSigner,
    /// An issuer's certificate is not at hand.
    UnknownIssuer,
    /// The chain ends in a root that is not trusted.
    UntrustedRoot,
    /// The hash named is not the one of the signer's key, or not the one of the data.
    HashMismatch,
    /// The certificate or the message had ended.
    Expired,
    /// The certificate had not begun.
    NotYetValid,
    /// The certificate does not permit this service.
    PsidNotPermitted,
    /// The certificate does not permit this within the service.
    SspMismatch,
    /// The certificate does not hold here.
    OutsideRegion,
    /// Too old.
    Stale,
    /// From a time that has not come.
    Future,
    /// Seen before.
    Replay,
    /// Revoked, or issued by a revoked authority.
    Revoked,
    /// Less protection than the policy asks for, or than the signer is known to be capable of.
    PolicyDowngrade,
    /// Larger than the limit.
    TooLarge,
    /// Nested deeper than the limit.
    TooDeep,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 20] = [
        Self::Ok,
        Self::Malformed,
        Self::UnsupportedAlgorithm,
        Self::BadSignature,
        Self::UnknownSigner,
        Self::UnknownIssuer,
        Self::UntrustedRoot,
        Self::HashMismatch,
        Self::Expired,
        Self::NotYetValid,
        Self::PsidNotPermitted,
        Self::SspMismatch,
        Self::OutsideRegion,
        Self::Stale,
        Self::Future,
        Self::Replay,
        Self::Revoked,
        Self::PolicyDowngrade,
        Self::TooLarge,
        Self::TooDeep,
    ];

    /// The stable name.
    pub fn id(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Malformed => "malformed",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::BadSignature => "bad_signature",
            Self::UnknownSigner => "unknown_signer",
            Self::UnknownIssuer => "unknown_issuer",
            Self::UntrustedRoot => "untrusted_root",
            Self::HashMismatch => "hash_mismatch",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::PsidNotPermitted => "psid_not_permitted",
            Self::SspMismatch => "ssp_mismatch",
            Self::OutsideRegion => "outside_region",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::Replay => "replay",
            Self::Revoked => "revoked",
            Self::PolicyDowngrade => "policy_downgrade",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
        }
    }
}

impl From<ParseError> for Reason {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Malformed { .. } => Self::Malformed,
            ParseError::Unsupported { .. } => Self::UnsupportedAlgorithm,
            ParseError::TooLarge => Self::TooLarge,
            ParseError::TooDeep => Self::TooDeep,
        }
    }
}

/// What a message says of itself, whether or not it is believed.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The service.
    pub psid: u64,
    /// When it was made, Time64.
    pub generation_time: Option<u64>,
    /// When it ends, Time64.
    pub expiry_time: Option<u64>,
    /// Where it was made.
    pub generation_location: Option<Location>,
    /// The signer's digest; `None` if the signer is "self".
    pub signer: Option<HashedId8>,
    /// Whether the certificate came along.
    pub with_certificate: bool,
    /// What signed the message.
    pub algorithm: Option<Algorithm>,
    /// What signed the certificate, where that is known.
    pub certificate_algorithm: Option<Algorithm>,
    /// Whether a post-quantum batch vouches for the certificate.
    pub anchored: bool,
    /// Where the innermost payload lies.
    pub payload: Range<usize>,
    /// The signer's permissions within the service, where it has any.
    pub ssp: Option<Vec<u8>>,
    /// The certificate without which nothing more can be said: the signer's or an issuer's.
    pub missing: Option<HashedId8>,
    /// The certificates that the sender asks for, by their HashedId3.
    pub p2pcd_requests: Vec<[u8; 3]>,
    /// Where a certificate lies that somebody had asked for.
    pub requested_certificate: Option<Range<usize>>,
}

/// The answer, part by part. `None` is "not looked at", never "fine".
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The first part that fails, in the order below; `Ok` if none does.
    pub overall: Reason,
    /// The signature over the message.
    pub signature: Option<Reason>,
    /// The certificates up to a trusted root, and their permissions to issue.
    pub chain: Option<Reason>,
    /// Validity of the certificates in time, and revocation.
    pub validity: Option<Reason>,
    /// Service, SSP, region and minimum protection.
    pub permission: Option<Reason>,
    /// Age and replay.
    pub freshness: Option<Reason>,
    /// What the message says of itself; `None` if it could not be read.
    pub summary: Option<Box<Summary>>,
}

impl Verdict {
    /// A verdict on bytes that could not be looked into.
    pub(crate) fn unread(reason: Reason) -> Self {
        Self {
            overall: reason,
            signature: None,
            chain: None,
            validity: None,
            permission: None,
            freshness: None,
            summary: None,
        }
    }

    pub(crate) fn conclude(mut self) -> Self {
        let parts = [self.signature, self.chain, self.validity, self.permission, self.freshness];
        self.overall = parts.into_iter().flatten().find(|&part| part != Reason::Ok).unwrap_or(Reason::Ok);
        self
    }
}
