//! The compiled half of Roadseal, as Python sees it: types are converted, the GIL is released, errors are
//! mapped, and nothing is decided here.

mod butterfly;
mod captures;
mod certificates;
mod describe;
mod describe_header;
mod distilling;
mod flows;
mod keys;
mod messages;
mod scanning;
mod verifying;

use pyo3::prelude::*;

/// Roadseal's compiled core; use it through `roadseal.v2x` and `roadseal.operate.qkd`.
#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::butterfly::{butterfly_cocoons, butterfly_expansions, p256_add_base, p256_multiply_add};
    #[pymodule_export]
    use crate::captures::{CaptureContents, Located, find_messages, read_capture};
    #[pymodule_export]
    use crate::certificates::{certificate_digest, encode_certificate, encode_to_be_signed_certificate};
    #[pymodule_export]
    use crate::describe::{describe_certificate, describe_message};
    #[pymodule_export]
    use crate::distilling::{
        CascadeCorrector, CascadeResponder, authentication_tag, toeplitz, toeplitz_kernel,
    };
    #[pymodule_export]
    use crate::flows::{FlowReader, read_answer, read_tls_recording};
    #[pymodule_export]
    use crate::keys::{SigningKey, VerifyingKey, fn_dsa_count_valid, signing_digest};
    #[pymodule_export]
    use crate::messages::{encode_signed_data, encode_to_be_signed_data, hash_of, signer_certificates};
    #[pymodule_export]
    use crate::scanning::{
        CertificateOutline, SignatureMatcher, base64_lines, certificate_outline, public_key_outline,
    };
    #[pymodule_export]
    use crate::verifying::{CertificateVerdict, Verdict, Verifier};
}

/// The algorithm of this name, or a ValueError: names come from Roadseal's own tables.
fn algorithm(id: &str) -> PyResult<spdu::algorithm::Algorithm> {
    spdu::algorithm::Algorithm::from_id(id)
        .ok_or_else(|| pyo3::exceptions::PyValueError::new_err(format!("unknown algorithm {id:?}")))
}

fn refused(what: &str) -> PyErr {
    pyo3::exceptions::PyValueError::new_err(what.to_owned())
}
