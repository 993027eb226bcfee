//! Signatures in files and images.

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
