//! The header of a signed message as a nested dictionary.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use spdu::certificate::Certificate;
use spdu::message::{CONTRIBUTED_EXTENSIONS, Header, HeaderKey, read_contributed};

use crate::describe::{Tree, certificate_tree, degrees, drop_absent, encryption_key_tree, hex, set_unread};

/// What `header`, which lies in `message`, says.
pub(crate) fn header_tree<'py>(py: Python<'py>, header: &Header, message: &[u8]) -> Tree<'py> {
    let tree = PyDict::new(py);
    tree.set_item("psid", header.psid)?;
    tree.set_item("generationTime", header.generation_time)?;
    tree.set_item("expiryTime", header.expiry_time)?;
    tree.set_item("generationLocation", header.generation_location.map(degrees))?;
    tree.set_item("generationElevationM", header.generation_elevation.map(elevation_m))?;
    tree.set_item("p2pcdLearningRequest", header.p2pcd_learning_request.map(|id| hex(&id)))?;
    tree.set_item("missingCrlIdentifier", header.missing_crl.map(|(id, series)| (hex(&id), series)))?;
    let within = |at: &std::ops::Range<usize>| message.get(at.clone()).unwrap_or_default();
    if let Some(Ok(key)) = header.encryption_key.as_ref().map(|at| HeaderKey::parse(within(at))) {
        tree.set_item("encryptionKey", key_tree(py, &key)?)?;
    }
    let requests: Vec<String> = header.inline_p2pcd_request.iter().map(|id| hex(id)).collect();
    tree.set_item("inlineP2pcdRequest", if requests.is_empty() { None } else { Some(requests) })?;
    if let Some(Ok(certificate)) =
        header.requested_certificate.as_ref().map(|at| Certificate::parse(within(at)))
    {
        tree.set_item("requestedCertificate", certificate_tree(py, &certificate)?)?;
    }
    tree.set_item("pduFunctionalType", header.pdu_functional_type)?;
    drop_absent(&tree)?;
    let mut unread: Vec<_> =
        header.unknown_extensions.iter().map(|(index, at)| (*index, within(at))).collect();
    if let Some(at) = unread.iter().position(|(index, _)| *index == CONTRIBUTED_EXTENSIONS)
        && let Ok(blocks) = read_contributed(unread[at].1)
    {
        unread.remove(at);
        tree.set_item("contributedExtensions", contributed_tree(py, &blocks)?)?;
    }
    set_unread(&tree, &[], &unread)?;
    Ok(tree)
}

fn key_tree<'py>(py: Python<'py>, key: &HeaderKey<'_>) -> Tree<'py> {
    match key {
        HeaderKey::Public(curve, point) => encryption_key_tree(py, *curve, point),
        HeaderKey::Symmetric(octets) => {
            let tree = PyDict::new(py);
            tree.set_item("algorithm", "aes-128-ccm")?;
            tree.set_item("key", hex(octets))?;
            Ok(tree)
        }
        _ => Ok(PyDict::new(py)),
    }
}

fn contributed_tree<'py>(py: Python<'py>, blocks: &[(u8, Vec<&[u8]>)]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (contributor, extensions) in blocks {
        let block = PyDict::new(py);
        block.set_item("contributorId", contributor)?;
        block.set_item("extensions", extensions.iter().map(|octets| hex(octets)).collect::<Vec<_>>())?;
        list.append(block)?;
    }
    Ok(list)
}

/// Decimetres above 409.5 m below the ellipsoid (IEEE 1609.2 clause 6.3.13), in metres above it.
fn elevation_m(decimetres: u16) -> f64 {
    f64::from(i32::from(decimetres) - 4095) / 10.0
}
