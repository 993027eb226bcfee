//! Judging one message against what is known and what is asked.

use std::sync::Arc;

use aws_lc_rs::digest::Digest;

use crate::algorithm::Algorithm;
use crate::certificate::{Certificate, HashedId8};
use crate::identity::{Identity, Issuers, encryption_curve, point_holds, received_hash, signature_input};
use crate::knowledge::Knowledge;
use crate::message::{Content, Header, HeaderKey, Payload, SignedData, Signer};
use crate::policy::Policy;
use crate::region::Location;
use crate::verdict::{Reason, Summary, Verdict};
use crate::verifier::At;
use crate::verifying_key::VerifyingKey;
use crate::wire::Signature;

/// What a message taught, to be committed in order.
pub(crate) struct Evaluation {
    pub(crate) verdict: Verdict,
    pub(crate) signer: Option<Arc<Identity>>,
    pub(crate) learn: bool,
    pub(crate) replay: Option<([u8; 32], u64)>,
    /// The certificate without which nothing more can be said.
    pub(crate) missing: Option<HashedId8>,
}

/// One judgement: what is known, what is asked, when and where.
pub(crate) struct Judge<'k> {
    pub(crate) knowledge: &'k Knowledge,
    pub(crate) policy: &'k Policy,
    pub(crate) at: At,
    pub(crate) here: Option<Location>,
}

impl Judge<'_> {
    /// Read and judge a message.
    pub(crate) fn evaluate(&self, message: &[u8]) -> Evaluation {
        let signed = match Content::parse(message, &self.policy.limits) {
            Ok(Content::Signed(signed)) => signed,
            // What is not signed cannot be believed; what is encrypted is for somebody else to open.
            Ok(Content::Encrypted(_)) => return Evaluation::unread(Reason::UnsupportedAlgorithm),
            Ok(_) => return Evaluation::unread(Reason::UnknownSigner),
            Err(error) => return Evaluation::unread(error.into()),
        };
        self.judge(&signed)
    }

    fn judge(&self, signed: &SignedData<'_>) -> Evaluation {
        let (signers, learn) = self.signers(signed);
        let mut evaluation = Evaluation {
            verdict: Verdict { summary: Some(Box::new(summarize(signed))), ..Verdict::unread(Reason::Ok) },
            signer: None,
            learn,
            replay: None,
            missing: None,
        };
        let verdict = &mut evaluation.verdict;
        match &signed.signer {
            Signer::Itself => {
                let (reason, input) = self.check_self(signed);
                verdict.signature = Some(reason);
                verdict.permission = Some(self.protection(signed));
                evaluation.replay = self.replay_name(signed, input);
            }
            Signer::Digest(id) if signers.is_empty() => {
                verdict.signature = Some(Reason::UnknownSigner);
                evaluation.missing = Some(*id);
            }
            _ => {
                let mut attempts = signers.into_iter().map(|signer| {
                    let (reason, input) = self.check(signed, &signer);
                    (reason, input, signer)
                });
                let first = attempts.next();
                let best = match first {
                    Some(attempt) if attempt.0 == Reason::Ok => Some(attempt),
                    Some(attempt) => Some(attempts.find(|other| other.0 == Reason::Ok).unwrap_or(attempt)),
                    None => None,
                };
                if let Some((reason, input, signer)) = best {
                    verdict.signature = Some(reason);
                    self.judge_signer(signed, &signer, verdict);
                    evaluation.replay = self.replay_name(signed, input);
                    let believed = signer.chain() == Reason::Ok || self.pin_of(&signer).is_some();
                    evaluation.learn = learn && believed;
                    evaluation.signer = believed.then_some(signer);
                }
            }
        }
        if let Signer::Certificates(certificates) = &signed.signer
            && verdict.chain.or(verdict.signature) == Some(Reason::UnknownIssuer)
        {
            evaluation.missing = certificates.last().and_then(Certificate::issuer_id);
        }
        if let Some(summary) = &mut verdict.summary {
            summary.missing = evaluation.missing;
        }
        verdict.freshness = self.freshness(signed);
        evaluation.verdict = evaluation.verdict.conclude();
        evaluation
    }

    /// What names the message among those remembered, and its time.
    fn replay_name(&self, signed: &SignedData<'_>, input: Option<[u8; 32]>) -> Option<([u8; 32], u64)> {
        let input = input.filter(|_| self.policy.replay)?;
        Some((input, signed.header.generation_time.unwrap_or_default()))
    }

    /// Who may have signed: the certificates at hand with that digest, or the one that came along. Says
    /// whether it is new.
    fn signers(&self, signed: &SignedData<'_>) -> (Vec<Arc<Identity>>, bool) {
        match &signed.signer {
            Signer::Itself => (Vec::new(), false),
            Signer::Digest(id) => (self.knowledge.find(id), false),
            Signer::Certificates(certificates) => {
                let received = received_hash(certificates[0].bytes);
                // Companions are looked into each time: nothing in a message may go unchecked.
                if certificates.len() == 1
                    && let Some(known) = self.knowledge.find_received(&received)
                {
                    return (vec![known], false);
                }
                let mut issuers = WithCompanions { knowledge: self.knowledge, companions: Vec::new() };
                for certificate in certificates.iter().skip(1).rev() {
                    let companion = Arc::new(Identity::establish(certificate, &issuers));
                    issuers.companions.push(companion);
                }
                let signer = Identity::establish_received(&certificates[0], received, &issuers);
                (vec![Arc::new(signer)], true)
            }
        }
    }

    fn pin_of(&self, signer: &Identity) -> Option<&Arc<VerifyingKey>> {
        self.knowledge.pinned.get(&signer.hashed_id8())
    }

    /// Whether the signature holds, and its input, which names the message and its signer.
    fn check(&self, signed: &SignedData<'_>, signer: &Identity) -> (Reason, Option<[u8; 32]>) {
        let pinned = self.pin_of(signer).map(AsRef::as_ref);
        let Some(key) = pinned.or(signer.key()) else {
            let unknown = signer.chain() == Reason::UnknownIssuer;
            return (if unknown { Reason::UnknownIssuer } else { Reason::UnsupportedAlgorithm }, None);
        };
        self.check_with(signed, key, signer.digest_value())
    }

    fn check_self(&self, signed: &SignedData<'_>) -> (Reason, Option<[u8; 32]>) {
        match &self.knowledge.pinned_self {
            Some(key) => self.check_with(signed, key, &key.algorithm().hash().digest(&[])),
            None => (Reason::UnknownSigner, None),
        }
    }

    fn check_with(
        &self,
        signed: &SignedData<'_>,
        key: &VerifyingKey,
        signer_digest: &Digest,
    ) -> (Reason, Option<[u8; 32]>) {
        let hash = key.algorithm().hash();
        if signed.hash != Some(hash) {
            return (Reason::HashMismatch, None);
        }
        if !supported(self.policy, &signed.signature) || !self.policy.supported.contains(key.algorithm()) {
            return (Reason::UnsupportedAlgorithm, None);
        }
        let mut input = signature_input(hash, signed.to_be_signed, signer_digest);
        if !key.verify(&input, &signed.signature) {
            let Some(canonical) = signed.canonical_to_be_signed().filter(|_| key_in_header_holds(signed))
            else {
                return (Reason::BadSignature, None);
            };
            input = signature_input(hash, &canonical, signer_digest);
            if !key.verify(&input, &signed.signature) {
                return (Reason::BadSignature, None);
            }
        }
        let mut name = [0; 32];
        name.copy_from_slice(&input.as_ref()[..32]);
        (Reason::Ok, Some(name))
    }

    fn judge_signer(&self, signed: &SignedData<'_>, signer: &Identity, verdict: &mut Verdict) {
        let header = &signed.header;
        let pinned = self.pin_of(signer).is_some();
        // Whoever pins a key has decided about its issuer.
        let chain_unknown = matches!(signer.chain(), Reason::UnknownIssuer | Reason::UntrustedRoot);
        verdict.chain = if pinned && chain_unknown { None } else { Some(self.chain(signer)) };
        verdict.validity =
            if self.is_revoked(signer) { Some(Reason::Revoked) } else { self.validity(header, signer) };
        let anchored = self.is_anchored(signer, self.latest(header));
        verdict.permission = Some(self.permission(signed, signer, anchored, pinned));
        if let Some(summary) = &mut verdict.summary {
            summary.signer = Some(signer.hashed_id8());
            summary.certificate_algorithm = signer.signed_with();
            summary.anchored = anchored;
            let ssp = signer.permission(header.psid).and_then(|permission| permission.ssp.as_ref());
            summary.ssp = ssp.map(|ssp| ssp.octets().to_vec());
        }
    }

    /// The chain as it was judged, as far as this receiver could have computed it.
    fn chain(&self, signer: &Identity) -> Reason {
        let computable =
            || signer.chain_algorithms().all(|algorithm| self.policy.supported.contains(algorithm));
        match signer.chain() {
            Reason::Ok if !computable() => Reason::UnsupportedAlgorithm,
            reason => reason,
        }
    }

    /// The certificates must hold when the message was made and still when it is judged: a message that is
    /// good for long does not outlive them, and whoever holds an old key cannot date back.
    fn validity(&self, header: &Header, signer: &Identity) -> Option<Reason> {
        let latest = self.latest(header)?;
        let made = header.generation_time.map_or(Reason::Ok, |made| signer.valid_at(made));
        Some(if made == Reason::Ok { signer.valid_at(latest) } else { made })
    }

    /// The instant of judgement, or the message's own where that is later or all there is.
    fn latest(&self, header: &Header) -> Option<u64> {
        let now = match self.at {
            At::Time(now) => Some(now),
            At::Message => None,
        };
        now.max(header.generation_time)
    }

    fn is_revoked(&self, signer: &Identity) -> bool {
        let nothing = self.knowledge.revoked.is_empty() && self.knowledge.revoked_linkage.is_empty();
        !nothing
            && std::iter::once(signer)
                .chain(signer.ancestors())
                .any(|identity| self.knowledge.names_revoked(identity))
    }

    fn is_anchored(&self, signer: &Identity, instant: Option<u64>) -> bool {
        let until = self.knowledge.anchors.peek(&signer.received);
        until.is_some_and(|&until| instant.is_none_or(|instant| instant < until))
    }

    fn permission(&self, signed: &SignedData<'_>, signer: &Identity, anchored: bool, pinned: bool) -> Reason {
        let psid = signed.header.psid;
        let Some(permission) = signer.permission(psid) else { return Reason::PsidNotPermitted };
        if let Some(required) = self.policy.required_ssp.get(&psid) {
            let octets = permission.ssp.as_ref().map_or(&[][..], crate::permissions::Ssp::octets);
            if !crate::permissions::matches(octets, &required.value, &required.mask) {
                return Reason::SspMismatch;
            }
        }
        let place = signed.header.generation_location.filter(|place| place.is_known()).or(self.here);
        if place.and_then(|place| signer.valid_in(place)) == Some(false) {
            return Reason::OutsideRegion;
        }
        // The certificate itself says what its holder can do.
        let stripped = signer.algorithm() == Some(Algorithm::EcdsaP256FnDsa512)
            && signed.signature.algorithm() != signer.algorithm();
        // A chain is as strong as its weakest signature.
        let mut chain = signer.chain_algorithms();
        let certificates_ok =
            pinned || anchored || chain.all(|algorithm| self.policy.certificates.contains(algorithm));
        if certificates_ok && !stripped { self.protection(signed) } else { Reason::PolicyDowngrade }
    }

    /// Whether the message's own signature is of a kind that the policy accepts.
    fn protection(&self, signed: &SignedData<'_>) -> Reason {
        let psid = signed.header.psid;
        let accepted = self.policy.messages_by_psid.get(&psid).copied().unwrap_or(self.policy.messages);
        match signed.signature.algorithm() {
            Some(algorithm) if accepted.contains(algorithm) => Reason::Ok,
            _ => Reason::PolicyDowngrade,
        }
    }

    fn freshness(&self, signed: &SignedData<'_>) -> Option<Reason> {
        let header = &signed.header;
        // Made strictly before it ends, or invalid (clause 6.3.9).
        let made_after_end =
            matches!((header.generation_time, header.expiry_time), (Some(made), Some(end)) if made >= end);
        let At::Time(now) = self.at else { return made_after_end.then_some(Reason::Expired) };
        if made_after_end || header.expiry_time.is_some_and(|end| now > end) {
            return Some(Reason::Expired);
        }
        let Some(made) = header.generation_time else {
            // Without either time nothing tells it from a message of last year.
            return Some(if header.expiry_time.is_some() { Reason::Ok } else { Reason::Stale });
        };
        let allowed = self.policy.freshness_by_psid.get(&header.psid).unwrap_or(&self.policy.freshness);
        Some(match now.checked_sub(made) {
            None if made - now > allowed.max_ahead_us => Reason::Future,
            // A message that says when it ends is fresh until then.
            Some(age) if age > allowed.max_age_us && header.expiry_time.is_none() => Reason::Stale,
            _ => Reason::Ok,
        })
    }
}

impl Evaluation {
    fn unread(reason: Reason) -> Self {
        Self { verdict: Verdict::unread(reason), signer: None, learn: false, replay: None, missing: None }
    }
}

/// Issuers that came along with a message, before those at hand.
struct WithCompanions<'k> {
    knowledge: &'k Knowledge,
    companions: Vec<Arc<Identity>>,
}

impl Issuers for WithCompanions<'_> {
    fn find(&self, id: &HashedId8) -> Vec<Arc<Identity>> {
        let companions = self.companions.iter().filter(|companion| companion.hashed_id8() == *id).cloned();
        companions.chain(self.knowledge.find(id)).collect()
    }

    fn trusts(&self, digest: &[u8]) -> bool {
        self.knowledge.trusts(digest)
    }
}

/// Whether the key in the header lies on its curve: the canonical form keeps of its y no more than the parity.
fn key_in_header_holds(signed: &SignedData<'_>) -> bool {
    match &signed.header_key {
        Some(HeaderKey::Public(curve, point)) => point_holds(encryption_curve(*curve), point),
        _ => false,
    }
}

fn supported(policy: &Policy, signature: &Signature<'_>) -> bool {
    signature.algorithm().is_some_and(|algorithm| policy.supported.contains(algorithm))
}

fn summarize(signed: &SignedData<'_>) -> Summary {
    let header = &signed.header;
    Summary {
        psid: header.psid,
        generation_time: header.generation_time,
        expiry_time: header.expiry_time,
        generation_location: header.generation_location,
        signer: match &signed.signer {
            Signer::Digest(id) => Some(*id),
            // Known once the certificate is looked into.
            Signer::Certificates(_) | Signer::Itself => None,
        },
        with_certificate: matches!(signed.signer, Signer::Certificates(_)),
        algorithm: signed.signature.algorithm(),
        certificate_algorithm: None,
        anchored: false,
        payload: match &signed.payload {
            Payload::Data { range, .. } => range.clone(),
            _ => 0..0,
        },
        ssp: None,
        missing: None,
        p2pcd_requests: header
            .p2pcd_learning_request
            .iter()
            .chain(&header.inline_p2pcd_request)
            .copied()
            .collect(),
        requested_certificate: header.requested_certificate.clone(),
    }
}
