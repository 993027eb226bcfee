//! QKD post-processing for Python.

use distil::{Corrector, Kernel, Plan, Responder, TAG_BYTES, Variant};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::refused;

/// The end of Cascade whose bits count.
#[pyclass]
pub struct CascadeResponder(Responder);

#[pymethods]
impl CascadeResponder {
    #[new]
    #[pyo3(signature = (bits, count, *, variant, error_rate, seed, frame_bits))]
    fn new(
        bits: &[u8],
        count: usize,
        variant: &str,
        error_rate: f64,
        seed: u64,
        frame_bits: usize,
    ) -> PyResult<Self> {
        let plan = plan(count, variant, error_rate, seed, frame_bits)?;
        Responder::new(bits, &plan).map(Self).map_err(|error| refused(&error.to_string()))
    }

    /// Answer a question; ValueError if it makes no sense.
    fn answer<'py>(&mut self, py: Python<'py>, message: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let answer = py.detach(|| self.0.answer(message));
        answer.map(|octets| PyBytes::new(py, &octets)).map_err(|error| refused(&error.to_string()))
    }

    /// Go on for so many passes; the other end asks next.
    fn extend(&mut self, passes: usize) {
        self.0.extend(passes);
    }

    /// Parities that were told.
    #[getter]
    fn revealed(&self) -> u64 {
        self.0.revealed()
    }

    /// Whether the other end has nothing more to ask.
    #[getter]
    fn done(&self) -> bool {
        self.0.is_done()
    }
}

/// The end of Cascade that asks and corrects.
#[pyclass]
pub struct CascadeCorrector(Corrector);

#[pymethods]
impl CascadeCorrector {
    #[new]
    #[pyo3(signature = (bits, count, *, variant, error_rate, seed, frame_bits))]
    fn new(
        bits: &[u8],
        count: usize,
        variant: &str,
        error_rate: f64,
        seed: u64,
        frame_bits: usize,
    ) -> PyResult<Self> {
        let plan = plan(count, variant, error_rate, seed, frame_bits)?;
        Corrector::new(bits, &plan).map(Self).map_err(|error| refused(&error.to_string()))
    }

    /// The first question.
    fn start<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.start())
    }

    /// Take an answer and give the next question; ValueError if the answer does not fit the question.
    fn receive<'py>(&mut self, py: Python<'py>, answer: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let question = py.detach(|| self.0.receive(answer));
        question.map(|octets| PyBytes::new(py, &octets)).map_err(|error| refused(&error.to_string()))
    }

    /// Go on for so many passes: the next question.
    fn extend<'py>(&mut self, py: Python<'py>, passes: usize) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.extend(passes))
    }

    /// Parities that were told.
    #[getter]
    fn asked(&self) -> u64 {
        self.0.asked()
    }

    /// Whether there is nothing more to ask.
    #[getter]
    fn done(&self) -> bool {
        self.0.is_done()
    }

    /// The bits as they are now.
    fn corrected<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.corrected())
    }
}

fn plan(bits: usize, variant: &str, error_rate: f64, seed: u64, frame_bits: usize) -> PyResult<Plan> {
    let variant = Variant::named(variant).ok_or_else(|| refused("there is no such variant of Cascade"))?;
    Ok(Plan { bits, variant, error_rate, seed, frame_bits })
}

/// Toeplitz hash: `seed[(i − j) mod (n + m − 1)]` times the input bits, the first bit in the lowest place.
#[pyfunction]
#[pyo3(signature = (seed, bits, count, output_bits))]
pub fn toeplitz<'py>(
    py: Python<'py>,
    seed: &[u8],
    bits: &[u8],
    count: usize,
    output_bits: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let output = py.detach(|| distil::toeplitz(seed, bits, count, output_bits));
    output.map(|octets| PyBytes::new(py, &octets)).ok_or_else(|| refused("the lengths do not fit"))
}

/// Which instructions multiply on this machine.
#[pyfunction]
pub fn toeplitz_kernel() -> &'static str {
    Kernel::best().name()
}

/// Wegman–Carter tag: polynomial hash of the message under `key`, masked by `pad`.
#[pyfunction]
pub fn authentication_tag<'py>(
    py: Python<'py>,
    key: [u8; TAG_BYTES],
    pad: [u8; TAG_BYTES],
    message: &[u8],
) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &distil::tag(&key, &pad, message))
}
