//! Writing secured messages and certificates, always in canonical form.

use crate::algorithm::{Algorithm, Hash};
use crate::certificate::{ALT_SIGNATURE_VALUE, ALT_VERIFICATION_KEY, HashedId8, Issuer};
use crate::coer::Writer;
use crate::permissions::{GroupPermissions, PsidSsp, Ssp, SspRange};
use crate::region::{Location, Region};
use crate::wire::{wire_point, write_public_key, write_signature};

/// How many extension additions `ToBeSignedCertificate` has with the FN-DSA extension.
const CERTIFICATE_ADDITIONS: usize = 6;
/// How many `HeaderInfo` has.
const HEADER_ADDITIONS: usize = 4;

/// What to sign.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// These bytes, which travel along.
    Data(&'a [u8]),
    /// A whole secured message, which travels along.
    Message(&'a [u8]),
    /// Bytes that travel another way, by their SHA-256.
    ExternalSha256([u8; 32]),
}

/// A header to write.
#[derive(Clone, Debug, Default)]
pub struct HeaderSpec {
    /// The service.
    pub psid: u64,
    /// Time64.
    pub generation_time: Option<u64>,
    /// Time64.
    pub expiry_time: Option<u64>,
    /// Place and elevation (units of 10 cm above −409.6 m; 0xF000 unknown).
    pub generation_location: Option<(Location, u16)>,
    /// Ask to learn this certificate (US).
    pub p2pcd_learning_request: Option<[u8; 3]>,
    /// Ask for these certificates (EU).
    pub inline_p2pcd_request: Vec<[u8; 3]>,
    /// Hand on the certificate that somebody asked for.
    pub requested_certificate: Option<Vec<u8>>,
}

/// Whom to name as signer.
#[derive(Clone, Copy, Debug)]
pub enum SignerSpec<'a> {
    /// By digest.
    Digest(HashedId8),
    /// By certificate.
    Certificate(&'a [u8]),
    /// "self".
    Itself,
}

/// Write `ToBeSignedData`.
pub fn to_be_signed_data(body: Body<'_>, header: &HeaderSpec) -> Vec<u8> {
    let mut writer = Writer::default();
    match body {
        Body::Data(data) => writer.raw(&[0x40, 3]).choice(0).octets(data),
        Body::Message(message) => writer.u8(0x40).raw(message),
        Body::ExternalSha256(digest) => writer.u8(0x20).choice(0).raw(&digest),
    };
    write_header(&mut writer, header);
    writer.0
}

/// Write the whole message around signed data. `None` if the signature has not its algorithm's length.
pub fn signed_data(
    hash: Hash,
    to_be_signed: &[u8],
    signer: SignerSpec<'_>,
    algorithm: Algorithm,
    signature: &[u8],
) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    writer.u8(3).choice(1).u8(hash.index()).raw(to_be_signed);
    match signer {
        SignerSpec::Digest(id) => writer.choice(0).raw(&id),
        SignerSpec::Certificate(certificate) => writer.choice(1).unsigned(1).raw(certificate),
        SignerSpec::Itself => writer.choice(2),
    };
    write_signature(&mut writer, algorithm, signature)?;
    Some(writer.0)
}

/// Whom a certificate is to name.
#[derive(Clone, Debug)]
pub enum IdSpec {
    /// Nobody.
    None,
    /// This name.
    Name(String),
    /// These octets.
    Binary(Vec<u8>),
    /// Linkage values: the period and the value.
    Linkage(u16, [u8; 9]),
}

/// A duration as the standard writes it.
#[derive(Clone, Copy, Debug)]
pub struct Duration {
    /// 0 µs, 1 ms, 2 s, 3 min, 4 h, 5 sixty hours, 6 years.
    pub unit: u8,
    /// How many.
    pub count: u16,
}

/// A certificate to write.
#[derive(Clone, Debug)]
pub struct CertificateSpec {
    /// Who issues it.
    pub issuer: Issuer,
    /// Whether it is implicit: `key` is then the reconstruction value.
    pub implicit: bool,
    /// Its name.
    pub id: IdSpec,
    /// Which CRACA revokes it.
    pub craca_id: [u8; 3],
    /// On which series.
    pub crl_series: u16,
    /// First second of validity.
    pub start_s: u32,
    /// Length of validity.
    pub duration: Duration,
    /// Where it holds.
    pub region: Option<Region>,
    /// Assurance level.
    pub assurance: Option<u8>,
    /// What the holder may do.
    pub app_permissions: Vec<PsidSsp>,
    /// What the holder may give.
    pub issue_permissions: Vec<GroupPermissions>,
    /// What the holder may ask for.
    pub request_permissions: Vec<GroupPermissions>,
    /// Whether the holder may ask for a successor.
    pub can_request_rollover: bool,
    /// Encryption key: the curve (0 P-256, 1 brainpoolP256r1) and the compressed point.
    pub encryption_key: Option<(u8, Vec<u8>)>,
    /// Verification key: its algorithm and octets; the dual algorithm writes both keys.
    pub key: (Algorithm, Vec<u8>),
}

/// Write `ToBeSignedCertificate`. With `alt_signature`, the octets of the issuer's second signature are
/// included: zeros first, to be signed, then the signature itself. `None` if a key or name does not fit.
pub fn to_be_signed_certificate(spec: &CertificateSpec, alt_signature: Option<&[u8]>) -> Option<Vec<u8>> {
    let (algorithm, key) = (spec.key.0, spec.key.1.as_slice());
    let (first, second) = match algorithm {
        Algorithm::EcdsaP256FnDsa512 => {
            let (point, second) = key.split_at_checked(33)?;
            ((Algorithm::EcdsaP256, point), Some((Algorithm::FnDsa512, second)))
        }
        _ => ((algorithm, key), None),
    };
    let mut additions = Vec::new();
    if let Some((algorithm, key)) = second {
        let mut inner = Writer::default();
        write_public_key(&mut inner, algorithm, key)?;
        additions.push((ALT_VERIFICATION_KEY, inner.0));
    }
    if let Some(signature) = alt_signature {
        let mut inner = Writer::default();
        write_signature(&mut inner, Algorithm::FnDsa512, signature)?;
        additions.push((ALT_SIGNATURE_VALUE, inner.0));
    }
    let mut writer = Writer::default();
    let present = [
        !additions.is_empty(),
        spec.region.is_some(),
        spec.assurance.is_some(),
        !spec.app_permissions.is_empty(),
        !spec.issue_permissions.is_empty(),
        !spec.request_permissions.is_empty(),
        spec.can_request_rollover,
        spec.encryption_key.is_some(),
    ];
    writer.u8(present.iter().fold(0, |bits, &bit| bits << 1 | u8::from(bit)));
    write_id(&mut writer, &spec.id)?;
    writer.raw(&spec.craca_id).raw(&spec.crl_series.to_be_bytes()).raw(&spec.start_s.to_be_bytes());
    writer.choice(spec.duration.unit).raw(&spec.duration.count.to_be_bytes());
    if let Some(region) = &spec.region {
        write_region(&mut writer, region)?;
    }
    if let Some(assurance) = spec.assurance {
        writer.u8(assurance);
    }
    if !spec.app_permissions.is_empty() {
        writer.unsigned(spec.app_permissions.len() as u64);
        spec.app_permissions.iter().try_for_each(|permission| write_permission(&mut writer, permission))?;
    }
    for groups in [&spec.issue_permissions, &spec.request_permissions] {
        if !groups.is_empty() {
            writer.unsigned(groups.len() as u64);
            groups.iter().try_for_each(|group| write_group(&mut writer, group))?;
        }
    }
    if let Some((curve, point)) = &spec.encryption_key {
        writer.u8(0).choice(*curve).raw(&wire_point(point, 32)?);
    }
    if spec.implicit {
        writer.choice(1).raw(&wire_point(first.1, 32)?);
    } else {
        writer.choice(0);
        write_public_key(&mut writer, first.0, first.1)?;
    }
    if !additions.is_empty() {
        writer.extensions(CERTIFICATE_ADDITIONS, &additions);
    }
    Some(writer.0)
}

/// Write the certificate around what was signed. `None` if the signature has not its algorithm's length.
pub fn certificate(
    issuer: Issuer,
    to_be_signed: &[u8],
    signature: Option<(Algorithm, &[u8])>,
) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    let implicit = signature.is_none();
    writer.u8(if implicit { 0 } else { 0x80 }).u8(3).u8(u8::from(implicit));
    match issuer {
        Issuer::Digest(Hash::Sha256, id) => writer.choice(0).raw(&id),
        Issuer::Digest(Hash::Sha384, id) => writer.choice(2).octets(&id),
        Issuer::Itself(hash) => writer.choice(1).u8(hash.index()),
    };
    writer.raw(to_be_signed);
    if let Some((algorithm, octets)) = signature {
        write_signature(&mut writer, algorithm, octets)?;
    }
    Some(writer.0)
}

fn write_header(writer: &mut Writer, header: &HeaderSpec) {
    let mut additions = Vec::new();
    if !header.inline_p2pcd_request.is_empty() {
        let mut inner = Writer::default();
        inner.unsigned(header.inline_p2pcd_request.len() as u64);
        header.inline_p2pcd_request.iter().for_each(|id| {
            inner.raw(id);
        });
        additions.push((0, inner.0));
    }
    if let Some(certificate) = &header.requested_certificate {
        additions.push((1, certificate.clone()));
    }
    let present = [
        !additions.is_empty(),
        header.generation_time.is_some(),
        header.expiry_time.is_some(),
        header.generation_location.is_some(),
        header.p2pcd_learning_request.is_some(),
        false,
        false,
        false,
    ];
    writer.u8(present.iter().fold(0, |bits, &bit| bits << 1 | u8::from(bit))).unsigned(header.psid);
    for time in [header.generation_time, header.expiry_time].into_iter().flatten() {
        writer.raw(&time.to_be_bytes());
    }
    if let Some((place, elevation)) = header.generation_location {
        write_location(writer, place);
        writer.raw(&elevation.to_be_bytes());
    }
    if let Some(id) = header.p2pcd_learning_request {
        writer.raw(&id);
    }
    if !additions.is_empty() {
        writer.extensions(HEADER_ADDITIONS, &additions);
    }
}

fn write_id(writer: &mut Writer, id: &IdSpec) -> Option<()> {
    match id {
        IdSpec::None => writer.choice(3),
        IdSpec::Name(name) if name.len() <= 255 => writer.choice(1).octets(name.as_bytes()),
        IdSpec::Binary(octets) if (1..=64).contains(&octets.len()) => writer.choice(2).octets(octets),
        IdSpec::Linkage(i_cert, value) => writer.choice(0).u8(0).raw(&i_cert.to_be_bytes()).raw(value),
        _ => return None,
    };
    Some(())
}

fn write_location(writer: &mut Writer, place: Location) {
    writer.raw(&place.latitude.to_be_bytes()).raw(&place.longitude.to_be_bytes());
}

fn write_region(writer: &mut Writer, region: &Region) -> Option<()> {
    match region {
        Region::Circle { center, radius_m } => {
            writer.choice(0);
            write_location(writer, *center);
            writer.raw(&radius_m.to_be_bytes());
        }
        Region::Rectangles(rectangles) => {
            writer.choice(1).unsigned(rectangles.len() as u64);
            for rectangle in rectangles {
                write_location(writer, rectangle.north_west);
                write_location(writer, rectangle.south_east);
            }
        }
        Region::Polygon(corners) if corners.len() >= 3 => {
            writer.choice(2).unsigned(corners.len() as u64);
            corners.iter().for_each(|&corner| write_location(writer, corner));
        }
        Region::Identified(countries) => {
            writer.choice(3).unsigned(countries.len() as u64);
            for country in countries {
                let regions = country.regions.as_deref().unwrap_or_default();
                let detailed = regions.iter().any(|region| region.subregions.is_some());
                writer.choice(if country.regions.is_none() { 0 } else { 1 + u8::from(detailed) });
                writer.raw(&country.code.to_be_bytes());
                if country.regions.is_some() {
                    writer.unsigned(regions.len() as u64);
                }
                for region in regions {
                    writer.u8(region.region);
                    if detailed {
                        let subregions = region.subregions.as_deref()?;
                        writer.unsigned(subregions.len() as u64);
                        subregions.iter().for_each(|code| {
                            writer.raw(&code.to_be_bytes());
                        });
                    }
                }
            }
        }
        Region::Polygon(_) | Region::Unknown => return None,
    }
    Some(())
}

fn write_permission(writer: &mut Writer, permission: &PsidSsp) -> Option<()> {
    writer.u8(if permission.ssp.is_some() { 0x80 } else { 0 }).unsigned(permission.psid);
    match &permission.ssp {
        None => {}
        Some(Ssp::Opaque(octets)) => {
            writer.choice(0).octets(octets);
        }
        Some(Ssp::Bitmap(octets)) => {
            let mut inner = Writer::default();
            inner.octets(octets);
            writer.choice(1).octets(&inner.0);
        }
        Some(Ssp::Unknown) => return None,
    }
    Some(())
}

fn write_group(writer: &mut Writer, group: &GroupPermissions) -> Option<()> {
    let ee_type = u8::from(group.app) << 7 | u8::from(group.enrol) << 6;
    let present = [group.min_chain_length != 1, group.chain_length_range != 0, ee_type != 0x80];
    writer.u8(present.iter().fold(0, |bits, &bit| bits << 1 | u8::from(bit)) << 5);
    match &group.subjects {
        None => {
            writer.choice(1);
        }
        Some(subjects) => {
            writer.choice(0).unsigned(subjects.len() as u64);
            for subject in subjects {
                writer.u8(if subject.range.is_some() { 0x80 } else { 0 }).unsigned(subject.psid);
                if let Some(range) = &subject.range {
                    write_range(writer, range)?;
                }
            }
        }
    }
    if present[0] {
        writer.signed(group.min_chain_length);
    }
    if present[1] {
        writer.signed(group.chain_length_range);
    }
    if present[2] {
        writer.u8(ee_type);
    }
    Some(())
}

fn write_range(writer: &mut Writer, range: &SspRange) -> Option<()> {
    match range {
        SspRange::Opaque(allowed) => {
            writer.choice(0).unsigned(allowed.len() as u64);
            allowed.iter().for_each(|octets| {
                writer.octets(octets);
            });
        }
        SspRange::All => {
            writer.choice(1);
        }
        SspRange::Bitmap { value, mask } => {
            let mut inner = Writer::default();
            inner.octets(value).octets(mask);
            writer.choice(2).octets(&inner.0);
        }
        SspRange::Unknown => return None,
    }
    Some(())
}
