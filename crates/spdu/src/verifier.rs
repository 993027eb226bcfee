//! The verifier: decides whether messages may be believed.
//!
//! A batch is evaluated in parallel against one state of knowledge and then committed in order, so the
//! answer depends on the order of messages and on nothing else.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use aws_lc_rs::digest::Digest;
use lru::LruCache;
use rayon::prelude::*;

use crate::algorithm::Algorithm;
use crate::certificate::{Certificate, HashedId8, last_eight};
use crate::identity::{Identity, Issuers, received_hash, signature_input};
use crate::message::{Content, Header, Payload, SignedData, Signer};
use crate::policy::Policy;
use crate::region::Location;
use crate::replay::ReplayCache;
use crate::verdict::{Reason, Summary, Verdict};
use crate::verifying_key::VerifyingKey;
use crate::wire::Signature;

/// At which instant messages are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// This one, Time64: live reception.
    Time(u64),
    /// Each message's own generation time: a recording. Age is not looked at.
    Message,
}

/// Decides whether messages may be believed. Shared between threads.
pub struct Verifier {
    policy: Policy,
    knowledge: RwLock<Knowledge>,
    pool: Option<rayon::ThreadPool>,
}

/// How full the caches are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Certificates put there by the operator.
    pub trusted: usize,
    /// Certificates learned from messages.
    pub learned: usize,
    /// Messages remembered against replay.
    pub remembered: usize,
    /// Certificates that a post-quantum batch vouches for.
    pub anchored: usize,
}

struct Knowledge {
    trusted: HashMap<HashedId8, Vec<Arc<Identity>>>,
    roots: Vec<Vec<u8>>,
    pinned: HashMap<HashedId8, Arc<VerifyingKey>>,
    pinned_self: Option<Arc<VerifyingKey>>,
    revoked: HashMap<HashedId8, Vec<Vec<u8>>>,
    learned: LruCache<[u8; 32], Arc<Identity>>,
    learned_ids: HashMap<HashedId8, Vec<[u8; 32]>>,
    anchors: LruCache<[u8; 32], u64>,
    replay: ReplayCache,
}

/// What a message taught, to be committed in order.
struct Evaluation {
    verdict: Verdict,
    signer: Option<Arc<Identity>>,
    learn: bool,
    replay: Option<([u8; 32], u64)>,
    missing: Option<HashedId8>,
}

impl Verifier {
    /// A verifier with this policy, using `threads` cores for batches.
    pub fn new(policy: Policy, threads: usize) -> Self {
        let capacity = |count: usize| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        let knowledge = RwLock::new(Knowledge {
            trusted: HashMap::new(),
            roots: Vec::new(),
            pinned: HashMap::new(),
            pinned_self: None,
            revoked: HashMap::new(),
            learned: LruCache::new(capacity(policy.learned_certificates)),
            learned_ids: HashMap::new(),
            anchors: LruCache::new(capacity(policy.anchored_certificates)),
            replay: ReplayCache::new(policy.remembered_messages),
        });
        let build = || rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok();
        let pool = if threads > 1 { build() } else { None };
        Self { policy, knowledge, pool }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Trust this self-signed certificate. Its verdict: `Ok`, or why it cannot be a root.
    pub fn add_root(&self, bytes: &[u8]) -> Reason {
        let certificate = match Certificate::parse(bytes) {
            Ok(certificate) => certificate,
            Err(error) => return error.into(),
        };
        let mut knowledge = self.write();
        let digest = certificate.digest().as_ref().to_vec();
        knowledge.roots.push(digest);
        let identity = Identity::establish(&certificate, &*knowledge);
        let reason = identity.chain();
        if reason == Reason::Ok {
            knowledge.trust(identity);
            knowledge.adopt_orphans();
        } else {
            drop(knowledge.roots.pop())
        }
        reason
    }

    /// Keep these certificates for good, in whatever order they come; those below a broken chain stay as
    /// untrusted as it is. The answer has one reason a certificate.
    pub fn add_certificates<C: AsRef<[u8]>>(&self, certificates: &[C]) -> Vec<Reason> {
        let mut reasons = vec![None; certificates.len()];
        loop {
            let before = reasons.iter().flatten().count();
            for (bytes, reason) in
                certificates.iter().zip(&mut reasons).filter(|(_, reason)| reason.is_none())
            {
                match self.look_into(bytes.as_ref()) {
                    // The issuer may be among those still to come.
                    Ok(identity) if identity.chain() == Reason::UnknownIssuer => {}
                    Ok(identity) => *reason = Some(self.keep(identity)),
                    Err(unreadable) => *reason = Some(unreadable),
                }
            }
            if reasons.iter().flatten().count() == before {
                break;
            }
        }
        let orphaned = |(bytes, reason): (&C, Option<Reason>)| {
            reason.unwrap_or_else(|| {
                self.look_into(bytes.as_ref()).map_or_else(|r| r, |orphan| self.keep(orphan))
            })
        };
        let reasons = certificates.iter().zip(reasons).map(orphaned).collect();
        self.write().adopt_orphans();
        reasons
    }

    fn keep(&self, identity: Identity) -> Reason {
        let reason = identity.chain();
        self.write().trust(identity);
        reason
    }

    /// Learn this certificate as if it had come with a message: kept while there is room.
    pub fn learn(&self, bytes: &[u8]) -> Reason {
        let identity = match self.look_into(bytes) {
            Ok(identity) => identity,
            Err(reason) => return reason,
        };
        let reason = identity.chain();
        let mut knowledge = self.write();
        if reason == Reason::Ok || knowledge.pinned.contains_key(&identity.hashed_id8()) {
            knowledge.learn(Arc::new(identity));
        }
        reason
    }

    /// What would be known of this certificate, without keeping it.
    pub fn look_into(&self, bytes: &[u8]) -> Result<Identity, Reason> {
        let certificate = Certificate::parse(bytes)?;
        Ok(Identity::establish(&certificate, &*self.read()))
    }

    /// Take this key for the signer with this digest, whoever issued its certificate; `None` for the
    /// signer "self".
    pub fn pin(&self, signer: Option<HashedId8>, key: VerifyingKey) {
        let mut knowledge = self.write();
        match signer {
            Some(id) => drop(knowledge.pinned.insert(id, Arc::new(key))),
            None => knowledge.pinned_self = Some(Arc::new(key)),
        }
    }

    /// Refuse what this certificate, or anything it issued, has signed. `hash` is the end of its hash: a
    /// HashedId8, a HashedId10 or more.
    pub fn revoke(&self, hash: &[u8]) {
        if hash.len() >= 8 {
            self.write().revoked.entry(last_eight(hash)).or_default().push(hash.to_vec());
        }
    }

    /// A post-quantum batch vouches for the certificate with this SHA-256 until then (Time64).
    pub fn anchor(&self, certificate_sha256: [u8; 32], until_us: u64) {
        self.write().anchors.put(certificate_sha256, until_us);
    }

    /// Whether a certificate with this digest is at hand.
    pub fn knows(&self, signer: &HashedId8) -> bool {
        !self.read().find(signer).is_empty()
    }

    /// How full the caches are.
    pub fn occupancy(&self) -> Occupancy {
        let knowledge = self.read();
        Occupancy {
            trusted: knowledge.trusted.values().map(Vec::len).sum(),
            learned: knowledge.learned.len(),
            remembered: knowledge.replay.len(),
            anchored: knowledge.anchors.len(),
        }
    }

    /// Judge one message. `here` is where the receiver is, for messages that do not say where they are from.
    pub fn verify(&self, message: &[u8], at: At, here: Option<Location>) -> Verdict {
        let evaluation = self.read().evaluate(&self.policy, message, at, here);
        self.write().commit(evaluation)
    }

    /// Judge messages in order.
    pub fn verify_batch<M: AsRef<[u8]> + Sync>(
        &self,
        messages: &[M],
        at: At,
        here: Option<Location>,
    ) -> Vec<Verdict> {
        let evaluate = |message: &M| self.read().evaluate(&self.policy, message.as_ref(), at, here);
        let evaluations: Vec<Evaluation> = match &self.pool {
            Some(pool) => pool.install(|| messages.par_iter().with_min_len(8).map(evaluate).collect()),
            None => messages.iter().map(evaluate).collect(),
        };
        let mut knowledge = self.write();
        let commit = |(evaluation, message): (Evaluation, &M)| {
            // An earlier message of this batch may have brought the certificate that was missing.
            let evaluation = match evaluation.missing {
                Some(id) if !knowledge.find(&id).is_empty() => {
                    knowledge.evaluate(&self.policy, message.as_ref(), at, here)
                }
                _ => evaluation,
            };
            knowledge.commit(evaluation)
        };
        evaluations.into_iter().zip(messages).map(commit).collect()
    }

    // A thread that panicked while holding the lock left whole values behind: each step is one insertion.
    fn read(&self) -> RwLockReadGuard<'_, Knowledge> {
        self.knowledge.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Knowledge> {
        self.knowledge.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issuers for Knowledge {
    fn find(&self, id: &HashedId8) -> Vec<Arc<Identity>> {
        let learned =
            self.learned_ids.get(id).into_iter().flatten().filter_map(|hash| self.learned.peek(hash));
        self.trusted.get(id).into_iter().flatten().chain(learned).cloned().collect()
    }

    fn trusts(&self, digest: &[u8]) -> bool {
        self.roots.iter().any(|root| root == digest)
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

impl Knowledge {
    /// The certificate with these very bytes, already looked into.
    fn find_received(&self, received: &[u8; 32]) -> Option<Arc<Identity>> {
        // Canonical certificates with a SHA-256 digest are filed under the end of this hash.
        let mut trusted = self.trusted.get(&last_eight(received)).into_iter().flatten();
        trusted
            .find(|identity| identity.received == *received)
            .or_else(|| self.learned.peek(received))
            .cloned()
    }

    fn trust(&mut self, identity: Identity) {
        let known = self.trusted.entry(identity.hashed_id8()).or_default();
        known.retain(|other| other.received != identity.received);
        known.push(Arc::new(identity));
    }

    /// Look again into certificates that came before their issuers.
    fn adopt_orphans(&mut self) {
        loop {
            let kept = self.trusted.values().flatten();
            let orphans: Vec<_> = kept.filter(|identity| identity.is_orphan()).cloned().collect();
            let again = |orphan: &Arc<Identity>| {
                let identity = Identity::establish(&Certificate::parse(orphan.bytes()).ok()?, self);
                (identity.chain() != orphan.chain()).then_some(identity)
            };
            let adopted: Vec<_> = orphans.iter().filter_map(again).collect();
            if adopted.is_empty() {
                return;
            }
            adopted.into_iter().for_each(|identity| self.trust(identity));
        }
    }

    fn learn(&mut self, identity: Arc<Identity>) {
        let known = self.trusted.get(&identity.hashed_id8());
        if known.is_some_and(|known| known.iter().any(|other| other.received == identity.received)) {
            return;
        }
        let (hash, id) = (identity.received, identity.hashed_id8());
        match self.learned.push(hash, identity) {
            Some((evicted, _)) if evicted == hash => return,
            Some((evicted, old)) => {
                if let Some(hashes) = self.learned_ids.get_mut(&old.hashed_id8()) {
                    hashes.retain(|hash| *hash != evicted);
                    if hashes.is_empty() {
                        self.learned_ids.remove(&old.hashed_id8());
                    }
                }
            }
            None => {}
        }
        self.learned_ids.entry(id).or_default().push(hash);
    }

    fn commit(&mut self, evaluation: Evaluation) -> Verdict {
        let Evaluation { mut verdict, signer, learn, replay, .. } = evaluation;
        if let Some(identity) = signer {
            if learn {
                self.learn(identity);
            } else {
                self.learned.promote(&identity.received);
            }
        }
        if let Some((key, time)) = replay
            && verdict.overall == Reason::Ok
            && !self.replay.remember(key, time)
        {
            verdict.freshness = Some(Reason::Replay);
            verdict = verdict.conclude();
        }
        verdict
    }

    fn evaluate(&self, policy: &Policy, message: &[u8], at: At, here: Option<Location>) -> Evaluation {
        let signed = match Content::parse(message, &policy.limits) {
            Ok(Content::Signed(signed)) => signed,
            // What is not signed cannot be believed; what is encrypted is for somebody else to open.
            Ok(Content::Encrypted(_)) => return Evaluation::unread(Reason::UnsupportedAlgorithm),
            Ok(_) => return Evaluation::unread(Reason::UnknownSigner),
            Err(error) => return Evaluation::unread(error.into()),
        };
        Judge { knowledge: self, policy, at, here }.judge(&signed)
    }
}

impl Evaluation {
    fn unread(reason: Reason) -> Self {
        Self { verdict: Verdict::unread(reason), signer: None, learn: false, replay: None, missing: None }
    }
}

/// One judgement: what is known, what is asked, when and where.
struct Judge<'k> {
    knowledge: &'k Knowledge,
    policy: &'k Policy,
    at: At,
    here: Option<Location>,
}

impl Judge<'_> {
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
                // Companions are looked into each time: nothing in a message may go unchecked.
                if let [certificate] = certificates.as_slice()
                    && let Some(known) = self.knowledge.find_received(&received_hash(certificate.bytes))
                {
                    return (vec![known], false);
                }
                let mut issuers = WithCompanions { knowledge: self.knowledge, companions: Vec::new() };
                for certificate in certificates.iter().skip(1).rev() {
                    let companion = Arc::new(Identity::establish(certificate, &issuers));
                    issuers.companions.push(companion);
                }
                (vec![Arc::new(Identity::establish(&certificates[0], &issuers))], true)
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
        let input = signature_input(hash, signed.to_be_signed, signer_digest);
        if !key.verify(&input, &signed.signature) {
            return (Reason::BadSignature, None);
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
        let revoked = &self.knowledge.revoked;
        !revoked.is_empty()
            && std::iter::once(signer).chain(signer.ancestors()).any(|identity| {
                let candidates =
                    identity.names().filter_map(|name| revoked.get(&last_eight(name)).zip(Some(name)));
                candidates.into_iter().any(|(hashes, name)| hashes.iter().any(|hash| name.ends_with(hash)))
            })
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
        let made_after_end =
            matches!((header.generation_time, header.expiry_time), (Some(made), Some(end)) if made > end);
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
            Signer::Certificates(certificates) => Some(certificates[0].hashed_id8()),
            Signer::Itself => None,
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
