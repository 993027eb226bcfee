//! Writing certificates.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use spdu::algorithm::Hash;
use spdu::certificate::{Certificate, Issuer};
use spdu::encode::{self, CertificateSpec, Duration, IdSpec};
use spdu::permissions::{GroupPermissions, PsidSsp, PsidSspRange, Ssp, SspRange};
use spdu::region::{Country, Location, Rectangle, Region, Subdivision};

use crate::{algorithm, refused};

/// The attributes of `roadseal.v2x.certificate.CertificateContents`.
#[derive(FromPyObject)]
pub struct Contents {
    name: Option<String>,
    binary_id: Option<Vec<u8>>,
    linkage: Option<(u16, [u8; 9])>,
    craca_id: [u8; 3],
    crl_series: u16,
    start_s: u32,
    duration: DurationAttributes,
    region: Option<RegionAttributes>,
    assurance: Option<u8>,
    app_permissions: Vec<PermissionAttributes>,
    issue_permissions: Vec<GroupAttributes>,
    request_permissions: Vec<GroupAttributes>,
    can_request_rollover: bool,
    encryption_key: Option<(u8, Vec<u8>)>,
}

#[derive(FromPyObject)]
struct DurationAttributes {
    unit: u8,
    count: u16,
}

#[derive(FromPyObject)]
struct PermissionAttributes {
    psid: u64,
    ssp: Option<Vec<u8>>,
    bitmap: bool,
}

#[derive(FromPyObject)]
struct GroupAttributes {
    subjects: Option<Vec<RangeAttributes>>,
    min_chain_length: i32,
    chain_length_range: i32,
    app: bool,
    enrol: bool,
}

#[derive(FromPyObject)]
struct RangeAttributes {
    psid: u64,
    any_ssp: bool,
    opaque: Option<Vec<Vec<u8>>>,
    bitmap: Option<(Vec<u8>, Vec<u8>)>,
}

#[derive(FromPyObject)]
enum RegionAttributes {
    Circle { center: (i32, i32), radius_m: u16 },
    Rectangles { rectangles: Vec<((i32, i32), (i32, i32))> },
    Polygon { corners: Vec<(i32, i32)> },
    Countries { countries: Vec<CountryAttributes> },
}

#[derive(FromPyObject)]
struct CountryAttributes {
    code: u16,
    regions: Option<Vec<(u8, Option<Vec<u16>>)>>,
}

/// `ToBeSignedCertificate`; `issuer_digest` is empty for a root.
#[pyfunction]
#[pyo3(signature = (contents, algorithm_id, key, implicit=false, alt_signature=None))]
pub fn encode_to_be_signed_certificate<'py>(
    py: Python<'py>,
    contents: Contents,
    algorithm_id: &str,
    key: Vec<u8>,
    implicit: bool,
    alt_signature: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let spec = contents.into_spec((algorithm(algorithm_id)?, key), implicit)?;
    encode::to_be_signed_certificate(&spec, alt_signature)
        .map(|bytes| PyBytes::new(py, &bytes))
        .ok_or_else(|| refused("a key, name or signature does not fit the certificate"))
}

/// The certificate around what was signed: without `issuer_id` a root, without `signature` an implicit one.
#[pyfunction]
#[pyo3(signature = (to_be_signed, issuer_algorithm_id, issuer_id=None, signature_algorithm_id=None, signature=None))]
pub fn encode_certificate<'py>(
    py: Python<'py>,
    to_be_signed: &[u8],
    issuer_algorithm_id: &str,
    issuer_id: Option<[u8; 8]>,
    signature_algorithm_id: Option<&str>,
    signature: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let hash = algorithm(issuer_algorithm_id)?.hash();
    let issuer = issuer_id.map_or(Issuer::Itself(hash), |id| Issuer::Digest(hash, id));
    let signed_with = signature_algorithm_id.map(algorithm).transpose()?;
    encode::certificate(issuer, to_be_signed, signed_with.zip(signature))
        .map(|bytes| PyBytes::new(py, &bytes))
        .ok_or_else(|| refused("the signature does not have its algorithm's length"))
}

/// The whole hash of a certificate's canonical form, and the name of the hash.
#[pyfunction]
pub fn certificate_digest<'py>(
    py: Python<'py>,
    certificate: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, &'static str)> {
    let parsed = Certificate::parse(certificate).map_err(|_| refused("not an IEEE 1609.2 certificate"))?;
    let name = match parsed.hash() {
        Hash::Sha256 => "sha-256",
        Hash::Sha384 => "sha-384",
    };
    Ok((PyBytes::new(py, parsed.digest().as_ref()), name))
}

impl Contents {
    fn into_spec(
        self,
        key: (spdu::algorithm::Algorithm, Vec<u8>),
        implicit: bool,
    ) -> PyResult<CertificateSpec> {
        let id = match (self.name, self.binary_id, self.linkage) {
            (None, None, None) => IdSpec::None,
            (Some(name), None, None) => IdSpec::Name(name),
            (None, Some(octets), None) => IdSpec::Binary(octets),
            (None, None, Some((period, value))) => IdSpec::Linkage(period, value),
            _ => return Err(refused("a certificate has one id: a name, octets or linkage values")),
        };
        Ok(CertificateSpec {
            // Not part of what is signed.
            issuer: Issuer::Itself(Hash::Sha256),
            implicit,
            id,
            craca_id: self.craca_id,
            crl_series: self.crl_series,
            start_s: self.start_s,
            duration: Duration { unit: self.duration.unit, count: self.duration.count },
            region: self.region.map(Into::into),
            assurance: self.assurance,
            app_permissions: self.app_permissions.into_iter().map(Into::into).collect(),
            issue_permissions: self.issue_permissions.into_iter().map(Into::into).collect(),
            request_permissions: self.request_permissions.into_iter().map(Into::into).collect(),
            can_request_rollover: self.can_request_rollover,
            encryption_key: self.encryption_key,
            key,
        })
    }
}

impl From<PermissionAttributes> for PsidSsp {
    fn from(permission: PermissionAttributes) -> Self {
        let wrap = if permission.bitmap { Ssp::Bitmap } else { Ssp::Opaque };
        Self { psid: permission.psid, ssp: permission.ssp.map(wrap) }
    }
}

impl From<GroupAttributes> for GroupPermissions {
    fn from(group: GroupAttributes) -> Self {
        let ranges = |subjects: Vec<RangeAttributes>| subjects.into_iter().map(Into::into).collect();
        Self {
            subjects: group.subjects.map(ranges),
            min_chain_length: group.min_chain_length,
            chain_length_range: group.chain_length_range,
            app: group.app,
            enrol: group.enrol,
        }
    }
}

impl From<RangeAttributes> for PsidSspRange {
    fn from(subject: RangeAttributes) -> Self {
        let range = match (subject.any_ssp, subject.opaque, subject.bitmap) {
            (true, _, _) => Some(SspRange::All),
            (_, Some(allowed), _) => Some(SspRange::Opaque(allowed)),
            (_, _, Some((value, mask))) => Some(SspRange::Bitmap { value, mask }),
            _ => None,
        };
        Self { psid: subject.psid, range }
    }
}

impl From<RegionAttributes> for Region {
    fn from(region: RegionAttributes) -> Self {
        match region {
            RegionAttributes::Circle { center, radius_m } => {
                Self::Circle { center: location(center), radius_m }
            }
            RegionAttributes::Rectangles { rectangles } => Self::Rectangles(
                rectangles
                    .into_iter()
                    .map(|(nw, se)| Rectangle { north_west: location(nw), south_east: location(se) })
                    .collect(),
            ),
            RegionAttributes::Polygon { corners } => {
                Self::Polygon(corners.into_iter().map(location).collect())
            }
            RegionAttributes::Countries { countries } => {
                Self::Identified(countries.into_iter().map(Into::into).collect())
            }
        }
    }
}

impl From<CountryAttributes> for Country {
    fn from(country: CountryAttributes) -> Self {
        let subdivide = |regions: Vec<(u8, Option<Vec<u16>>)>| {
            regions.into_iter().map(|(region, subregions)| Subdivision { region, subregions }).collect()
        };
        Self { code: country.code, regions: country.regions.map(subdivide) }
    }
}

fn location((latitude, longitude): (i32, i32)) -> Location {
    Location { latitude, longitude }
}
