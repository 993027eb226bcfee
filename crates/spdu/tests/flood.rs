//! A hostile flood leaves the caches within their limits and the memory flat.
//!
//! `ROADSEAL_FLOOD_MESSAGES` sets how many messages: 100,000 by default. Ten million, with the limits that
//! the policy has by default, take a few minutes:
//!
//!     ROADSEAL_FLOOD_MESSAGES=10000000 cargo test --release -p spdu --test flood -- --nocapture
#![allow(clippy::print_stdout)] // the figures are what the long run is for

use spdu::algorithm::{Algorithm, Hash};
use spdu::certificate::{Certificate, Issuer};
use spdu::encode::{self, Body, CertificateSpec, Duration, HeaderSpec, IdSpec, SignerSpec};
use spdu::permissions::{GroupPermissions, PsidSsp};
use spdu::policy::Policy;
use spdu::signing_key::{SigningKey, signing_digest};
use spdu::verdict::Reason;
use spdu::verifier::{At, Verifier};

const START_S: u32 = 700_000_000;
const NOW: u64 = 700_000_010_000_000;
const CAM: u64 = 36;
const P256: Algorithm = Algorithm::EcdsaP256;
const BATCH: u64 = 10_000;

struct Holder {
    certificate: Vec<u8>,
    digest: Vec<u8>,
    key: SigningKey,
}

/// A certificate for `key`, signed by `issuer` or by itself.
fn certify(key: SigningKey, issuer: Option<&Holder>, authority: bool) -> Holder {
    let issuer_id = issuer.map_or(Issuer::Itself(Hash::Sha256), |holder| {
        let mut id = [0; 8];
        id.copy_from_slice(&holder.digest[24..]);
        Issuer::Digest(Hash::Sha256, id)
    });
    let everything = GroupPermissions {
        subjects: None,
        min_chain_length: 1,
        chain_length_range: -1,
        app: true,
        enrol: false,
    };
    let spec = CertificateSpec {
        issuer: issuer_id,
        implicit: false,
        id: IdSpec::None,
        craca_id: [0; 3],
        crl_series: 0,
        start_s: START_S,
        duration: Duration { unit: 4, count: 1_000 },
        region: None,
        assurance: None,
        app_permissions: if authority { vec![] } else { vec![PsidSsp { psid: CAM, ssp: None }] },
        issue_permissions: if authority { vec![everything] } else { vec![] },
        request_permissions: vec![],
        can_request_rollover: false,
        encryption_key: None,
        key: (P256, key.public().to_vec()),
    };
    let to_be_signed = encode::to_be_signed_certificate(&spec, None).expect("fits");
    let digest = signing_digest(Hash::Sha256, &to_be_signed, issuer.map(|holder| holder.digest.as_slice()));
    let signature = issuer.map_or(&key, |holder| &holder.key).sign(P256, &digest).expect("a signature");
    let certificate = encode::certificate(issuer_id, &to_be_signed, Some((P256, &signature))).expect("fits");
    let digest = Certificate::parse(&certificate).expect("our own").digest().as_ref().to_vec();
    Holder { certificate, digest, key }
}

fn generate() -> SigningKey {
    SigningKey::generate(P256).expect("randomness")
}

/// A valid message; each `number` is another one.
fn message(holder: &Holder, number: u64, with_certificate: bool) -> Vec<u8> {
    let header = HeaderSpec { psid: CAM, generation_time: Some(NOW + number / 10), ..Default::default() };
    let to_be_signed = encode::to_be_signed_data(Body::Data(&number.to_be_bytes()), &header);
    let digest = signing_digest(Hash::Sha256, &to_be_signed, Some(&holder.digest));
    let signature = holder.key.sign(P256, &digest).expect("a signature");
    let mut id = [0; 8];
    id.copy_from_slice(&holder.digest[24..]);
    let signer =
        if with_certificate { SignerSpec::Certificate(&holder.certificate) } else { SignerSpec::Digest(id) };
    encode::signed_data(Hash::Sha256, &to_be_signed, signer, P256, &signature).expect("fits")
}

/// Unlike any other number's: SplitMix64.
fn scrambled(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

struct Flood {
    insider: Holder,
    authority: Holder,
    by_digest: Vec<u8>,
    by_certificate: Vec<u8>,
    foreign: Vec<u8>,
}

impl Flood {
    /// The hostile message of this number: most fail cheaply, some cost a verification, some are valid.
    fn message(&self, number: u64) -> Vec<u8> {
        let noise = scrambled(number).to_be_bytes();
        match number % 100 {
            // A key that the authority has certified, used to fill the memory of messages seen.
            0..=2 => message(&self.insider, number, false),
            // As many certified stations as anybody could own.
            3 if number % 500 == 3 => {
                message(&certify(generate(), Some(&self.authority), false), number, true)
            }
            // A forged signature of somebody known.
            4 | 5 => altered(&self.by_digest, self.by_digest.len() - 8, &noise),
            // A station of an authority that nobody knows, and bent certificates of it.
            6 => self.foreign.clone(),
            7 => altered(&self.foreign, self.foreign.len() - 190, &noise),
            // A certificate whose issuer's signature is wrong.
            8 => altered(&self.by_certificate, self.by_certificate.len() - 90, &noise),
            // Cut short, replayed, blown up.
            9..=30 => self.by_certificate[..usize::from(noise[0]) % self.by_certificate.len()].to_vec(),
            31..=35 => self.by_digest.clone(),
            36 => [self.by_digest.as_slice(), &vec![0; 70_000]].concat(),
            37 => noise.repeat(1 + usize::from(noise[1])),
            // Signers that do not exist.
            _ => altered(&self.by_digest, self.by_digest.len() - 74, &noise),
        }
    }
}

fn altered(octets: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut copy = octets.to_vec();
    copy[at..at + with.len()].copy_from_slice(with);
    copy
}

/// Resident memory in bytes (Linux); zero elsewhere.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split_whitespace().nth(1).and_then(|count| count.parse::<usize>().ok()).unwrap_or_default() * 4_096
}

#[test]
fn caches_stay_within_their_limits() {
    let total: u64 =
        std::env::var("ROADSEAL_FLOOD_MESSAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let mut policy = Policy::default();
    if total < 1_000_000 {
        policy.learned_certificates = 50;
        policy.remembered_messages = 1_000;
    }
    let (most_learned, most_remembered) = (policy.learned_certificates, policy.remembered_messages);
    let verifier = Verifier::new(policy, 1);
    let root = certify(generate(), None, true);
    assert_eq!(verifier.add_root(&root.certificate), Reason::Ok);
    let insider = certify(generate(), Some(&root), false);
    verifier.add_certificates(&[&insider.certificate]);
    let stranger = certify(generate(), Some(&certify(generate(), None, true)), false);
    let flood = Flood {
        by_digest: message(&insider, 4, false),
        by_certificate: message(&certify(generate(), Some(&root), false), 1, true),
        foreign: message(&stranger, 1, true),
        insider,
        authority: root,
    };
    let mut counts = std::collections::BTreeMap::new();
    let mut memory = Vec::new();
    for first in (0..total).step_by(BATCH as usize) {
        let messages: Vec<_> =
            (first..total.min(first + BATCH)).map(|number| flood.message(number)).collect();
        for verdict in verifier.verify_batch(&messages, At::Time(NOW + 1_000_000), None) {
            *counts.entry(verdict.overall.id()).or_insert(0u64) += 1;
        }
        let occupancy = verifier.occupancy();
        assert!(occupancy.learned <= most_learned, "{occupancy:?}");
        assert!(occupancy.remembered <= most_remembered, "{occupancy:?}");
        assert_eq!((occupancy.trusted, occupancy.anchored), (2, 0));
        if (occupancy.learned, occupancy.remembered) == (most_learned, most_remembered) {
            memory.push(resident());
        }
    }
    let occupancy = verifier.occupancy();
    // Both caches were really filled, and from then on nothing grew.
    let (Some(&full), Some(&end)) = (memory.first(), memory.last()) else {
        panic!("not filled: {occupancy:?}")
    };
    println!("{total} messages: {counts:?}");
    println!("{occupancy:?}; resident {} MiB once full, {} MiB at the end", full >> 20, end >> 20);
    println!("the last {} messages came with full caches", memory.len() as u64 * BATCH);
    assert!(end < full + (8 << 20), "{full} then {end} bytes resident");
    for reason in
        ["ok", "malformed", "unknown_signer", "unknown_issuer", "bad_signature", "replay", "too_large"]
    {
        assert!(counts.contains_key(reason), "{reason} in {counts:?}");
    }
}
