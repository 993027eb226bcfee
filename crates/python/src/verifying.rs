//! The verifier and its verdicts.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use spdu::algorithm::{Algorithm, AlgorithmSet};
use spdu::policy::{Freshness, Policy, RequiredSsp};
use spdu::region::Location;
use spdu::verdict::Reason;
use spdu::verifier::At;

use crate::{algorithm, refused};

/// The attributes of `roadseal.v2x.policy.Policy`.
#[derive(FromPyObject)]
pub struct PolicyAttributes {
    supported: Vec<String>,
    messages: Vec<String>,
    messages_by_psid: HashMap<u64, Vec<String>>,
    certificates: Vec<String>,
    max_age_us: u64,
    max_ahead_us: u64,
    max_age_us_by_psid: HashMap<u64, u64>,
    required_ssp: HashMap<u64, (Vec<u8>, Vec<u8>)>,
    replay: bool,
    max_message_bytes: usize,
    max_depth: usize,
    learned_certificates: usize,
    remembered_messages: usize,
    anchored_certificates: usize,
}

fn algorithm_set(ids: &[String]) -> PyResult<AlgorithmSet> {
    ids.iter().map(|id| algorithm(id)).collect()
}

impl PolicyAttributes {
    fn into_policy(self) -> PyResult<Policy> {
        let max_ahead_us = self.max_ahead_us;
        let freshness = |max_age_us| Freshness { max_age_us, max_ahead_us };
        let mut policy = Policy {
            supported: algorithm_set(&self.supported)?,
            messages: algorithm_set(&self.messages)?,
            messages_by_psid: self
                .messages_by_psid
                .iter()
                .map(|(&psid, ids)| Ok((psid, algorithm_set(ids)?)))
                .collect::<PyResult<_>>()?,
            certificates: algorithm_set(&self.certificates)?,
            freshness: freshness(self.max_age_us),
            freshness_by_psid: self
                .max_age_us_by_psid
                .into_iter()
                .map(|(psid, age)| (psid, freshness(age)))
                .collect(),
            required_ssp: self
                .required_ssp
                .into_iter()
                .map(|(psid, (value, mask))| (psid, RequiredSsp { value, mask }))
                .collect(),
            replay: self.replay,
            learned_certificates: self.learned_certificates,
            remembered_messages: self.remembered_messages,
            anchored_certificates: self.anchored_certificates,
            ..Policy::default()
        };
        policy.limits.message = self.max_message_bytes;
        policy.limits.depth = self.max_depth;
        Ok(policy)
    }
}

/// Decides whether messages may be believed.
#[pyclass(frozen, module = "roadseal._core")]
pub struct Verifier(spdu::verifier::Verifier);

#[pymethods]
impl Verifier {
    #[new]
    fn new(policy: PolicyAttributes, threads: usize) -> PyResult<Self> {
        Ok(Self(spdu::verifier::Verifier::new(policy.into_policy()?, threads)))
    }

    fn add_root(&self, certificate: &[u8]) -> &'static str {
        self.0.add_root(certificate).id()
    }

    fn add_certificates(&self, certificates: Vec<PyBackedBytes>) -> Vec<&'static str> {
        self.0.add_certificates(&certificates).into_iter().map(Reason::id).collect()
    }

    fn learn(&self, certificate: &[u8]) -> &'static str {
        self.0.learn(certificate).id()
    }

    fn look_into(&self, certificate: &[u8]) -> CertificateVerdict {
        CertificateVerdict(self.0.look_into(certificate))
    }

    fn pin(&self, signer: Option<[u8; 8]>, algorithm_id: &str, public_key: &[u8]) -> PyResult<()> {
        let key = spdu::verifying_key::VerifyingKey::from_octets(algorithm(algorithm_id)?, public_key)
            .ok_or_else(|| refused("not a public key of this algorithm"))?;
        self.0.pin(signer, key);
        Ok(())
    }

    #[pyo3(signature = (hash_end, scope=None))]
    fn revoke(&self, hash_end: &[u8], scope: Option<([u8; 3], u16)>) {
        self.0.revoke(hash_end, scope);
    }

    fn revoke_linkage(&self, scope: ([u8; 3], u16), period: u16, values: Vec<[u8; 9]>) {
        self.0.revoke_linkage(scope, period, values);
    }

    fn anchor(&self, certificate_sha256: [u8; 32], until_us: u64) {
        self.0.anchor(certificate_sha256, until_us);
    }

    fn knows(&self, signer: [u8; 8]) -> bool {
        self.0.knows(&signer)
    }

    /// Certificates trusted, certificates learned, messages remembered, certificates anchored.
    fn occupancy(&self) -> (usize, usize, usize, usize) {
        let occupancy = self.0.occupancy();
        (occupancy.trusted, occupancy.learned, occupancy.remembered, occupancy.anchored)
    }

    #[pyo3(signature = (message, at=None, here=None))]
    fn verify(&self, message: &[u8], at: Option<u64>, here: Option<(i32, i32)>) -> Verdict {
        Verdict(self.0.verify(message, instant(at), here.map(location)))
    }

    #[pyo3(signature = (messages, at=None, here=None))]
    fn verify_batch(
        &self,
        py: Python<'_>,
        messages: Vec<PyBackedBytes>,
        at: Option<u64>,
        here: Option<(i32, i32)>,
    ) -> Vec<Verdict> {
        let verdicts = py.detach(|| self.0.verify_batch(&messages, instant(at), here.map(location)));
        verdicts.into_iter().map(Verdict).collect()
    }
}

fn instant(at: Option<u64>) -> At {
    at.map_or(At::Message, At::Time)
}

fn location((latitude, longitude): (i32, i32)) -> Location {
    Location { latitude, longitude }
}

/// Whether a message may be believed, part by part.
#[pyclass(frozen, module = "roadseal._core")]
pub struct Verdict(spdu::verdict::Verdict);

#[pymethods]
impl Verdict {
    #[getter]
    fn ok(&self) -> bool {
        self.0.overall == Reason::Ok
    }

    #[getter]
    fn overall(&self) -> &'static str {
        self.0.overall.id()
    }

    #[getter]
    fn signature(&self) -> Option<&'static str> {
        self.0.signature.map(Reason::id)
    }

    #[getter]
    fn chain(&self) -> Option<&'static str> {
        self.0.chain.map(Reason::id)
    }

    #[getter]
    fn validity(&self) -> Option<&'static str> {
        self.0.validity.map(Reason::id)
    }

    #[getter]
    fn permission(&self) -> Option<&'static str> {
        self.0.permission.map(Reason::id)
    }

    #[getter]
    fn freshness(&self) -> Option<&'static str> {
        self.0.freshness.map(Reason::id)
    }

    #[getter]
    fn psid(&self) -> Option<u64> {
        self.0.summary.as_ref().map(|summary| summary.psid)
    }

    #[getter]
    fn generation_time(&self) -> Option<u64> {
        self.0.summary.as_ref()?.generation_time
    }

    #[getter]
    fn expiry_time(&self) -> Option<u64> {
        self.0.summary.as_ref()?.expiry_time
    }

    #[getter]
    fn generation_location(&self) -> Option<(i32, i32)> {
        let place = self.0.summary.as_ref()?.generation_location?;
        Some((place.latitude, place.longitude))
    }

    #[getter]
    fn signer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, &self.0.summary.as_ref()?.signer?))
    }

    #[getter]
    fn with_certificate(&self) -> bool {
        self.0.summary.as_ref().is_some_and(|summary| summary.with_certificate)
    }

    #[getter]
    fn algorithm(&self) -> Option<&'static str> {
        self.0.summary.as_ref()?.algorithm.map(Algorithm::id)
    }

    #[getter]
    fn certificate_algorithm(&self) -> Option<&'static str> {
        self.0.summary.as_ref()?.certificate_algorithm.map(Algorithm::id)
    }

    #[getter]
    fn anchored(&self) -> bool {
        self.0.summary.as_ref().is_some_and(|summary| summary.anchored)
    }

    #[getter]
    fn payload(&self) -> Option<(usize, usize)> {
        let range = &self.0.summary.as_ref()?.payload;
        Some((range.start, range.end))
    }

    #[getter]
    fn ssp<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, self.0.summary.as_ref()?.ssp.as_ref()?))
    }

    #[getter]
    fn missing<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, &self.0.summary.as_ref()?.missing?))
    }

    #[getter]
    fn p2pcd_requests<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let requests = self.0.summary.as_ref().map_or(&[][..], |summary| &summary.p2pcd_requests);
        requests.iter().map(|id| PyBytes::new(py, id)).collect()
    }

    #[getter]
    fn requested_certificate(&self) -> Option<(usize, usize)> {
        let range = self.0.summary.as_ref()?.requested_certificate.as_ref()?;
        Some((range.start, range.end))
    }

    fn __repr__(&self) -> String {
        format!("Verdict({:?})", self.0.overall.id())
    }
}

/// Whether a certificate holds.
#[pyclass(frozen, module = "roadseal._core")]
pub struct CertificateVerdict(Result<spdu::identity::Identity, Reason>);

impl CertificateVerdict {
    fn identity(&self) -> Option<&spdu::identity::Identity> {
        self.0.as_ref().ok()
    }
}

#[pymethods]
impl CertificateVerdict {
    /// The issuer's signature; None if the issuer is not at hand or there is none (implicit).
    #[getter]
    fn signature(&self) -> Option<&'static str> {
        self.identity()?.signature().map(Reason::id)
    }

    /// The chain up to a trusted root, or why the certificate could not be read.
    #[getter]
    fn chain(&self) -> &'static str {
        match &self.0 {
            Ok(identity) => identity.chain().id(),
            Err(reason) => reason.id(),
        }
    }

    #[getter]
    fn readable(&self) -> bool {
        self.0.is_ok()
    }

    #[getter]
    fn hashed_id8<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, &self.identity()?.hashed_id8()))
    }

    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, self.identity()?.digest()))
    }

    #[getter]
    fn algorithm(&self) -> Option<&'static str> {
        self.identity()?.algorithm().map(Algorithm::id)
    }

    #[getter]
    fn signed_with(&self) -> Option<&'static str> {
        self.identity()?.signed_with().map(Algorithm::id)
    }

    /// First and last microsecond (Time64) in which it and its known issuers hold.
    #[getter]
    fn window_us(&self) -> Option<(u64, u64)> {
        Some(self.identity()?.window_us())
    }

    /// The holder's key as uncompressed SEC 1 octets, where it is ECDSA on a NIST curve and can be computed.
    #[getter]
    fn public_point<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, &self.identity()?.key()?.to_sec1()?))
    }
}
