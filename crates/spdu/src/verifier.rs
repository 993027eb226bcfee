//! The verifier: decides whether messages may be believed.
//!
//! A batch is evaluated in parallel against one state of knowledge and then committed in order, so the
//! answer depends on the order of messages and on nothing else.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rayon::prelude::*;

use crate::certificate::{Certificate, HashedId8, Scope, last_eight};
use crate::identity::{Identity, Issuers};
use crate::judge::{Evaluation, Judge};
use crate::knowledge::Knowledge;
use crate::policy::Policy;
use crate::region::Location;
use crate::verdict::{Reason, Verdict};
use crate::verifying_key::VerifyingKey;

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

impl Verifier {
    /// A verifier with this policy, using `threads` cores for batches.
    pub fn new(policy: Policy, threads: usize) -> Self {
        let knowledge = RwLock::new(Knowledge::new(&policy));
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
    /// HashedId8, a HashedId10 or more. With a scope, only certificates that name it are meant.
    pub fn revoke(&self, hash: &[u8], scope: Option<Scope>) {
        if hash.len() >= 8 {
            self.write().revoked.entry(last_eight(hash)).or_default().push((hash.to_vec(), scope));
        }
    }

    /// Refuse the certificates of this scope that carry one of these linkage values for this period. Periods
    /// of the scope before the last one are forgotten: their certificates have expired.
    pub fn revoke_linkage(&self, scope: Scope, period: u16, values: impl IntoIterator<Item = [u8; 9]>) {
        let mut knowledge = self.write();
        let current = |&(other, past): &(Scope, u16)| other != scope || past.saturating_add(1) >= period;
        knowledge.revoked_linkage.retain(|key, _| current(key));
        knowledge.revoked_linkage.entry((scope, period)).or_default().extend(values);
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
        let evaluation = self.evaluate(&self.read(), message, at, here);
        self.write().commit(evaluation)
    }

    /// Judge messages in order.
    pub fn verify_batch<M: AsRef<[u8]> + Sync>(
        &self,
        messages: &[M],
        at: At,
        here: Option<Location>,
    ) -> Vec<Verdict> {
        let evaluations: Vec<Evaluation> = {
            let known = self.read(); // once a batch: a lock a message would be fought over
            let evaluate = |message: &M| self.evaluate(&known, message.as_ref(), at, here);
            match &self.pool {
                Some(pool) => pool.install(|| messages.par_iter().with_min_len(2).map(evaluate).collect()),
                None => messages.iter().map(evaluate).collect(),
            }
        };
        let mut knowledge = self.write();
        let commit = |(evaluation, message): (Evaluation, &M)| {
            // An earlier message of this batch may have brought the certificate that was missing.
            let evaluation = match evaluation.missing {
                Some(id) if !knowledge.find(&id).is_empty() => {
                    self.evaluate(&knowledge, message.as_ref(), at, here)
                }
                _ => evaluation,
            };
            knowledge.commit(evaluation)
        };
        evaluations.into_iter().zip(messages).map(commit).collect()
    }

    fn evaluate(&self, knowledge: &Knowledge, message: &[u8], at: At, here: Option<Location>) -> Evaluation {
        Judge { knowledge, policy: &self.policy, at, here }.evaluate(message)
    }

    // A thread that panicked while holding the lock left whole values behind: each step is one insertion.
    fn read(&self) -> RwLockReadGuard<'_, Knowledge> {
        self.knowledge.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Knowledge> {
        self.knowledge.write().unwrap_or_else(PoisonError::into_inner)
    }
}
