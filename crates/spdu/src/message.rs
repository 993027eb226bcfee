//! Secured messages: `Ieee1609Dot2Data` (IEEE 1609.2 clause 6.3), read without copying.

use std::ops::Range;

use crate::algorithm::Hash;
use crate::certificate::{Certificate, HashedId8, read_encryption_key};
use crate::coer::{self, Edit, ParseError, Reader, Result, whole};
use crate::region::Location;
use crate::wire::{CurvePoint, Signature};

/// How much is read at the most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a message.
    pub message: usize,
    /// Messages within messages.
    pub depth: usize,
    /// Certificates in one signer identifier.
    pub certificates: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message: 64 * 1024, depth: 4, certificates: 4 }
    }
}

/// A secured message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// Data without protection.
    Unsecured(&'a [u8]),
    /// Signed data.
    Signed(Box<SignedData<'a>>),
    /// Encrypted data: recognised, not opened.
    Encrypted(EncryptedData<'a>),
    /// A certificate request; of IEEE 1609.2 (3) or X.509 (4) form.
    CertificateRequest(u8, &'a [u8]),
}

/// Encrypted data, as far as an observer sees it.
#[derive(Clone, Debug)]
pub struct EncryptedData<'a> {
    /// For whom: the kind of recipient (0 pre-shared, 1 symmetric, 2 certificate, 3 signed data, 4 rek) and its digest.
    pub recipients: Vec<(u8, HashedId8)>,
    /// The ciphertext and its tag.
    pub ciphertext: &'a [u8],
}

/// Who signed.
#[derive(Clone, Debug)]
pub enum Signer<'a> {
    /// The holder of the certificate with this digest.
    Digest(HashedId8),
    /// The holder of the first certificate; the others lead up from it.
    Certificates(Vec<Certificate<'a>>),
    /// The payload tells.
    Itself,
}

/// What was signed.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// This.
    Data {
        /// What it is.
        content: Box<Content<'a>>,
        /// Where the innermost bytes lie in the message.
        range: Range<usize>,
    },
    /// Something sent another way, with this hash.
    External {
        /// The algorithm of the hash.
        hash: Hash,
        /// The hash.
        digest: &'a [u8],
    },
    /// Something both sides know.
    Omitted,
}

/// The header that is signed along (clause 6.3.9).
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// The service.
    pub psid: u64,
    /// When it was made, Time64.
    pub generation_time: Option<u64>,
    /// When it ends, Time64.
    pub expiry_time: Option<u64>,
    /// Where it was made.
    pub generation_location: Option<Location>,
    /// How high: decimetres above 409.5 m below the ellipsoid (clause 6.3.13).
    pub generation_elevation: Option<u16>,
    /// Which certificate the signer wants to learn.
    pub p2pcd_learning_request: Option<[u8; 3]>,
    /// Certificates asked for by their HashedId3.
    pub inline_p2pcd_request: Vec<[u8; 3]>,
    /// Where a certificate that somebody asked for lies in the message.
    pub requested_certificate: Option<Range<usize>>,
    /// Whether a CRL is asked for.
    pub missing_crl: Option<([u8; 3], u16)>,
    /// Where the key lies in the message that answers may be encrypted with.
    pub encryption_key: Option<Range<usize>>,
    /// The kind of PDU, where not an application's.
    pub pdu_functional_type: Option<u8>,
    /// Extension additions that were kept unread: their index, and where they lie in the message.
    pub unknown_extensions: Vec<(u8, Range<usize>)>,
}

/// A key that answers may be encrypted with (`EncryptionKey`).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum HeaderKey<'a> {
    /// A public key on a curve: 0 P-256, 1 brainpoolP256r1.
    Public(u8, CurvePoint<'a>),
    /// A symmetric key, in clear.
    Symmetric(&'a [u8]),
}

impl<'a> HeaderKey<'a> {
    /// Read the key that fills `data`.
    pub fn parse(data: &'a [u8]) -> Result<Self> {
        whole(data, |reader| Self::read(reader, &mut Vec::new()))
    }

    fn read(reader: &mut Reader<'a>, edits: &mut Vec<Edit>) -> Result<Self> {
        match reader.choice()? {
            0 => read_encryption_key(reader, edits).map(|(curve, point)| Self::Public(curve, point)),
            1 => match reader.choice()? {
                0 => reader.take(16).map(Self::Symmetric), // aes128Ccm
                _ => reader.unsupported(),
            },
            _ => reader.unsupported(),
        }
    }
}

/// One contributor's extensions of a header (`ContributedExtensionBlock`): who defined them (2 is ETSI), and
/// the encoding of each.
pub type ContributedExtensions<'a> = (u8, Vec<&'a [u8]>);

/// Index of `contributedExtensions` among the extension additions of `HeaderInfo`.
pub const CONTRIBUTED_EXTENSIONS: u8 = 3;

/// Read `contributedExtensions`, which fill `data`.
pub fn read_contributed(data: &[u8]) -> Result<Vec<ContributedExtensions<'_>>> {
    whole(data, |reader| reader.sequence_of(|block| Ok((block.u8()?, block.sequence_of(Reader::octets)?))))
}

/// Signed data.
#[derive(Clone, Debug)]
pub struct SignedData<'a> {
    /// The hash that the sender says it used.
    pub hash: Option<Hash>,
    /// The bytes that were signed.
    pub to_be_signed: &'a [u8],
    /// What was signed.
    pub payload: Payload<'a>,
    /// The header.
    pub header: Header,
    /// The key in the header that answers may be encrypted with.
    pub header_key: Option<HeaderKey<'a>>,
    /// The signer.
    pub signer: Signer<'a>,
    /// The signature.
    pub signature: Signature<'a>,
    edits: Vec<Edit>,
    tbs_at: usize,
}

impl<'a> Content<'a> {
    /// Read a message that fills `data`.
    pub fn parse(data: &'a [u8], limits: &Limits) -> Result<Self> {
        if data.len() > limits.message {
            return Err(ParseError::TooLarge);
        }
        whole(data, |reader| Self::read(reader, limits, 0).map(|(content, _)| content))
    }

    /// Read the message at the start of `data` and say how long it is.
    pub fn parse_prefix(data: &'a [u8], limits: &Limits) -> Result<(Self, usize)> {
        let mut reader = Reader::new(&data[..data.len().min(limits.message)]);
        let (content, _) = Self::read(&mut reader, limits, 0)?;
        Ok((content, reader.position()))
    }

    /// Read one message; also say where its innermost bytes lie.
    fn read(reader: &mut Reader<'a>, limits: &Limits, depth: usize) -> Result<(Self, Range<usize>)> {
        if depth >= limits.depth {
            return Err(ParseError::TooDeep);
        }
        reader.expect(3)?;
        let opaque = |reader: &mut Reader<'a>| {
            let octets = reader.octets()?;
            Ok((octets, reader.position() - octets.len()..reader.position()))
        };
        match reader.choice()? {
            0 => opaque(reader).map(|(octets, range)| (Self::Unsecured(octets), range)),
            1 => {
                let signed = SignedData::read(reader, limits, depth)?;
                let range = match &signed.payload {
                    Payload::Data { range, .. } => range.clone(),
                    _ => reader.position()..reader.position(),
                };
                Ok((Self::Signed(Box::new(signed)), range))
            }
            2 => {
                let encrypted = EncryptedData::read(reader)?;
                let end = reader.position();
                let range = end - encrypted.ciphertext.len()..end;
                Ok((Self::Encrypted(encrypted), range))
            }
            3 => opaque(reader).map(|(octets, range)| (Self::CertificateRequest(3, octets), range)),
            // An extension: its length stands before.
            4 => reader.open(opaque).map(|(octets, range)| (Self::CertificateRequest(4, octets), range)),
            _ => reader.unsupported(),
        }
    }
}

impl<'a> SignedData<'a> {
    fn read(reader: &mut Reader<'a>, limits: &Limits, depth: usize) -> Result<Self> {
        let hash = Hash::from_index(reader.u8()?);
        let from = reader.position();
        let payload = read_payload(reader, limits, depth)?;
        let mut edits = Vec::new();
        let (header, header_key) = read_header(reader, &mut edits)?;
        let to_be_signed = reader.since(from);
        let signer = match reader.choice()? {
            0 => Signer::Digest(reader.array()?),
            1 => {
                let count = reader.quantity()?;
                if count == 0 || count > limits.certificates {
                    return if count == 0 { reader.malformed() } else { Err(ParseError::TooLarge) };
                }
                let certificates: Vec<_> =
                    (0..count).map(|_| Certificate::read(reader)).collect::<Result<_>>()?;
                // Only the first is signed along: the others must be bound to it, or anybody could change them.
                if !certificates.windows(2).all(|pair| pair[0].is_issued_by(&pair[1])) {
                    return reader.malformed();
                }
                Signer::Certificates(certificates)
            }
            2 => Signer::Itself,
            _ => return reader.unsupported(),
        };
        // How R is written in the message's own signature is not signed.
        let signature = Signature::parse(reader, &mut Vec::new())?;
        Ok(Self { hash, to_be_signed, payload, header, header_key, signer, signature, edits, tbs_at: from })
    }

    /// What was signed, with the key in the header compressed (clause 6.3.9); `None` where it came that way.
    pub(crate) fn canonical_to_be_signed(&self) -> Option<Vec<u8>> {
        (!self.edits.is_empty()).then(|| coer::apply(self.to_be_signed, self.tbs_at, &self.edits))
    }
}

impl<'a> EncryptedData<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let recipients = reader.sequence_of(|r| {
            let kind = r.choice()?;
            let id = r.array()?;
            match kind {
                0 => {}
                1 => drop(read_symmetric(r)?),
                2..=4 => read_encrypted_key(r)?,
                _ => return r.unsupported(),
            }
            Ok((kind, id))
        })?;
        Ok(Self { recipients, ciphertext: read_symmetric(reader)? })
    }
}

fn read_symmetric<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    match reader.choice()? {
        0 => {
            reader.take(12)?; // nonce
            reader.octets()
        }
        _ => reader.unsupported(),
    }
}

fn read_encrypted_key(reader: &mut Reader<'_>) -> Result<()> {
    match reader.choice()? {
        0 | 1 => {
            let _v: CurvePoint<'_> = crate::wire::PublicKey::parse_point(reader, 32, &mut Vec::new())?;
            reader.take(16 + 16).map(drop) // encrypted key and tag
        }
        _ => reader.octets().map(drop),
    }
}

fn read_payload<'a>(reader: &mut Reader<'a>, limits: &Limits, depth: usize) -> Result<Payload<'a>> {
    let present = reader.u8()?;
    if present & 0x1f != 0 {
        return reader.malformed();
    }
    let data = if present & 0x40 != 0 { Some(Content::read(reader, limits, depth + 1)?) } else { None };
    let external = if present & 0x20 != 0 { Some(read_external(reader)?) } else { None };
    let omitted = if present & 0x80 != 0 { !reader.extensions()?.is_empty() } else { false };
    match (data, external) {
        (Some((content, range)), _) => Ok(Payload::Data { content: Box::new(content), range }),
        (None, Some((hash, digest))) => Ok(Payload::External { hash, digest }),
        (None, None) if omitted => Ok(Payload::Omitted),
        (None, None) => reader.malformed(),
    }
}

fn read_external<'a>(reader: &mut Reader<'a>) -> Result<(Hash, &'a [u8])> {
    match reader.choice()? {
        0 => Ok((Hash::Sha256, reader.take(32)?)),
        1 => Ok((Hash::Sha384, reader.open(|inner| inner.take(48))?)),
        _ => reader.unsupported(),
    }
}

fn read_header<'a>(
    reader: &mut Reader<'a>,
    edits: &mut Vec<Edit>,
) -> Result<(Header, Option<HeaderKey<'a>>)> {
    let present = reader.u8()?;
    if present & 1 != 0 {
        return reader.malformed();
    }
    let has = |bit: u8| present & (0x40 >> bit) != 0;
    let psid = reader.unsigned()?;
    let generation_time = if has(0) { Some(reader.u64()?) } else { None };
    let expiry_time = if has(1) { Some(reader.u64()?) } else { None };
    let place = if has(2) { Some((Location::parse(reader)?, reader.u16()?)) } else { None };
    let p2pcd_learning_request = if has(3) { Some(reader.array()?) } else { None };
    let missing_crl = if has(4) { Some(read_missing_crl(reader)?) } else { None };
    let key_from = reader.position();
    let header_key = if has(5) { Some(HeaderKey::read(reader, edits)?) } else { None };
    let encryption_key = header_key.map(|_| key_from..reader.position());
    let mut header = Header {
        psid,
        generation_time,
        expiry_time,
        generation_location: place.map(|(place, _)| place),
        generation_elevation: place.map(|(_, elevation)| elevation),
        p2pcd_learning_request,
        missing_crl,
        encryption_key,
        ..Header::default()
    };
    if present & 0x80 != 0 {
        read_header_extensions(reader, &mut header)?;
    }
    Ok((header, header_key))
}

fn read_header_extensions(reader: &mut Reader<'_>, header: &mut Header) -> Result<()> {
    let mut position = reader.clone();
    let additions = reader.extensions()?;
    position.octets()?; // the bitmap
    for (index, content) in additions {
        position.octets()?;
        let end = position.position();
        match index {
            0 => header.inline_p2pcd_request = whole(content, |r| r.sequence_of(Reader::array))?,
            1 => {
                whole(content, Certificate::read)?;
                header.requested_certificate = Some(end - content.len()..end);
            }
            2 => header.pdu_functional_type = Some(whole(content, Reader::u8)?),
            other => header.unknown_extensions.push((other, end - content.len()..end)),
        }
    }
    Ok(())
}

fn read_missing_crl(reader: &mut Reader<'_>) -> Result<([u8; 3], u16)> {
    let extended = match reader.u8()? {
        0x00 => false,
        0x80 => true,
        _ => return reader.malformed(),
    };
    let missing = (reader.array()?, reader.u16()?);
    if extended {
        reader.extensions()?;
    }
    Ok(missing)
}
