//! Messages and certificates as nested dictionaries, for people and programs that look inside.

use crate::describe_header::header_tree;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use spdu::algorithm::{Algorithm, Hash};
use spdu::certificate::{Certificate, CertificateId, Issuer, KeyIndicator};
use spdu::coer::ParseError;
use spdu::message::{Content, Limits, Payload, SignedData, Signer};
use spdu::permissions::{GroupPermissions, PsidSsp, Ssp, SspRange};
use spdu::region::{Location, Region};
use spdu::verdict::Reason;
use spdu::wire::{CurvePoint, PointForm, PublicKey, Signature};

/// Extension additions of `ToBeSignedCertificate`, in order of their index.
const CERTIFICATE_EXTENSIONS: [&str; 4] =
    ["flags", "appExtensions", "certIssueExtensions", "certRequestExtension"];

pub(crate) type Tree<'py> = PyResult<Bound<'py, PyDict>>;

/// A message as a tree; one that cannot be read is `{"error": reason, "offset": …}`.
#[pyfunction]
pub fn describe_message<'py>(py: Python<'py>, message: &[u8]) -> Tree<'py> {
    match Content::parse(message, &Limits::default()) {
        Ok(content) => content_tree(py, &content, message),
        Err(error) => error_tree(py, error),
    }
}

/// A certificate as a tree; one that cannot be read is `{"error": reason, "offset": …}`.
#[pyfunction]
pub fn describe_certificate<'py>(py: Python<'py>, certificate: &[u8]) -> Tree<'py> {
    match Certificate::parse(certificate) {
        Ok(certificate) => certificate_tree(py, &certificate),
        Err(error) => error_tree(py, error),
    }
}

fn error_tree(py: Python<'_>, error: ParseError) -> Tree<'_> {
    let tree = PyDict::new(py);
    tree.set_item("error", Reason::from(error).id())?;
    if let ParseError::Malformed { offset } | ParseError::Unsupported { offset } = error {
        tree.set_item("offset", offset)?;
    }
    Ok(tree)
}

fn content_tree<'py>(py: Python<'py>, content: &Content<'_>, message: &[u8]) -> Tree<'py> {
    let tree = PyDict::new(py);
    match content {
        Content::Unsecured(data) => {
            tree.set_item("content", "unsecuredData")?;
            tree.set_item("data", hex(data))?;
        }
        Content::Signed(signed) => {
            tree.set_item("content", "signedData")?;
            signed_tree(&tree, signed, message)?;
        }
        Content::Encrypted(encrypted) => {
            const KINDS: [&str; 5] =
                ["pskRecipInfo", "symmRecipInfo", "certRecipInfo", "signedDataRecipInfo", "rekRecipInfo"];
            tree.set_item("content", "encryptedData")?;
            let recipients = PyList::empty(py);
            for (kind, id) in &encrypted.recipients {
                let recipient = PyDict::new(py);
                recipient.set_item("kind", KINDS.get(usize::from(*kind)).copied())?;
                recipient.set_item("recipientId", hex(id))?;
                recipients.append(recipient)?;
            }
            tree.set_item("recipients", recipients)?;
            tree.set_item("ciphertextBytes", encrypted.ciphertext.len())?;
        }
        Content::CertificateRequest(kind, data) => {
            let name = if *kind == 3 { "signedCertificateRequest" } else { "signedX509CertificateRequest" };
            tree.set_item("content", name)?;
            tree.set_item("data", hex(data))?;
        }
        _ => tree.set_item("content", "unknown")?,
    }
    Ok(tree)
}

fn signed_tree(tree: &Bound<'_, PyDict>, signed: &SignedData<'_>, message: &[u8]) -> PyResult<()> {
    let py = tree.py();
    tree.set_item("hashId", signed.hash.map_or("unknown", hash_name))?;
    match &signed.payload {
        Payload::Data { content, .. } => tree.set_item("payload", content_tree(py, content, message)?)?,
        Payload::External { hash, digest } => {
            let external = PyDict::new(py);
            external.set_item("content", "extDataHash")?;
            external.set_item("hash", hash_name(*hash))?;
            external.set_item("digest", hex(digest))?;
            tree.set_item("payload", external)?;
        }
        Payload::Omitted => tree.set_item("payload", "omitted")?,
    }
    tree.set_item("headerInfo", header_tree(py, &signed.header, message)?)?;
    match &signed.signer {
        Signer::Digest(id) => {
            tree.set_item("signer", PyDict::from_sequence(&[("digest", hex(id))].into_pyobject(py)?)?)?
        }
        Signer::Certificates(certificates) => {
            let list = PyList::empty(py);
            for certificate in certificates {
                list.append(certificate_tree(py, certificate)?)?;
            }
            let signer = PyDict::new(py);
            signer.set_item("certificate", list)?;
            tree.set_item("signer", signer)?;
        }
        Signer::Itself => tree.set_item("signer", "self")?,
    }
    tree.set_item("signature", signature_tree(py, &signed.signature)?)
}

pub(crate) fn certificate_tree<'py>(py: Python<'py>, certificate: &Certificate<'_>) -> Tree<'py> {
    let tree = PyDict::new(py);
    tree.set_item("bytes", certificate.bytes.len())?;
    tree.set_item("type", if certificate.implicit { "implicit" } else { "explicit" })?;
    tree.set_item("hashedId8", hex(&certificate.hashed_id8()))?;
    tree.set_item("canonical", certificate.is_canonical())?;
    let issuer = match certificate.issuer {
        Issuer::Itself(hash) => ("self", hash_name(hash).to_owned()),
        Issuer::Digest(Hash::Sha256, id) => ("sha256AndDigest", hex(&id)),
        Issuer::Digest(Hash::Sha384, id) => ("sha384AndDigest", hex(&id)),
    };
    tree.set_item("issuer", PyDict::from_sequence(&[issuer].into_pyobject(py)?)?)?;
    let id = match certificate.id {
        CertificateId::Name(name) => ("name", String::from_utf8_lossy(name).into_owned()),
        CertificateId::Binary(octets) => ("binaryId", hex(octets)),
        CertificateId::Linkage { i_cert, value, group } => {
            let group = group.map(|(j, value)| format!(" group j={} {}", hex(&j), hex(&value)));
            ("linkageData", format!("i={i_cert} {}{}", hex(&value), group.unwrap_or_default()))
        }
        CertificateId::None => ("none", String::new()),
        _ => ("unknown", String::new()),
    };
    tree.set_item("id", PyDict::from_sequence(&[id].into_pyobject(py)?)?)?;
    tree.set_item("cracaId", hex(&certificate.craca_id))?;
    tree.set_item("crlSeries", certificate.crl_series)?;
    tree.set_item("validFrom", certificate.validity.start_us())?;
    tree.set_item("validUntil", certificate.validity.end_us())?;
    tree.set_item("region", certificate.region.as_ref().map(|region| region_tree(py, region)).transpose()?)?;
    tree.set_item("assuranceLevel", certificate.assurance.map(|level| format!("{level:02x}")))?;
    let permissions: PyResult<Vec<_>> =
        certificate.app_permissions.iter().map(|permission| permission_tree(py, permission)).collect();
    tree.set_item("appPermissions", permissions?)?;
    for (name, groups) in [
        ("certIssuePermissions", &certificate.issue_permissions),
        ("certRequestPermissions", &certificate.request_permissions),
    ] {
        let groups: PyResult<Vec<_>> = groups.iter().map(|group| group_tree(py, group)).collect();
        tree.set_item(name, groups?)?;
    }
    tree.set_item("canRequestRollover", certificate.can_request_rollover)?;
    if let Some((curve, point)) = &certificate.encryption_key {
        tree.set_item("encryptionKey", encryption_key_tree(py, *curve, point)?)?;
    }
    match &certificate.key {
        KeyIndicator::Key(key) => tree.set_item("verificationKey", key_tree(py, key)?)?,
        KeyIndicator::Reconstruction(point) => tree.set_item("reconstructionValue", point_text(point))?,
        KeyIndicator::Unknown => tree.set_item("verifyKeyIndicator", "unknown")?,
    }
    if let Some(key) = &certificate.alt_key {
        tree.set_item("altVerificationKey", key_tree(py, key)?)?;
    }
    if let Some(signature) = &certificate.alt_signature {
        tree.set_item("altSignatureValue", signature_tree(py, signature)?)?;
    }
    set_unread(&tree, &CERTIFICATE_EXTENSIONS, &certificate.unknown_extensions)?;
    if let Some(signature) = &certificate.signature {
        tree.set_item("signature", signature_tree(py, signature)?)?;
    }
    drop_absent(&tree)?;
    Ok(tree)
}

fn permission_tree<'py>(py: Python<'py>, permission: &PsidSsp) -> Tree<'py> {
    let tree = PyDict::new(py);
    tree.set_item("psid", permission.psid)?;
    if let Some(ssp) = &permission.ssp {
        let form = match ssp {
            Ssp::Opaque(_) => "opaque",
            Ssp::Bitmap(_) => "bitmapSsp",
            _ => "unknown",
        };
        tree.set_item(form, hex(ssp.octets()))?;
    }
    Ok(tree)
}

fn group_tree<'py>(py: Python<'py>, group: &GroupPermissions) -> Tree<'py> {
    let tree = PyDict::new(py);
    tree.set_item("minChainLength", group.min_chain_length)?;
    tree.set_item("chainLengthRange", group.chain_length_range)?;
    let kinds: Vec<&str> = [(group.app, "app"), (group.enrol, "enrol")]
        .into_iter()
        .filter(|kind| kind.0)
        .map(|kind| kind.1)
        .collect();
    tree.set_item("eeType", kinds)?;
    let Some(subjects) = &group.subjects else {
        tree.set_item("subjectPermissions", "all")?;
        return Ok(tree);
    };
    let list = PyList::empty(py);
    for subject in subjects {
        let item = PyDict::new(py);
        item.set_item("psid", subject.psid)?;
        match &subject.range {
            None => {}
            Some(SspRange::All) => item.set_item("sspRange", "all")?,
            Some(SspRange::Opaque(allowed)) => {
                item.set_item("opaque", allowed.iter().map(|octets| hex(octets)).collect::<Vec<_>>())?;
            }
            Some(SspRange::Bitmap { value, mask }) => {
                item.set_item("sspValue", hex(value))?;
                item.set_item("sspBitmask", hex(mask))?;
            }
            Some(_) => item.set_item("sspRange", "unknown")?,
        }
        list.append(item)?;
    }
    tree.set_item("subjectPermissions", list)?;
    Ok(tree)
}

fn region_tree<'py>(py: Python<'py>, region: &Region) -> Tree<'py> {
    let tree = PyDict::new(py);
    match region {
        Region::Circle { center, radius_m } => {
            tree.set_item("center", degrees(*center))?;
            tree.set_item("radiusM", radius_m)?;
        }
        Region::Rectangles(rectangles) => {
            let corners: Vec<_> =
                rectangles.iter().map(|r| (degrees(r.north_west), degrees(r.south_east))).collect();
            tree.set_item("rectangles", corners)?;
        }
        Region::Polygon(corners) => {
            tree.set_item("polygon", corners.iter().copied().map(degrees).collect::<Vec<_>>())?;
        }
        Region::Identified(countries) => {
            let list = PyList::empty(py);
            for country in countries {
                let item = PyDict::new(py);
                item.set_item("country", country.code)?;
                if let Some(regions) = &country.regions {
                    let regions: Vec<_> = regions.iter().map(|r| (r.region, r.subregions.clone())).collect();
                    item.set_item("regions", regions)?;
                }
                list.append(item)?;
            }
            tree.set_item("countries", list)?;
        }
        _ => tree.set_item("unknown", true)?,
    }
    Ok(tree)
}

fn key_tree<'py>(py: Python<'py>, key: &PublicKey<'_>) -> Tree<'py> {
    let tree = PyDict::new(py);
    tree.set_item("algorithm", key.algorithm().map(Algorithm::id))?;
    match key {
        PublicKey::Point(_, point) => tree.set_item("point", point_text(point))?,
        PublicKey::Octets(_, octets) => tree.set_item("key", hex(octets))?,
        PublicKey::Unknown(index) => tree.set_item("unknownChoice", index)?,
    }
    Ok(tree)
}

fn signature_tree<'py>(py: Python<'py>, signature: &Signature<'_>) -> Tree<'py> {
    let tree = PyDict::new(py);
    tree.set_item("algorithm", signature.algorithm().map(Algorithm::id))?;
    match signature {
        Signature::Ecdsa { r, s, .. } => {
            tree.set_item("r", point_text(r))?;
            tree.set_item("s", hex(s))?;
        }
        Signature::Octets(_, octets) => tree.set_item("signature", hex(octets))?,
        Signature::Dual { r, s, fn_dsa } => {
            tree.set_item("r", point_text(r))?;
            tree.set_item("s", hex(s))?;
            tree.set_item("fnDsa512", hex(fn_dsa))?;
        }
        Signature::Unknown(4) => tree.set_item("algorithm", "sm2")?,
        Signature::Unknown(index) => tree.set_item("unknownChoice", index)?,
    }
    Ok(tree)
}

pub(crate) fn encryption_key_tree<'py>(py: Python<'py>, curve: u8, point: &CurvePoint<'_>) -> Tree<'py> {
    let key = PyDict::new(py);
    key.set_item("algorithm", if curve == 0 { "ecies-p256" } else { "ecies-brainpoolp256r1" })?;
    key.set_item("point", point_text(point))?;
    Ok(key)
}

/// Extension additions that were kept unread: under their name where they have one.
pub(crate) fn set_unread(
    tree: &Bound<'_, PyDict>,
    names: &[&str],
    additions: &[(u8, &[u8])],
) -> PyResult<()> {
    let unnamed = PyList::empty(tree.py());
    for (index, content) in additions {
        match names.get(usize::from(*index)) {
            Some(name) => tree.set_item(*name, hex(content))?,
            None => {
                let addition = PyDict::new(tree.py());
                addition.set_item("index", index)?;
                addition.set_item("content", hex(content))?;
                unnamed.append(addition)?;
            }
        }
    }
    if unnamed.is_empty() { Ok(()) } else { tree.set_item("unknownExtensions", unnamed) }
}

pub(crate) fn point_text(point: &CurvePoint<'_>) -> String {
    let form = match point.form {
        PointForm::XOnly => "x-only",
        PointForm::Compressed { odd: false } => "compressed-y-0",
        PointForm::Compressed { odd: true } => "compressed-y-1",
        PointForm::Uncompressed => "uncompressed",
    };
    format!("{form} {}{}", hex(point.x), hex(point.y))
}

fn hash_name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha256 => "sha-256",
        Hash::Sha384 => "sha-384",
    }
}

pub(crate) fn degrees(place: Location) -> (f64, f64) {
    (f64::from(place.latitude) / 1e7, f64::from(place.longitude) / 1e7)
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Take out what is absent: a tree shows what there is.
pub(crate) fn drop_absent(tree: &Bound<'_, PyDict>) -> PyResult<()> {
    let absent: Vec<_> = tree.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
    absent.into_iter().try_for_each(|key| tree.del_item(key))
}
