//! Keys.

use fn_dsa::{DOMAIN_NONE, HASH_ID_RAW, VerifyingKey as _, VerifyingKey512};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use spdu::algorithm::Algorithm;
use spdu::wire::{CurvePoint, PointForm, Signature};

use crate::{algorithm, refused};

/// A private key in this process.
#[pyclass(frozen, module = "roadseal._core")]
pub struct SigningKey(spdu::signing_key::SigningKey);

#[pymethods]
impl SigningKey {
    #[staticmethod]
    fn generate(py: Python<'_>, algorithm_id: &str) -> PyResult<Self> {
        let algorithm = algorithm(algorithm_id)?;
        py.detach(|| spdu::signing_key::SigningKey::generate(algorithm))
            .map(Self)
            .ok_or_else(|| refused("this algorithm cannot sign here"))
    }

    #[staticmethod]
    fn generate_secret<'py>(py: Python<'py>, algorithm_id: &str) -> PyResult<Bound<'py, PyBytes>> {
        let algorithm = algorithm(algorithm_id)?;
        let mut secret = py
            .detach(|| spdu::signing_key::SigningKey::generate_secret(algorithm))
            .ok_or_else(|| refused("this algorithm cannot sign here"))?;
        let octets = PyBytes::new(py, &secret);
        secret.fill(0);
        Ok(octets)
    }

    #[staticmethod]
    fn from_secret(algorithm_id: &str, secret: &[u8]) -> PyResult<Self> {
        let key = spdu::signing_key::SigningKey::from_secret(algorithm(algorithm_id)?, secret);
        key.map(Self).ok_or_else(|| refused("not a private key of this algorithm"))
    }

    #[getter]
    fn algorithm(&self) -> &'static str {
        self.0.algorithm().id()
    }

    #[getter]
    fn public_key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.public())
    }

    #[pyo3(signature = (digest, algorithm_id=None))]
    fn sign<'py>(
        &self,
        py: Python<'py>,
        digest: &[u8],
        algorithm_id: Option<&str>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let algorithm = algorithm_id.map_or(Ok(self.0.algorithm()), algorithm)?;
        let signature = py.detach(|| self.0.sign(algorithm, digest));
        signature
            .map(|octets| PyBytes::new(py, &octets))
            .ok_or_else(|| refused("this key cannot sign this digest with this algorithm"))
    }

    fn sign_message<'py>(&self, py: Python<'py>, message: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let signature = py.detach(|| self.0.sign_message(message));
        signature
            .map(|octets| PyBytes::new(py, &octets))
            .ok_or_else(|| refused("only ML-DSA signs messages as they are"))
    }

    fn __repr__(&self) -> String {
        format!("SigningKey({:?})", self.0.algorithm().id())
    }
}

/// A public key, decoded once.
#[pyclass(frozen, module = "roadseal._core")]
pub struct VerifyingKey(spdu::verifying_key::VerifyingKey);

#[pymethods]
impl VerifyingKey {
    #[new]
    fn new(algorithm_id: &str, public_key: &[u8]) -> PyResult<Self> {
        let key = spdu::verifying_key::VerifyingKey::from_octets(algorithm(algorithm_id)?, public_key);
        key.map(Self).ok_or_else(|| refused("not a public key of this algorithm"))
    }

    /// How many of the pairs of digest and raw signature hold.
    fn count_valid(
        &self,
        py: Python<'_>,
        digests: Vec<PyBackedBytes>,
        signatures: Vec<PyBackedBytes>,
    ) -> usize {
        py.detach(|| {
            let valid =
                |(digest, signature): &(&PyBackedBytes, &PyBackedBytes)| self.verify_raw(digest, signature);
            digests.iter().zip(&signatures).filter(valid).count()
        })
    }
}

impl VerifyingKey {
    fn verify_raw(&self, digest: &[u8], raw: &[u8]) -> bool {
        let algorithm = self.0.algorithm();
        if matches!(algorithm, Algorithm::FnDsa512 | Algorithm::MlDsa44 | Algorithm::MlDsa65) {
            return self.0.verify_octets(digest, raw);
        }
        let hash = algorithm.hash();
        let Some(digest) = spdu::verifying_key::digest_value(hash, digest) else { return false };
        let point = |x| CurvePoint { form: PointForm::XOnly, x, y: &[] };
        let signature = match algorithm {
            Algorithm::EcdsaP256FnDsa512 if raw.len() > 64 => {
                Signature::Dual { r: point(&raw[..32]), s: &raw[32..64], fn_dsa: &raw[64..] }
            }
            _ => {
                let (r, s) = raw.split_at(raw.len() / 2);
                Signature::Ecdsa { algorithm, r: point(r), s }
            }
        };
        self.0.verify(&digest, &signature)
    }
}

/// How many FN-DSA-512 signatures hold by the `fn-dsa` library's own verification: what ours is measured by.
#[pyfunction]
pub fn fn_dsa_count_valid(
    py: Python<'_>,
    public_key: &[u8],
    messages: Vec<PyBackedBytes>,
    signatures: Vec<PyBackedBytes>,
) -> PyResult<usize> {
    let key = VerifyingKey512::decode(public_key).ok_or_else(|| refused("not a public key of FN-DSA-512"))?;
    let valid = |(message, signature): &(&PyBackedBytes, &PyBackedBytes)| {
        key.verify(signature, &DOMAIN_NONE, &HASH_ID_RAW, message)
    };
    Ok(py.detach(|| messages.iter().zip(&signatures).filter(valid).count()))
}

/// What a signer signs: H(H(signed) ‖ H(signer's certificate)).
#[pyfunction]
#[pyo3(signature = (algorithm_id, signed, signer_digest=None))]
pub fn signing_digest<'py>(
    py: Python<'py>,
    algorithm_id: &str,
    signed: &[u8],
    signer_digest: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let hash = algorithm(algorithm_id)?.hash();
    Ok(PyBytes::new(py, &spdu::signing_key::signing_digest(hash, signed, signer_digest)))
}
