//! What a receiver asks of messages.

use std::collections::HashMap;

use crate::algorithm::AlgorithmSet;
use crate::message::Limits;

/// How old a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Largest age in microseconds.
    pub max_age_us: u64,
    /// How far ahead of the receiver's clock it may be, in microseconds.
    pub max_ahead_us: u64,
}

/// SSP octets that a service needs: equal to `value` wherever `mask` is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredSsp {
    /// The bits.
    pub value: Vec<u8>,
    /// Which bits matter.
    pub mask: Vec<u8>,
}

/// What a receiver asks of messages. Built once and handed to the verifier.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What this receiver can compute; the rest is `unsupported_algorithm`.
    pub supported: AlgorithmSet,
    /// What may sign messages.
    pub messages: AlgorithmSet,
    /// What may sign messages of particular services, instead of `messages`.
    pub messages_by_psid: HashMap<u64, AlgorithmSet>,
    /// What may sign certificates, unless a post-quantum batch vouches for them.
    pub certificates: AlgorithmSet,
    /// Age of messages.
    pub freshness: Freshness,
    /// Age of messages of particular services, instead of `freshness`.
    pub freshness_by_psid: HashMap<u64, Freshness>,
    /// SSPs that services need.
    pub required_ssp: HashMap<u64, RequiredSsp>,
    /// Refuse what was seen before.
    pub replay: bool,
    /// Read at most this much.
    pub limits: Limits,
    /// Most certificates learned from messages.
    pub learned_certificates: usize,
    /// Most messages remembered against replay.
    pub remembered_messages: usize,
    /// Most certificates for which a post-quantum batch vouches.
    pub anchored_certificates: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            supported: AlgorithmSet::all(),
            messages: AlgorithmSet::all(),
            messages_by_psid: HashMap::new(),
            certificates: AlgorithmSet::all(),
            freshness: Freshness { max_age_us: 10_000_000, max_ahead_us: 1_000_000 },
            freshness_by_psid: HashMap::new(),
            required_ssp: HashMap::new(),
            replay: true,
            limits: Limits::default(),
            learned_certificates: 8_192,
            remembered_messages: 131_072,
            anchored_certificates: 131_072,
        }
    }
}
