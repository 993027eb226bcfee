//! Certificates (IEEE 1609.2 clause 6.4.3; TS 103 097 clause 6), read without copying.

use std::borrow::Cow;

use crate::algorithm::{Algorithm, Hash};
use crate::coer::{self, Edit, Reader, Result, whole};
use crate::permissions::{GroupPermissions, PsidSsp};
use crate::region::Region;
use crate::wire::{CurvePoint, PublicKey, Signature};

/// The last eight bytes of a certificate's hash.
pub type HashedId8 = [u8; 8];

/// Which lists a certificate is revoked on: its `cracaId` and `crlSeries` (IEEE 1609.2 clause 6.4.8). A list
/// reaches only the certificates that name it.
pub type Scope = ([u8; 3], u16);

/// Index of `altVerificationKey` among the extension additions of `ToBeSignedCertificate`.
pub(crate) const ALT_VERIFICATION_KEY: u8 = 4;
/// Index of `altSignatureValue`.
pub(crate) const ALT_SIGNATURE_VALUE: u8 = 5;

/// Who issued a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// It signs itself: a root.
    Itself(Hash),
    /// The certificate with this digest.
    Digest(Hash, HashedId8),
}

/// Whom a certificate names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateId<'a> {
    /// Linkage values, by which a pseudonym can be revoked.
    Linkage {
        /// The period i.
        i_cert: u16,
        /// The linkage value.
        value: [u8; 9],
        /// The value j and the linkage value of a group.
        group: Option<([u8; 4], [u8; 9])>,
    },
    /// A name.
    Name(&'a [u8]),
    /// Octets.
    Binary(&'a [u8]),
    /// Nobody: a pseudonym.
    None,
    /// A choice this version does not know.
    Unknown,
}

/// What the certificate says of the holder's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIndicator<'a> {
    /// The key itself: an explicit certificate.
    Key(PublicKey<'a>),
    /// The reconstruction value of ECQV (SEC 4): an implicit certificate.
    Reconstruction(CurvePoint<'a>),
    /// A choice this version does not know.
    Unknown,
}

/// When a certificate holds, in seconds of TAI since 2004.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub start_s: u32,
    /// Length in microseconds.
    pub duration_us: u64,
}

impl Validity {
    /// First microsecond (Time64).
    pub fn start_us(self) -> u64 {
        u64::from(self.start_s) * 1_000_000
    }

    /// First microsecond after it (Time64).
    pub fn end_us(self) -> u64 {
        self.start_us() + self.duration_us
    }
}

/// A certificate as received.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether it is implicit (ECQV), without a signature.
    pub implicit: bool,
    /// Its issuer.
    pub issuer: Issuer,
    /// The bytes of `toBeSigned`.
    pub to_be_signed: &'a [u8],
    /// Its name.
    pub id: CertificateId<'a>,
    /// Which CRACA revokes it.
    pub craca_id: [u8; 3],
    /// On which series of CRLs.
    pub crl_series: u16,
    /// When it holds.
    pub validity: Validity,
    /// Where it holds; `None` is the issuer's region.
    pub region: Option<Region>,
    /// Assurance level and confidence (TS 103 097 clause 6).
    pub assurance: Option<u8>,
    /// What the holder may do.
    pub app_permissions: Vec<PsidSsp>,
    /// What the holder may give others.
    pub issue_permissions: Vec<GroupPermissions>,
    /// What the holder may ask for.
    pub request_permissions: Vec<GroupPermissions>,
    /// Whether the holder may ask for a successor.
    pub can_request_rollover: bool,
    /// Whether an encryption key is present, and on which curve: 0 P-256, 1 brainpoolP256r1.
    pub encryption_key: Option<(u8, CurvePoint<'a>)>,
    /// The holder's verification key.
    pub key: KeyIndicator<'a>,
    /// A second, post-quantum key (FN-DSA extension, addition 5).
    pub alt_key: Option<PublicKey<'a>>,
    /// A second, post-quantum signature by the issuer (FN-DSA extension, addition 6).
    pub alt_signature: Option<Signature<'a>>,
    /// Where the octets of the second signature lie within `to_be_signed`.
    alt_signature_at: Option<(usize, usize)>,
    /// Extension additions that were kept unread: their index and content.
    pub unknown_extensions: Vec<(u8, &'a [u8])>,
    /// The issuer's signature; absent in implicit certificates.
    pub signature: Option<Signature<'a>>,
    edits: Vec<Edit>,
    tbs_at: usize,
}

impl<'a> Certificate<'a> {
    /// Read one certificate that fills `data`.
    pub fn parse(data: &'a [u8]) -> Result<Self> {
        whole(data, Self::read)
    }

    /// Read one certificate from the cursor.
    pub(crate) fn read(outer: &mut Reader<'a>) -> Result<Self> {
        // Offsets of edits count from the certificate's first byte.
        let mut probe = outer.clone();
        let from = probe.position();
        let mut certificate = Self::read_at(&mut probe, from)?;
        certificate.bytes = probe.since(from);
        *outer = probe;
        Ok(certificate)
    }

    fn read_at(reader: &mut Reader<'a>, from: usize) -> Result<Self> {
        let with_signature = match reader.u8()? {
            0x80 => true,
            0x00 => false,
            _ => return reader.malformed(),
        };
        reader.expect(3)?;
        let implicit = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return reader.unsupported(),
        };
        let issuer = match reader.choice()? {
            0 => Issuer::Digest(Hash::Sha256, reader.array()?),
            1 => match Hash::from_index(reader.u8()?) {
                Some(hash) => Issuer::Itself(hash),
                None => return reader.unsupported(),
            },
            2 => Issuer::Digest(Hash::Sha384, reader.open(Reader::array)?),
            _ => return reader.unsupported(),
        };
        let tbs_from = reader.position();
        let mut certificate = Self::read_to_be_signed(reader, implicit, issuer)?;
        certificate.to_be_signed = reader.since(tbs_from);
        certificate.tbs_at = tbs_from - from;
        certificate.alt_signature_at =
            certificate.alt_signature_at.map(|(at, end)| (at - tbs_from, end - tbs_from));
        if with_signature {
            certificate.signature = Some(Signature::parse(reader, &mut certificate.edits)?);
        }
        if with_signature == implicit {
            return reader.malformed();
        }
        for edit in &mut certificate.edits {
            edit.range = edit.range.start - from..edit.range.end - from;
        }
        Ok(certificate)
    }

    fn read_to_be_signed(reader: &mut Reader<'a>, implicit: bool, issuer: Issuer) -> Result<Self> {
        let present = reader.u8()?;
        let has = |bit: u8| present & (0x40 >> bit) != 0;
        let id = match reader.choice()? {
            0 => read_linkage(reader)?,
            1 => CertificateId::Name(reader.octets()?),
            2 => CertificateId::Binary(reader.octets()?),
            3 => CertificateId::None,
            _ => {
                reader.octets()?;
                CertificateId::Unknown
            }
        };
        let craca_id = reader.array()?;
        let crl_series = reader.u16()?;
        let validity = Validity { start_s: reader.u32()?, duration_us: read_duration(reader)? };
        let mut edits = Vec::new();
        let region = if has(0) { Some(Region::parse(reader)?) } else { None };
        let assurance = if has(1) { Some(reader.u8()?) } else { None };
        let app_permissions = if has(2) { reader.sequence_of(PsidSsp::parse)? } else { Vec::new() };
        let issue_permissions =
            if has(3) { reader.sequence_of(GroupPermissions::parse)? } else { Vec::new() };
        let request_permissions =
            if has(4) { reader.sequence_of(GroupPermissions::parse)? } else { Vec::new() };
        let can_request_rollover = has(5);
        let encryption_key = if has(6) { Some(read_encryption_key(reader, &mut edits)?) } else { None };
        let key = match reader.choice()? {
            0 => KeyIndicator::Key(PublicKey::parse(reader, &mut edits)?),
            1 => KeyIndicator::Reconstruction(PublicKey::parse_point(reader, 32, &mut edits)?),
            _ => {
                reader.octets()?;
                KeyIndicator::Unknown
            }
        };
        let mut certificate = Self {
            bytes: &[],
            implicit,
            issuer,
            to_be_signed: &[],
            id,
            craca_id,
            crl_series,
            validity,
            region,
            assurance,
            app_permissions,
            issue_permissions,
            request_permissions,
            can_request_rollover,
            encryption_key,
            key,
            alt_key: None,
            alt_signature: None,
            alt_signature_at: None,
            unknown_extensions: Vec::new(),
            signature: None,
            edits,
            tbs_at: 0,
        };
        if present & 0x80 != 0 {
            certificate.read_extensions(reader)?;
        }
        Ok(certificate)
    }

    fn read_extensions(&mut self, reader: &mut Reader<'a>) -> Result<()> {
        let mut position = reader.clone();
        let additions = reader.extensions()?;
        position.octets()?; // the bitmap
        for (index, content) in additions {
            position.octets()?;
            let end = position.position();
            match index {
                ALT_VERIFICATION_KEY => {
                    // A form of our own time: it comes canonical or not at all.
                    let mut edits = Vec::new();
                    self.alt_key = Some(whole(content, |r| PublicKey::parse(r, &mut edits))?);
                }
                ALT_SIGNATURE_VALUE => {
                    let mut edits = Vec::new();
                    let signature = whole(content, |r| Signature::parse(r, &mut edits))?;
                    if let Signature::Octets(_, octets) = signature {
                        self.alt_signature_at = Some((end - octets.len(), end));
                    }
                    self.alt_signature = Some(signature);
                }
                other => self.unknown_extensions.push((other, content)),
            }
        }
        Ok(())
    }

    /// Whether it came in the canonical form that hashes are taken over.
    pub fn is_canonical(&self) -> bool {
        self.edits.is_empty()
    }

    /// The bytes that its hash is taken over (clause 6.4.3): points compressed, r x-only.
    pub fn canonical(&self) -> Cow<'a, [u8]> {
        self.with_edits(self.bytes, 0)
    }

    /// The part of [`Self::canonical`] that its issuer signed.
    pub fn canonical_to_be_signed(&self) -> Cow<'a, [u8]> {
        self.with_edits(self.to_be_signed, self.tbs_at)
    }

    fn with_edits(&self, bytes: &'a [u8], at: usize) -> Cow<'a, [u8]> {
        if self.edits.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            Cow::Owned(coer::apply(bytes, at, &self.edits))
        }
    }

    /// What the second signature covers: `to_be_signed` with that signature's octets set to zero.
    pub(crate) fn alt_to_be_signed(&self) -> Option<Vec<u8>> {
        let (start, end) = self.alt_signature_at?;
        let mut bytes = self.to_be_signed.to_vec();
        bytes.get_mut(start..end)?.fill(0);
        Some(bytes)
    }

    /// The algorithm of the holder's key, both of them where there are two.
    pub fn algorithm(&self) -> Option<Algorithm> {
        let first = match self.key {
            KeyIndicator::Key(key) => key.algorithm()?,
            KeyIndicator::Reconstruction(_) => Algorithm::EcdsaP256,
            KeyIndicator::Unknown => return None,
        };
        let second = self.alt_key.and_then(|key| key.algorithm());
        match (first, second) {
            (Algorithm::EcdsaP256, Some(Algorithm::FnDsa512)) => Some(Algorithm::EcdsaP256FnDsa512),
            _ => Some(first),
        }
    }

    /// The digest of its issuer; `None` for a root.
    pub fn issuer_id(&self) -> Option<HashedId8> {
        match self.issuer {
            Issuer::Itself(_) => None,
            Issuer::Digest(_, id) => Some(id),
        }
    }

    /// Whether it names `issuer` as its issuer.
    pub fn is_issued_by(&self, issuer: &Certificate<'_>) -> bool {
        self.issuer == Issuer::Digest(issuer.hash(), issuer.hashed_id8())
    }

    /// The hash that names this certificate and that its key signs.
    pub fn hash(&self) -> Hash {
        self.algorithm().map_or(Hash::Sha256, Algorithm::hash)
    }

    /// The whole hash of the canonical form.
    pub fn digest(&self) -> aws_lc_rs::digest::Digest {
        self.hash().digest(&self.canonical())
    }

    /// The last eight bytes of [`Self::digest`].
    pub fn hashed_id8(&self) -> HashedId8 {
        last_eight(self.digest().as_ref())
    }
}

pub(crate) fn last_eight(digest: &[u8]) -> HashedId8 {
    let mut id = [0; 8];
    id.copy_from_slice(&digest[digest.len() - 8..]);
    id
}

fn read_linkage<'a>(reader: &mut Reader<'a>) -> Result<CertificateId<'a>> {
    let with_group = match reader.u8()? {
        0x00 => false,
        0x80 => true,
        _ => return reader.malformed(),
    };
    let (i_cert, value) = (reader.u16()?, reader.array()?);
    let group = if with_group { Some((reader.array()?, reader.array()?)) } else { None };
    Ok(CertificateId::Linkage { i_cert, value, group })
}

fn read_duration(reader: &mut Reader<'_>) -> Result<u64> {
    const UNIT_US: [u64; 7] =
        [1, 1_000, 1_000_000, 60_000_000, 3_600_000_000, 216_000_000_000, 31_556_952_000_000];
    let unit = reader.choice()?;
    match UNIT_US.get(usize::from(unit)) {
        Some(unit_us) => Ok(u64::from(reader.u16()?) * unit_us),
        None => reader.malformed(),
    }
}

pub(crate) fn read_encryption_key<'a>(
    reader: &mut Reader<'a>,
    edits: &mut Vec<Edit>,
) -> Result<(u8, CurvePoint<'a>)> {
    let _algorithm = reader.u8()?;
    match reader.choice()? {
        curve @ (0 | 1) => Ok((curve, PublicKey::parse_point(reader, 32, edits)?)),
        _ => reader.unsupported(),
    }
}
