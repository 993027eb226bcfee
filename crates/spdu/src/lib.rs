//! Secured messages and certificates of IEEE 1609.2 and ETSI TS 103 097: read, verify, decide, sign.
//!
//! Bytes in, verdicts out: no I/O, no clock. What is received is hashed and verified as received.
#![deny(unsafe_code)]

pub mod algorithm;
mod brainpool;
pub mod butterfly;
pub mod certificate;
pub mod coer;
pub mod encode;
mod fn_dsa_512;
pub mod identity;
mod judge;
mod knowledge;
pub mod message;
mod nist;
pub mod permissions;
pub mod policy;
pub mod region;
mod replay;
pub mod signing_key;
mod twin;
pub mod verdict;
pub mod verifier;
pub mod verifying_key;
pub mod wire;
