//! The flows of a capture, as dictionaries.

use std::fs::File;
use std::io::{Read, Result};
use std::path::PathBuf;

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pythonize::pythonize;

/// Flows handed over at a time.
const BATCH: usize = 256;

/// The flows of a capture, in batches; memory stays bounded however long the capture is.
#[pyclass(module = "roadseal._core")]
pub struct FlowReader {
    source: frames::CaptureReader<Box<dyn Read + Send + Sync>>,
    flows: Option<flows::Flows>,
    summary: flows::Summary,
    /// Frames read so far.
    #[pyo3(get)]
    frames: u64,
    /// What ended the reading early.
    #[pyo3(get)]
    error: Option<String>,
}

#[pymethods]
impl FlowReader {
    /// Reads a file, or the bytes of one.
    #[new]
    #[pyo3(signature = (source, *, max_flows = 65_536, max_held_bytes = 67_108_864))]
    fn new(source: Source, max_flows: usize, max_held_bytes: usize) -> PyResult<Self> {
        let source: Box<dyn Read + Send + Sync> = match source {
            Source::Buffer(buffer) => Box::new(Octets { buffer, position: 0 }),
            Source::Path(path) => Box::new(File::open(path)?),
        };
        let limits = flows::Limits { max_flows: max_flows.max(1), max_held: max_held_bytes };
        Ok(Self {
            source: frames::CaptureReader::new(source),
            flows: Some(flows::Flows::new(limits)),
            summary: flows::Summary::default(),
            frames: 0,
            error: None,
        })
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match py.detach(|| self.batch()) {
            Some(batch) => Ok(Some(pythonize(py, &batch)?.unbind())),
            None => Ok(None),
        }
    }

    /// What belongs to no flow; complete after the last batch.
    fn summary(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(pythonize(py, &self.summary)?.unbind())
    }
}

#[derive(FromPyObject)]
enum Source {
    Buffer(PyBuffer<u8>),
    Path(PathBuf),
}

/// What a server answered: `tls`, `ssh`, `ike` or `snmp`; None where a datagram is something else.
#[pyfunction]
pub fn read_answer(py: Python<'_>, protocol: &str, data: &[u8]) -> PyResult<Option<Py<PyAny>>> {
    let answer = match protocol {
        "tls" => Some(pythonize(py, &flows::answer::tls(data))?),
        "ssh" => Some(pythonize(py, &flows::answer::ssh(data))?),
        "ike" => flows::answer::ike(data).map(|answer| pythonize(py, &answer)).transpose()?,
        "snmp" => flows::answer::snmp(data).map(|answer| pythonize(py, &answer)).transpose()?,
        _ => return Err(crate::refused("no such protocol")),
    };
    Ok(answer.map(Bound::unbind))
}

/// What both directions of a recorded TLS connection say.
#[pyfunction]
pub fn read_tls_recording(py: Python<'_>, up: &[u8], down: &[u8]) -> PyResult<Py<PyAny>> {
    Ok(pythonize(py, &flows::answer::tls_recording(up, down))?.unbind())
}

/// Bytes or a mapped file of Python's, copied a chunk at a time.
struct Octets {
    buffer: PyBuffer<u8>,
    position: usize,
}

impl Read for Octets {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        Python::attach(|py| {
            let rest = self.buffer.as_slice(py).and_then(|octets| octets.get(self.position..));
            let Some(rest) = rest else {
                return Ok(0);
            };
            let count = rest.len().min(out.len());
            for (to, from) in out.iter_mut().zip(rest) {
                *to = from.get();
            }
            self.position += count;
            Ok(count)
        })
    }
}

impl FlowReader {
    fn batch(&mut self) -> Option<Vec<flows::Flow>> {
        let table = self.flows.as_mut()?;
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            match self.source.next_packet() {
                Ok(Some(packet)) => {
                    self.frames = packet.number;
                    table.packet(&packet);
                    batch.append(&mut table.evicted());
                }
                Ok(None) => return self.last(batch),
                Err(error) => {
                    self.error = Some(error.to_string());
                    return self.last(batch);
                }
            }
        }
        Some(batch)
    }

    fn last(&mut self, mut batch: Vec<flows::Flow>) -> Option<Vec<flows::Flow>> {
        let (rest, summary) = self.flows.take()?.finish();
        self.summary = summary;
        batch.extend(rest);
        Some(batch)
    }
}
