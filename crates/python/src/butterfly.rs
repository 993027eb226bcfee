//! Butterfly keys and the arithmetic of implicit certificates.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use spdu::butterfly::{self, Purpose};

use crate::refused;

fn purpose(encryption: bool) -> Purpose {
    if encryption { Purpose::Encryption } else { Purpose::Signing }
}

fn not_a_point() -> PyErr {
    refused("not a point of P-256, or one whose sum is at infinity")
}

/// f_k(i, j) for each pair, 32 bytes big-endian.
#[pyfunction]
pub fn butterfly_expansions<'py>(
    py: Python<'py>,
    key: [u8; 16],
    encryption: bool,
    indices: Vec<(u32, u32)>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let values = py.detach(|| butterfly::expansions(&key, purpose(encryption), &indices));
    let values = values.ok_or_else(|| refused("AES is not to be had"))?;
    Ok(values.iter().map(|value| PyBytes::new(py, value)).collect())
}

/// The caterpillar + f_k(i, j)·G for each pair, as uncompressed points.
#[pyfunction]
pub fn butterfly_cocoons<'py>(
    py: Python<'py>,
    caterpillar: &[u8],
    key: [u8; 16],
    encryption: bool,
    indices: Vec<(u32, u32)>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let points = py.detach(|| butterfly::cocoons(caterpillar, &key, purpose(encryption), &indices));
    Ok(points.ok_or_else(not_a_point)?.iter().map(|point| PyBytes::new(py, point)).collect())
}

/// `point` + `scalar`·G on P-256, uncompressed.
#[pyfunction]
pub fn p256_add_base<'py>(py: Python<'py>, point: &[u8], scalar: [u8; 32]) -> PyResult<Bound<'py, PyBytes>> {
    let sum = py.detach(|| butterfly::add_base(point, &scalar)).ok_or_else(not_a_point)?;
    Ok(PyBytes::new(py, &sum))
}

/// `scalar`·`point` + `other` on P-256, uncompressed.
#[pyfunction]
pub fn p256_multiply_add<'py>(
    py: Python<'py>,
    scalar: [u8; 32],
    point: &[u8],
    other: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let sum = py.detach(|| butterfly::multiply_add(&scalar, point, other)).ok_or_else(not_a_point)?;
    Ok(PyBytes::new(py, &sum))
}
