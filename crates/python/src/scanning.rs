//! Signatures in files and images.

use std::borrow::Cow;
use std::path::PathBuf;

use pyo3::prelude::*;

/// Hits of one source: index of the signature, and its offsets ascending.
type Hits = Vec<(usize, Vec<u64>)>;

/// All signatures, compiled into one automaton.
#[pyclass(frozen, module = "roadseal._core")]
pub struct SignatureMatcher(scan::Matcher);

#[pymethods]
impl SignatureMatcher {
    #[new]
    fn new(signatures: Vec<(Vec<u8>, Option<u64>)>, max_hits: usize) -> PyResult<Self> {
        let signatures: Vec<_> =
            signatures.into_iter().map(|(pattern, at)| scan::Signature { pattern, at }).collect();
        scan::Matcher::new(&signatures, max_hits)
            .map(Self)
            .map_err(|error| crate::refused(&error.to_string()))
    }

    /// Every hit in `data`, by signature.
    fn scan(&self, py: Python<'_>, data: &[u8]) -> Hits {
        py.detach(|| grouped(self.0.scan(data)))
    }

    /// Octets read, whether there were more than `limit`, what went wrong, and the hits, of each file.
    fn scan_files(
        &self,
        py: Python<'_>,
        paths: Vec<PathBuf>,
        limit: u64,
    ) -> Vec<(u64, bool, Option<String>, Hits)> {
        py.detach(|| {
            let mut buffer = Vec::new();
            let one = |path: PathBuf| match scan::scan_file(&self.0, &path, limit, &mut buffer) {
                Ok(scanned) => (scanned.read, scanned.truncated, None, grouped(scanned.hits)),
                Err(error) => (0, false, Some(error.to_string()), Vec::new()),
            };
            paths.into_iter().map(one).collect()
        })
    }
}

fn grouped(hits: Vec<scan::Hit>) -> Hits {
    let mut groups: Hits = Vec::new();
    for hit in hits {
        match groups.last_mut() {
            Some((signature, offsets)) if *signature == hit.signature => offsets.push(hit.offset),
            _ => groups.push((hit.signature, vec![hit.offset])),
        }
    }
    groups
}

/// What an X.509 certificate or a public key says, as far as it can be read; nothing is verified.
#[pyclass(frozen, get_all, module = "roadseal._core")]
pub struct CertificateOutline {
    /// Octets it takes, where data may follow.
    length: usize,
    serial: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    signature_oid: Option<String>,
    signature_parameters: Option<Cow<'static, [u8]>>,
    key_oid: Option<String>,
    key_parameters: Option<Cow<'static, [u8]>>,
    key_bits: Option<u32>,
    spki: Option<Cow<'static, [u8]>>,
    is_ca: Option<bool>,
    key_usage: Option<u16>,
    purposes: Vec<String>,
    second_key_oid: Option<String>,
    second_signature_oid: Option<String>,
    self_issued: bool,
    /// What is wrong with it.
    defects: Vec<&'static str>,
}

/// The outline of the certificate at the start of `data`, or None if there is none.
#[pyfunction]
pub fn certificate_outline(data: &[u8]) -> Option<CertificateOutline> {
    scan::outline(data).map(convert)
}

/// The outline of the SubjectPublicKeyInfo at the start of `data`, or None if there is none.
#[pyfunction]
pub fn public_key_outline(data: &[u8]) -> Option<CertificateOutline> {
    scan::public_key(data).map(convert)
}

/// The octets of well-formed base64 in lines of any length, or None.
#[pyfunction]
pub fn base64_lines(text: &[u8]) -> Option<Cow<'static, [u8]>> {
    scan::base64_lines(text).map(Cow::Owned)
}

fn convert(outline: scan::Outline) -> CertificateOutline {
    CertificateOutline {
        length: outline.length,
        serial: outline.serial,
        issuer: outline.issuer,
        subject: outline.subject,
        not_before: outline.not_before,
        not_after: outline.not_after,
        signature_oid: outline.signature_oid,
        signature_parameters: outline.signature_parameters.map(Cow::Owned),
        key_oid: outline.key_oid,
        key_parameters: outline.key_parameters.map(Cow::Owned),
        key_bits: outline.key_bits,
        spki: outline.spki.map(Cow::Owned),
        is_ca: outline.is_ca,
        key_usage: outline.key_usage,
        purposes: outline.purposes,
        second_key_oid: outline.second_key_oid,
        second_signature_oid: outline.second_signature_oid,
        self_issued: outline.self_issued,
        defects: outline.defects,
    }
}
