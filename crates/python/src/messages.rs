//! Writing messages, and taking certificates out of them.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use spdu::algorithm::Hash;
use spdu::encode::{self, Body, HeaderSpec, SignerSpec};
use spdu::message::{Content, Limits, Signer};
use spdu::region::Location;

use crate::{algorithm, refused};

/// The attributes of `roadseal.v2x.message.Header`.
#[derive(FromPyObject)]
pub struct HeaderAttributes {
    psid: u64,
    generation_time: Option<u64>,
    expiry_time: Option<u64>,
    generation_location: Option<(i32, i32)>,
    p2pcd_learning_request: Option<[u8; 3]>,
    inline_p2pcd_request: Vec<[u8; 3]>,
    requested_certificate: Option<Vec<u8>>,
}

/// What the standard writes for an unknown elevation.
const UNKNOWN_ELEVATION: u16 = 0xf000;

impl From<HeaderAttributes> for HeaderSpec {
    fn from(header: HeaderAttributes) -> Self {
        let place = |(latitude, longitude)| (Location { latitude, longitude }, UNKNOWN_ELEVATION);
        Self {
            psid: header.psid,
            generation_time: header.generation_time,
            expiry_time: header.expiry_time,
            generation_location: header.generation_location.map(place),
            p2pcd_learning_request: header.p2pcd_learning_request,
            inline_p2pcd_request: header.inline_p2pcd_request,
            requested_certificate: header.requested_certificate,
        }
    }
}

/// `ToBeSignedData` around a payload, or around the SHA-256 of one that travels another way.
#[pyfunction]
#[pyo3(signature = (payload, header, external_sha256=false))]
pub fn encode_to_be_signed_data<'py>(
    py: Python<'py>,
    payload: &[u8],
    header: HeaderAttributes,
    external_sha256: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let body = if external_sha256 {
        let digest = payload.try_into().map_err(|_| refused("a SHA-256 has 32 bytes"))?;
        Body::ExternalSha256(digest)
    } else {
        Body::Data(payload)
    };
    Ok(PyBytes::new(py, &encode::to_be_signed_data(body, &header.into())))
}

/// The message: exactly one of `digest` and `certificate` names the signer, or neither for "self".
#[pyfunction]
#[pyo3(signature = (to_be_signed, algorithm_id, signature, digest=None, certificate=None))]
pub fn encode_signed_data<'py>(
    py: Python<'py>,
    to_be_signed: &[u8],
    algorithm_id: &str,
    signature: &[u8],
    digest: Option<[u8; 8]>,
    certificate: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let algorithm = algorithm(algorithm_id)?;
    let signer = match (digest, certificate) {
        (Some(id), None) => SignerSpec::Digest(id),
        (None, Some(certificate)) => SignerSpec::Certificate(certificate),
        (None, None) => SignerSpec::Itself,
        _ => return Err(refused("name the signer by digest or by certificate, not by both")),
    };
    encode::signed_data(algorithm.hash(), to_be_signed, signer, algorithm, signature)
        .map(|message| PyBytes::new(py, &message))
        .ok_or_else(|| refused("the signature does not have its algorithm's length"))
}

/// The name of the hash that goes with a key of this algorithm.
#[pyfunction]
pub fn hash_of(algorithm_id: &str) -> PyResult<&'static str> {
    Ok(match algorithm(algorithm_id)?.hash() {
        Hash::Sha256 => "sha-256",
        Hash::Sha384 => "sha-384",
    })
}

/// The certificates that a message brings, as received: its signer's, those above it, and one that somebody
/// asked for. Empty for what cannot be read.
#[pyfunction]
pub fn signer_certificates<'py>(py: Python<'py>, message: &[u8]) -> Vec<Bound<'py, PyBytes>> {
    let Ok(Content::Signed(signed)) = Content::parse(message, &Limits::default()) else { return Vec::new() };
    let signers = match &signed.signer {
        Signer::Certificates(certificates) => certificates.as_slice(),
        _ => &[],
    };
    let requested = signed.header.requested_certificate.clone().and_then(|range| message.get(range));
    signers
        .iter()
        .map(|certificate| certificate.bytes)
        .chain(requested)
        .map(|b| PyBytes::new(py, b))
        .collect()
}
