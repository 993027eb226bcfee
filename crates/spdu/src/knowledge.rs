//! What a verifier knows: certificates, pins, revocations, anchors and messages seen, within bounds.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;

use crate::certificate::{Certificate, HashedId8, Scope, last_eight};
use crate::identity::{Identity, Issuers};
use crate::judge::Evaluation;
use crate::policy::Policy;
use crate::replay::ReplayCache;
use crate::verdict::{Reason, Verdict};
use crate::verifying_key::VerifyingKey;

/// The end of a revoked certificate's hash, and on which lists it counts; on all without a scope.
pub(crate) type RevokedHash = (Vec<u8>, Option<Scope>);

/// What a verifier knows.
pub(crate) struct Knowledge {
    pub(crate) trusted: HashMap<HashedId8, Vec<Arc<Identity>>>,
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) pinned: HashMap<HashedId8, Arc<VerifyingKey>>,
    pub(crate) pinned_self: Option<Arc<VerifyingKey>>,
    pub(crate) revoked: HashMap<HashedId8, Vec<RevokedHash>>,
    pub(crate) revoked_linkage: HashMap<(Scope, u16), HashSet<[u8; 9]>>,
    pub(crate) learned: LruCache<[u8; 32], Arc<Identity>>,
    pub(crate) learned_ids: HashMap<HashedId8, Vec<[u8; 32]>>,
    pub(crate) anchors: LruCache<[u8; 32], u64>,
    pub(crate) replay: ReplayCache,
}

impl Knowledge {
    /// Nothing yet.
    pub(crate) fn new(policy: &Policy) -> Self {
        let capacity = |count: usize| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        Self {
            trusted: HashMap::new(),
            roots: Vec::new(),
            pinned: HashMap::new(),
            pinned_self: None,
            revoked: HashMap::new(),
            revoked_linkage: HashMap::new(),
            learned: LruCache::new(capacity(policy.learned_certificates)),
            learned_ids: HashMap::new(),
            anchors: LruCache::new(capacity(policy.anchored_certificates)),
            replay: ReplayCache::new(policy.remembered_messages),
        }
    }

    /// The certificate with these very bytes, already looked into.
    pub(crate) fn find_received(&self, received: &[u8; 32]) -> Option<Arc<Identity>> {
        // Canonical certificates with a SHA-256 digest are filed under the end of this hash.
        let mut trusted = self.trusted.get(&last_eight(received)).into_iter().flatten();
        trusted
            .find(|identity| identity.received == *received)
            .or_else(|| self.learned.peek(received))
            .cloned()
    }

    /// Whether a list names this certificate.
    pub(crate) fn names_revoked(&self, identity: &Identity) -> bool {
        let linked = identity.linkage.and_then(|(period, value)| {
            Some(self.revoked_linkage.get(&(identity.scope, period))?.contains(&value))
        });
        linked == Some(true)
            || identity.names().any(|name| {
                let named = self.revoked.get(&last_eight(name)).into_iter().flatten();
                named
                    .filter(|(_, scope)| scope.is_none_or(|scope| scope == identity.scope))
                    .any(|(end, _)| name.ends_with(end))
            })
    }

    /// Keep for good, in place of what was known of the same bytes.
    pub(crate) fn trust(&mut self, identity: Identity) {
        let known = self.trusted.entry(identity.hashed_id8()).or_default();
        known.retain(|other| other.received != identity.received);
        known.push(Arc::new(identity));
    }

    /// Look again into certificates that came before their issuers.
    pub(crate) fn adopt_orphans(&mut self) {
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

    /// Keep while there is room.
    pub(crate) fn learn(&mut self, identity: Arc<Identity>) {
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

    /// Take in what a message taught, and say whether it was seen before.
    pub(crate) fn commit(&mut self, evaluation: Evaluation) -> Verdict {
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
