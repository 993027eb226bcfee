//! Points, keys and signatures as they stand on the wire (IEEE 1609.2 clause 6.3.23 and following).

use crate::algorithm::Algorithm;
use crate::coer::{Edit, Reader, Result, Writer};

/// How an elliptic curve point is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointForm {
    /// Only x: enough for the r of a signature.
    XOnly,
    /// x and the parity of y.
    Compressed {
        /// Whether y is odd.
        odd: bool,
    },
    /// x and y.
    Uncompressed,
}

/// An elliptic curve point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurvePoint<'a> {
    /// Which of the forms it came in.
    pub form: PointForm,
    /// x, big-endian.
    pub x: &'a [u8],
    /// y, big-endian; empty unless uncompressed.
    pub y: &'a [u8],
}

impl<'a> CurvePoint<'a> {
    fn parse(reader: &mut Reader<'a>, coordinate: usize) -> Result<Self> {
        let at = reader.position();
        let form = match reader.choice()? {
            0 => PointForm::XOnly,
            2 => PointForm::Compressed { odd: false },
            3 => PointForm::Compressed { odd: true },
            4 => PointForm::Uncompressed,
            _ => return Err(crate::coer::ParseError::Malformed { offset: at }),
        };
        let x = reader.take(coordinate)?;
        let y = if form == PointForm::Uncompressed { reader.take(coordinate)? } else { &[] };
        Ok(Self { form, x, y })
    }

    /// Whether y is odd, where the form says so.
    pub fn y_is_odd(&self) -> Option<bool> {
        match self.form {
            PointForm::XOnly => None,
            PointForm::Compressed { odd } => Some(odd),
            PointForm::Uncompressed => Some(self.y.last().is_some_and(|byte| byte & 1 == 1)),
        }
    }

    /// The octets of SEC 1 clause 2.3.3; `None` for an x-only point, which names two.
    pub fn sec1(&self) -> Option<Vec<u8>> {
        let tag = match self.form {
            PointForm::XOnly => return None,
            PointForm::Compressed { odd } => 2 + u8::from(odd),
            PointForm::Uncompressed => 4,
        };
        Some([&[tag], self.x, self.y].concat())
    }

    /// The canonical form of a public point: compressed.
    fn compressed(&self) -> Vec<u8> {
        let odd = self.y_is_odd().unwrap_or_default();
        [&[0x82 + u8::from(odd)], self.x].concat()
    }
}

/// A public verification key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// A point on the algorithm's curve.
    Point(Algorithm, CurvePoint<'a>),
    /// The encoded key of a post-quantum algorithm.
    Octets(Algorithm, &'a [u8]),
    /// A choice that this version does not know; kept.
    Unknown(u8),
}

impl<'a> PublicKey<'a> {
    /// Read `PublicVerificationKey`; `edits` receives what brings it into canonical form.
    pub(crate) fn parse(reader: &mut Reader<'a>, edits: &mut Vec<Edit>) -> Result<Self> {
        let index = reader.choice()?;
        let start = reader.position();
        let Some(algorithm) = Algorithm::from_index(index).filter(|&a| a != Algorithm::EcdsaP256FnDsa512)
        else {
            reader.octets()?;
            return Ok(Self::Unknown(index));
        };
        if let Some((size, _)) = algorithm.octet_sizes() {
            return Ok(Self::Octets(algorithm, reader.open(|inner| inner.take(size))?));
        }
        let extended = index >= 2;
        let parse = |inner: &mut Reader<'a>| CurvePoint::parse(inner, algorithm.coordinate());
        let point = if extended { reader.open(parse)? } else { parse(reader)? };
        match point.form {
            PointForm::XOnly => return reader.malformed(),
            PointForm::Uncompressed => {
                edits.push(edit(start, reader.position(), point.compressed(), extended))
            }
            PointForm::Compressed { .. } => {}
        }
        Ok(Self::Point(algorithm, point))
    }

    /// Read the reconstruction value or an encryption key on P-256 or brainpoolP256r1.
    pub(crate) fn parse_point(
        reader: &mut Reader<'a>,
        coordinate: usize,
        edits: &mut Vec<Edit>,
    ) -> Result<CurvePoint<'a>> {
        let start = reader.position();
        let point = CurvePoint::parse(reader, coordinate)?;
        match point.form {
            PointForm::XOnly => return reader.malformed(),
            PointForm::Uncompressed => edits.push(edit(start, reader.position(), point.compressed(), false)),
            PointForm::Compressed { .. } => {}
        }
        Ok(point)
    }

    /// Which algorithm the key is of.
    pub fn algorithm(&self) -> Option<Algorithm> {
        match *self {
            Self::Point(algorithm, _) | Self::Octets(algorithm, _) => Some(algorithm),
            Self::Unknown(_) => None,
        }
    }
}

/// A signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature<'a> {
    /// ECDSA on some curve.
    Ecdsa {
        /// Which curve.
        algorithm: Algorithm,
        /// The point R, of which x-only gives no more than r.
        r: CurvePoint<'a>,
        /// s, big-endian.
        s: &'a [u8],
    },
    /// A post-quantum signature.
    Octets(Algorithm, &'a [u8]),
    /// ECDSA P-256 and FN-DSA-512 over the same input; both must hold.
    Dual {
        /// R of the ECDSA signature.
        r: CurvePoint<'a>,
        /// s of the ECDSA signature.
        s: &'a [u8],
        /// The FN-DSA-512 signature.
        fn_dsa: &'a [u8],
    },
    /// A choice that this version does not know.
    Unknown(u8),
}

impl<'a> Signature<'a> {
    /// Read `Signature`; `edits` receives what brings it into the canonical form for certificates.
    pub(crate) fn parse(reader: &mut Reader<'a>, edits: &mut Vec<Edit>) -> Result<Self> {
        let index = reader.choice()?;
        let start = reader.position();
        let Some(algorithm) = Algorithm::from_index(index) else {
            reader.octets()?;
            return Ok(Self::Unknown(index));
        };
        if let Some((_, size)) = algorithm.octet_sizes() {
            return Ok(Self::Octets(algorithm, reader.open(|inner| inner.take(size))?));
        }
        if algorithm == Algorithm::EcdsaP256FnDsa512 {
            return reader.open(|inner| {
                inner.expect(0)?; // preamble of an extensible SEQUENCE without additions
                let r = CurvePoint::parse(inner, 32)?;
                Ok(Self::Dual { r, s: inner.take(32)?, fn_dsa: inner.take(666)? })
            });
        }
        if algorithm == Algorithm::Sm2 {
            reader.octets()?;
            return Ok(Self::Unknown(index));
        }
        let size = algorithm.coordinate();
        let extended = index >= 2;
        let parse = |inner: &mut Reader<'a>| Ok((CurvePoint::parse(inner, size)?, inner.take(size)?));
        let (r, s) = if extended { reader.open(parse)? } else { parse(reader)? };
        if r.form != PointForm::XOnly {
            let canonical = [&[0x80], r.x, s].concat();
            edits.push(edit(start, reader.position(), canonical, extended));
        }
        Ok(Self::Ecdsa { algorithm, r, s })
    }

    /// Which algorithm made it.
    pub fn algorithm(&self) -> Option<Algorithm> {
        match *self {
            Self::Ecdsa { algorithm, .. } | Self::Octets(algorithm, _) => Some(algorithm),
            Self::Dual { .. } => Some(Algorithm::EcdsaP256FnDsa512),
            Self::Unknown(_) => None,
        }
    }
}

fn edit(start: usize, end: usize, canonical: Vec<u8>, extended: bool) -> Edit {
    if !extended {
        return Edit { range: start..end, with: canonical };
    }
    let mut writer = Writer::default();
    writer.octets(&canonical);
    Edit { range: start..end, with: writer.0 }
}

/// Write a signature given as raw octets: r ‖ s for ECDSA, the encoded signature for post-quantum
/// algorithms, r ‖ s ‖ signature for the dual one. `None` if the length is not the algorithm's.
pub(crate) fn write_signature(writer: &mut Writer, algorithm: Algorithm, raw: &[u8]) -> Option<()> {
    writer.choice(algorithm.index());
    if let Some((_, size)) = algorithm.octet_sizes() {
        writer.octets(raw);
        return (raw.len() == size).then_some(());
    }
    let size = 2 * algorithm.coordinate();
    let mut body = Writer::default();
    if algorithm == Algorithm::EcdsaP256FnDsa512 {
        body.u8(0);
    }
    body.choice(0).raw(raw);
    let expected = if algorithm == Algorithm::EcdsaP256FnDsa512 { size + 666 } else { size };
    if raw.len() != expected {
        return None;
    }
    if algorithm.index() >= 2 {
        writer.octets(&body.0)
    } else {
        writer.raw(&body.0)
    };
    Some(())
}

/// Write a public key given as a compressed SEC 1 point or as the octets of a post-quantum key.
pub(crate) fn write_public_key(writer: &mut Writer, algorithm: Algorithm, key: &[u8]) -> Option<()> {
    writer.choice(algorithm.index());
    if let Some((size, _)) = algorithm.octet_sizes() {
        writer.octets(key);
        return (key.len() == size).then_some(());
    }
    let point = wire_point(key, algorithm.coordinate())?;
    if algorithm.index() >= 2 {
        writer.octets(&point)
    } else {
        writer.raw(&point)
    };
    Some(())
}

/// A compressed SEC 1 point as `EccP256CurvePoint` or `EccP384CurvePoint`.
pub(crate) fn wire_point(sec1: &[u8], coordinate: usize) -> Option<Vec<u8>> {
    match sec1.split_first() {
        Some((tag @ (2 | 3), x)) if x.len() == coordinate => Some([&[0x80 | tag], x].concat()),
        _ => None,
    }
}
