//! A certificate that was looked into: its key decoded, its issuer found, its chain judged.

use std::sync::Arc;

use aws_lc_rs::digest::Digest;

use crate::algorithm::{Algorithm, Hash};
use crate::certificate::{
    Certificate, CertificateId, HashedId8, Issuer, KeyIndicator, Scope, Validity, last_eight,
};
use crate::permissions::{self, Grant, GroupPermissions, PsidSsp};
use crate::region::{Location, Region};
use crate::twin::twin_digest;
use crate::verdict::Reason;
use crate::verifying_key::{VerifyingKey, digest_value};
use crate::wire::{CurvePoint, PointForm, PublicKey};

/// Longest chain that is followed.
const MAX_CHAIN: usize = 8;

/// A certificate, ready to verify what its holder signs.
pub struct Identity {
    /// Hash of the bytes as received: what caches compare.
    pub(crate) received: [u8; 32],
    digest: Digest,
    /// The hash of the certificate that its holder could make of it.
    twin: Option<Digest>,
    id: HashedId8,
    bytes: Box<[u8]>,
    key: Option<VerifyingKey>,
    algorithm: Option<Algorithm>,
    signed_with: Option<Algorithm>,
    validity: Validity,
    app_permissions: Vec<PsidSsp>,
    issue_permissions: Vec<GroupPermissions>,
    region: Option<Region>,
    /// Which lists may revoke it, and the period and value by which they name it.
    pub(crate) scope: Scope,
    pub(crate) linkage: Option<(u16, [u8; 9])>,
    is_root: bool,
    issuer: Option<Arc<Identity>>,
    signature: Option<Reason>,
    chain: Reason,
}

/// Where issuers are looked for.
pub(crate) trait Issuers {
    /// Certificates with this digest.
    fn find(&self, id: &HashedId8) -> Vec<Arc<Identity>>;
    /// Whether this is the digest of a trusted root.
    fn trusts(&self, digest: &[u8]) -> bool;
}

impl Identity {
    /// Look into `certificate`: verify it with its issuer and compare what it allows with what the issuer
    /// may give.
    pub(crate) fn establish(certificate: &Certificate<'_>, issuers: &impl Issuers) -> Self {
        Self::establish_received(certificate, received_hash(certificate.bytes), issuers)
    }

    /// As [`Self::establish`], where the hash of the bytes is known already.
    pub(crate) fn establish_received(
        certificate: &Certificate<'_>,
        received: [u8; 32],
        issuers: &impl Issuers,
    ) -> Self {
        // Large certificates are mostly hashing: most are canonical and under SHA-256, and hashed by now.
        let same = certificate.is_canonical() && certificate.hash() == Hash::Sha256;
        let known = if same { digest_value(Hash::Sha256, &received) } else { None };
        let digest = known.unwrap_or_else(|| certificate.digest());
        let mut identity = Self {
            received,
            id: last_eight(digest.as_ref()),
            digest,
            twin: twin_digest(certificate),
            bytes: certificate.bytes.into(),
            key: own_key(certificate),
            algorithm: certificate.algorithm(),
            signed_with: None,
            validity: certificate.validity,
            app_permissions: certificate.app_permissions.clone(),
            issue_permissions: certificate.issue_permissions.clone(),
            region: certificate.region.clone(),
            scope: (certificate.craca_id, certificate.crl_series),
            linkage: match certificate.id {
                CertificateId::Linkage { i_cert, value, .. } => Some((i_cert, value)),
                _ => None,
            },
            is_root: matches!(certificate.issuer, Issuer::Itself(_)),
            issuer: None,
            signature: None,
            chain: Reason::UnknownIssuer,
        };
        identity.chain = match certificate.issuer {
            Issuer::Itself(hash) => identity.judge_root(certificate, hash, issuers),
            Issuer::Digest(hash, id) => identity.judge_issued(certificate, hash, issuers.find(&id)),
        };
        if identity.key.is_none() && identity.chain != Reason::UnknownIssuer {
            identity.chain = Reason::UnsupportedAlgorithm;
        }
        // Both are critical (clause 5.2.6): what cannot be read may restrict the certificate.
        if certificate.id == CertificateId::Unknown || certificate.region == Some(Region::Unknown) {
            identity.chain = Reason::UnsupportedAlgorithm;
        }
        if !points_hold(certificate) || !permissions_hold(certificate) {
            identity.chain = Reason::Malformed;
        }
        identity
    }

    fn judge_root(&mut self, certificate: &Certificate<'_>, hash: Hash, issuers: &impl Issuers) -> Reason {
        let Some(key) = &self.key else { return Reason::UnsupportedAlgorithm };
        if hash != key.algorithm().hash() {
            return Reason::HashMismatch;
        }
        let judgement = check_signature(certificate, key, &hash.digest(&[]));
        self.signed_with = judgement.as_ref().ok().copied();
        self.signature = Some(judgement.err().unwrap_or(Reason::Ok));
        match self.signature {
            Some(Reason::Ok) if issuers.trusts(self.digest.as_ref()) => Reason::Ok,
            Some(Reason::Ok) => Reason::UntrustedRoot,
            Some(failure) => failure,
            None => Reason::UntrustedRoot,
        }
    }

    fn judge_issued(
        &mut self,
        certificate: &Certificate<'_>,
        hash: Hash,
        candidates: Vec<Arc<Identity>>,
    ) -> Reason {
        let mut reason = Reason::UnknownIssuer;
        for issuer in candidates {
            let Some(key) = &issuer.key else { continue };
            if hash != issuer.digest_hash() {
                reason = Reason::HashMismatch;
                continue;
            }
            if certificate.implicit {
                self.key = reconstruct(certificate, key, &issuer.digest);
                self.signed_with = Some(Algorithm::EcdsaP256);
            } else {
                let judgement = check_signature(certificate, key, &issuer.digest);
                self.signed_with = judgement.as_ref().ok().copied();
                self.signature = Some(judgement.err().unwrap_or(Reason::Ok));
                if let Some(failure) = self.signature.filter(|&signature| signature != Reason::Ok) {
                    reason = failure;
                    continue;
                }
            }
            let judged = self.judge_grant(certificate, &issuer);
            self.issuer = Some(issuer);
            return judged;
        }
        reason
    }

    /// Whether the issuer may give what the certificate says.
    fn judge_grant(&self, certificate: &Certificate<'_>, issuer: &Identity) -> Reason {
        if issuer.chain != Reason::Ok {
            return issuer.chain;
        }
        if issuer.ancestors().count() >= MAX_CHAIN {
            return Reason::TooDeep;
        }
        if issuer.algorithm == Some(Algorithm::EcdsaP256FnDsa512)
            && self.signed_with != Some(Algorithm::EcdsaP256FnDsa512)
        {
            return Reason::PolicyDowngrade;
        }
        let groups = &issuer.issue_permissions;
        let granted = |permission| permissions::grants(groups, permission, 1, false);
        let delegated = permissions::delegates(groups, &self.issue_permissions);
        match self.app_permissions.iter().map(granted).min() {
            Some(Grant::NoPsid) => return Reason::PsidNotPermitted,
            Some(Grant::NoSsp) => return Reason::SspMismatch,
            _ if !delegated => return Reason::PsidNotPermitted,
            _ => {}
        }
        let regions = (issuer.nearest_region(), &certificate.region);
        if let (Some(outer), Some(inner)) = regions
            && outer.encloses(inner) == Some(false)
        {
            return Reason::OutsideRegion;
        }
        Reason::Ok
    }

    fn nearest_region(&self) -> Option<&Region> {
        self.region.as_ref().or_else(|| self.ancestors().find_map(|ancestor| ancestor.region.as_ref()))
    }

    /// The issuer, its issuer and so on.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = &Identity> {
        std::iter::successors(self.issuer.as_deref(), |identity| identity.issuer.as_deref())
    }

    /// The chain as it is judged: `Ok` up to a trusted root, or what is wrong with it.
    pub fn chain(&self) -> Reason {
        self.chain
    }

    /// Whether more certificates could mend the chain.
    pub(crate) fn is_orphan(&self) -> bool {
        matches!(self.chain, Reason::UnknownIssuer | Reason::UntrustedRoot)
    }

    /// What signed it and its issuers, but for the root: trust in that one does not rest on its signature.
    pub(crate) fn chain_algorithms(&self) -> impl Iterator<Item = Algorithm> {
        let chain = std::iter::once(self).chain(self.ancestors());
        chain.filter(|identity| !identity.is_root).filter_map(|identity| identity.signed_with)
    }

    /// Its hash and that of its twin.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.digest()).chain(self.twin.as_ref().map(AsRef::as_ref))
    }

    /// Whether the issuer's signature holds; `None` if the issuer is unknown or there is none to check.
    pub fn signature(&self) -> Option<Reason> {
        self.signature
    }

    /// The digest by which messages name it.
    pub fn hashed_id8(&self) -> HashedId8 {
        self.id
    }

    /// The whole hash of its canonical form.
    pub fn digest(&self) -> &[u8] {
        self.digest.as_ref()
    }

    pub(crate) fn digest_value(&self) -> &Digest {
        &self.digest
    }

    /// Its bytes as received.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The holder's key; `None` if it cannot be computed.
    pub fn key(&self) -> Option<&VerifyingKey> {
        self.key.as_ref()
    }

    /// The algorithm of the holder's key.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// What signed it.
    pub fn signed_with(&self) -> Option<Algorithm> {
        self.signed_with
    }

    /// Which hash names it.
    fn digest_hash(&self) -> Hash {
        self.algorithm.map_or(Hash::Sha256, Algorithm::hash)
    }

    /// What the holder may do in a service; `None` if nothing.
    pub(crate) fn permission(&self, psid: u64) -> Option<&PsidSsp> {
        self.app_permissions.iter().find(|permission| permission.psid == psid)
    }

    /// Whether it and its issuers hold at `time` (Time64).
    pub(crate) fn valid_at(&self, time: u64) -> Reason {
        let chain = std::iter::once(self).chain(self.ancestors());
        for validity in chain.map(|identity| identity.validity) {
            if time < validity.start_us() {
                return Reason::NotYetValid;
            }
            if time >= validity.end_us() {
                return Reason::Expired;
            }
        }
        Reason::Ok
    }

    /// Whether it and its issuers hold at `place`; `None` where no region says.
    pub(crate) fn valid_in(&self, place: Location) -> Option<bool> {
        let chain = std::iter::once(self).chain(self.ancestors());
        let answers = chain.filter_map(|identity| identity.region.as_ref()?.contains(place));
        answers.reduce(|all, inside| all && inside)
    }

    /// Whether it may issue certificates.
    pub fn is_authority(&self) -> bool {
        !self.issue_permissions.is_empty()
    }

    /// First and last microsecond (Time64) in which it and its issuers hold.
    pub fn window_us(&self) -> (u64, u64) {
        let own = (self.validity.start_us(), self.validity.end_us());
        self.ancestors().fold(own, |(start, end), ancestor| {
            (start.max(ancestor.validity.start_us()), end.min(ancestor.validity.end_us()))
        })
    }
}

pub(crate) fn received_hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(Hash::Sha256.digest(bytes).as_ref());
    hash
}

/// e = H(H(what was signed) ‖ H(signer's certificate)), clause 5.3.1.
pub(crate) fn signature_input(hash: Hash, signed: &[u8], signer: &Digest) -> Digest {
    let mut context = aws_lc_rs::digest::Context::new(hash.provider());
    context.update(hash.digest(signed).as_ref());
    context.update(signer.as_ref());
    context.finish()
}

/// Whether what it permits can be read in one way only.
fn permissions_hold(certificate: &Certificate<'_>) -> bool {
    permissions::are_distinct(&certificate.app_permissions)
        && permissions::say_all_once(&certificate.issue_permissions)
        && permissions::say_all_once(&certificate.request_permissions)
}

/// Whether every point that came with its y lies on its curve. The canonical form, which is what gets
/// hashed, keeps only the parity of y: off the curve, all its other bits would be free.
fn points_hold(certificate: &Certificate<'_>) -> bool {
    let encryption =
        certificate.encryption_key.is_none_or(|(curve, point)| point_holds(encryption_curve(curve), &point));
    encryption
        && match &certificate.key {
            KeyIndicator::Key(PublicKey::Point(Algorithm::Sm2, _)) => true,
            KeyIndicator::Key(PublicKey::Point(algorithm, point)) => point_holds(*algorithm, point),
            KeyIndicator::Reconstruction(point) => point_holds(Algorithm::EcdsaP256, point),
            _ => true,
        }
}

/// The curve of a `BasePublicEncryptionKey` by its choice.
pub(crate) fn encryption_curve(choice: u8) -> Algorithm {
    if choice == 0 { Algorithm::EcdsaP256 } else { Algorithm::EcdsaBrainpoolP256r1 }
}

/// Whether a point that came with its y lies on the curve.
pub(crate) fn point_holds(algorithm: Algorithm, point: &CurvePoint<'_>) -> bool {
    let octets = (point.form == PointForm::Uncompressed).then(|| point.sec1()).flatten();
    octets.is_none_or(|octets| VerifyingKey::from_sec1(algorithm, &octets).is_some())
}

fn own_key(certificate: &Certificate<'_>) -> Option<VerifyingKey> {
    let KeyIndicator::Key(key) = &certificate.key else { return None };
    match (key, certificate.alt_key) {
        (
            PublicKey::Point(Algorithm::EcdsaP256, point),
            Some(PublicKey::Octets(Algorithm::FnDsa512, second)),
        ) => {
            let mut compressed = vec![2 + u8::from(point.y_is_odd()?)];
            compressed.extend_from_slice(point.x);
            compressed.extend_from_slice(second);
            VerifyingKey::from_octets(Algorithm::EcdsaP256FnDsa512, &compressed)
        }
        _ => VerifyingKey::decode(key),
    }
}

fn reconstruct(
    certificate: &Certificate<'_>,
    issuer: &VerifyingKey,
    issuer_digest: &Digest,
) -> Option<VerifyingKey> {
    let KeyIndicator::Reconstruction(value) = &certificate.key else { return None };
    let digest = signature_input(Hash::Sha256, &certificate.canonical_to_be_signed(), issuer_digest);
    issuer.reconstruct(value, &digest)
}

/// Verify the issuer's signature, and its second one if it has a key for it: what signed, or why not.
fn check_signature(
    certificate: &Certificate<'_>,
    issuer: &VerifyingKey,
    issuer_digest: &Digest,
) -> Result<Algorithm, Reason> {
    let signature = certificate.signature.as_ref().ok_or(Reason::BadSignature)?;
    let algorithm = signature.algorithm().ok_or(Reason::UnsupportedAlgorithm)?;
    let hash = issuer.algorithm().hash();
    let holds = |signed: &[u8]| issuer.verify(&signature_input(hash, signed, issuer_digest), signature);
    // Issuers sign the canonical form by the standard; authorities in the field also signed uncompressed keys
    // as they wrote them.
    let signed = certificate.to_be_signed;
    if !holds(signed) && (certificate.is_canonical() || !holds(&certificate.canonical_to_be_signed())) {
        return Err(Reason::BadSignature);
    }
    match (&certificate.alt_signature, issuer.algorithm()) {
        // The second signature adds to ECDSA; two of its own kind are no more than one.
        (Some(second), Algorithm::EcdsaP256FnDsa512) if algorithm == Algorithm::EcdsaP256 => {
            let bytes = certificate.alt_to_be_signed().ok_or(Reason::BadSignature)?;
            let holds = issuer.verify(&signature_input(hash, &bytes, issuer_digest), second);
            if holds { Ok(Algorithm::EcdsaP256FnDsa512) } else { Err(Reason::BadSignature) }
        }
        _ => Ok(algorithm),
    }
}
