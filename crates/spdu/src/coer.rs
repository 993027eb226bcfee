//! Canonical OER (ITU-T X.696): a cursor over received bytes, and a writer.
//!
//! The reader hands out slices of its input and never copies. Its errors carry the offset at which the
//! encoding broke, so that a person can look there.

use std::ops::Range;

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// The bytes are not the encoding they claim to be.
    Malformed {
        /// Where, counted from the start of the structure being read.
        offset: usize,
    },
    /// Valid so far, but a choice this version does not know stands where it must be understood.
    Unsupported {
        /// Where.
        offset: usize,
    },
    /// Larger than the limit.
    TooLarge,
    /// Nested deeper than the limit.
    TooDeep,
}

/// The result of reading.
pub type Result<T> = std::result::Result<T, ParseError>;

/// A cursor over an encoding.
#[derive(Clone)]
pub struct Reader<'a> {
    data: &'a [u8],
    pos: usize,
}

/// The extension additions of a SEQUENCE: contents in order of their index.
pub(crate) type Extensions<'a> = Vec<(u8, &'a [u8])>;

impl<'a> Reader<'a> {
    /// Start reading at the first byte of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, pos: 0 }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.pos
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.pos == self.data.len()
    }

    /// The bytes from `start` to here.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.data[start..self.pos]
    }

    pub(crate) fn malformed<T>(&self) -> Result<T> {
        Err(ParseError::Malformed { offset: self.pos })
    }

    pub(crate) fn unsupported<T>(&self) -> Result<T> {
        Err(ParseError::Unsupported { offset: self.pos })
    }

    pub(crate) fn end(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { self.malformed() }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        match self.data[self.pos..].get(..count) {
            Some(slice) => {
                self.pos += count;
                Ok(slice)
            }
            None => self.malformed(),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// A byte that must have this value.
    pub(crate) fn expect(&mut self, value: u8) -> Result<()> {
        match self.data.get(self.pos) {
            Some(&byte) if byte == value => {
                self.pos += 1;
                Ok(())
            }
            _ => self.malformed(),
        }
    }

    /// A length determinant (X.696 clause 8.6), in the shortest form that COER demands.
    pub(crate) fn length(&mut self) -> Result<usize> {
        let start = self.pos;
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let octets = self.take(usize::from(first & 0x7f).min(8))?;
        let value = octets.iter().fold(0usize, |value, &octet| value << 8 | usize::from(octet));
        let shortest = value >= 0x80 && octets.first().is_some_and(|&octet| octet != 0);
        if !shortest || usize::from(first & 0x7f) > 4 {
            return Err(ParseError::Malformed { offset: start });
        }
        Ok(value)
    }

    /// A length-prefixed OCTET STRING or open type.
    pub(crate) fn octets(&mut self) -> Result<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    /// An unsigned INTEGER without upper bound, as far as 64 bits hold it.
    pub(crate) fn unsigned(&mut self) -> Result<u64> {
        let start = self.pos;
        let octets = self.octets()?;
        let shortest = octets.len() == 1 || octets.first().is_some_and(|&octet| octet != 0);
        if !shortest || octets.len() > 8 {
            return Err(ParseError::Malformed { offset: start });
        }
        Ok(octets.iter().fold(0, |value, &octet| value << 8 | u64::from(octet)))
    }

    /// A signed INTEGER without bounds, as far as 32 bits hold it.
    pub(crate) fn signed(&mut self) -> Result<i32> {
        let start = self.pos;
        let octets = self.octets()?;
        if octets.is_empty() || octets.len() > 4 {
            return Err(ParseError::Malformed { offset: start });
        }
        let sign = if octets[0] & 0x80 == 0 { 0 } else { -1 };
        Ok(octets.iter().fold(sign, |value, &octet| value << 8 | i32::from(octet)))
    }

    /// The number of elements of a SEQUENCE OF, refused when they cannot fit into what is left.
    pub(crate) fn quantity(&mut self) -> Result<usize> {
        let start = self.pos;
        let count = self.unsigned()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.data.len() - self.pos => Ok(count),
            _ => Err(ParseError::Malformed { offset: start }),
        }
    }

    /// Read a SEQUENCE OF with `element`.
    pub(crate) fn sequence_of<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.quantity()?;
        (0..count).map(|_| element(self)).collect()
    }

    /// A context-specific CHOICE tag below 31.
    pub(crate) fn choice(&mut self) -> Result<u8> {
        let start = self.pos;
        let tag = self.u8()?;
        if tag & 0xc0 != 0x80 || tag & 0x3f >= 31 {
            return Err(ParseError::Malformed { offset: start });
        }
        Ok(tag & 0x3f)
    }

    /// The extension additions that follow an extensible SEQUENCE whose extension bit is set.
    pub(crate) fn extensions(&mut self) -> Result<Extensions<'a>> {
        let start = self.pos;
        let bitmap = self.octets()?;
        let (&unused, bits) = match bitmap.split_first() {
            Some(split) if *split.0 < 8 && !split.1.is_empty() && split.1.len() <= 8 => split,
            _ => return Err(ParseError::Malformed { offset: start }),
        };
        let count = bits.len() * 8 - usize::from(unused);
        let padding = bits[bits.len() - 1] & ((1u16 << unused) - 1) as u8;
        if padding != 0 || bits.iter().all(|&byte| byte == 0) {
            return Err(ParseError::Malformed { offset: start });
        }
        (0..count)
            .filter(|index| bits[index / 8] & (0x80 >> (index % 8)) != 0)
            .map(|index| Ok((index as u8, self.octets()?)))
            .collect()
    }

    /// Read `inner` from a length-prefixed open type, which it must fill.
    pub(crate) fn open<T>(&mut self, inner: impl FnOnce(&mut Reader<'a>) -> Result<T>) -> Result<T> {
        let length = self.length()?;
        let end = self.pos + length;
        if end > self.data.len() {
            return self.malformed();
        }
        let mut reader = Reader { data: &self.data[..end], pos: self.pos };
        let value = inner(&mut reader)?;
        reader.end()?;
        self.pos = end;
        Ok(value)
    }
}

/// Read a whole structure: `parse` must use every byte.
pub(crate) fn whole<'a, T>(data: &'a [u8], parse: impl FnOnce(&mut Reader<'a>) -> Result<T>) -> Result<T> {
    let mut reader = Reader::new(data);
    let value = parse(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// A replacement of part of an encoding, to bring it into canonical form.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) with: Vec<u8>,
}

/// `data`, which starts at `origin` in the structure that `edits` speak of, with those edits applied.
pub(crate) fn apply(data: &[u8], origin: usize, edits: &[Edit]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut from = 0;
    let inside = |edit: &&Edit| edit.range.start >= origin && edit.range.end <= origin + data.len();
    for edit in edits.iter().filter(inside) {
        out.extend_from_slice(&data[from..edit.range.start - origin]);
        out.extend_from_slice(&edit.with);
        from = edit.range.end - origin;
    }
    out.extend_from_slice(&data[from..]);
    out
}

/// Writes an encoding.
#[derive(Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    pub(crate) fn choice(&mut self, index: u8) -> &mut Self {
        self.u8(0x80 | index)
    }

    pub(crate) fn length(&mut self, length: usize) -> &mut Self {
        if length < 0x80 {
            return self.u8(length as u8);
        }
        let octets = shortest(length as u64);
        self.u8(0x80 | octets.len() as u8).raw(&octets)
    }

    pub(crate) fn octets(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len()).raw(bytes)
    }

    pub(crate) fn unsigned(&mut self, value: u64) -> &mut Self {
        self.octets(&shortest(value))
    }

    pub(crate) fn signed(&mut self, value: i32) -> &mut Self {
        let octets = value.to_be_bytes();
        let redundant = |skip: usize| {
            let sign = if octets[skip] & 0x80 == 0 { 0 } else { 0xff };
            octets[..skip].iter().all(|&octet| octet == sign)
        };
        let skip = (0..4).rev().find(|&skip| redundant(skip)).unwrap_or(0);
        self.octets(&octets[skip..])
    }

    /// Extension additions, by ascending index, in a bitmap of `count` bits.
    pub(crate) fn extensions(&mut self, count: usize, additions: &[(u8, Vec<u8>)]) -> &mut Self {
        let mut bits = vec![0u8; count.div_ceil(8)];
        for (index, _) in additions {
            bits[usize::from(*index) / 8] |= 0x80 >> (index % 8);
        }
        self.length(bits.len() + 1).u8((bits.len() * 8 - count) as u8).raw(&bits);
        for (_, content) in additions {
            self.octets(content);
        }
        self
    }
}

fn shortest(value: u64) -> Vec<u8> {
    let octets = value.to_be_bytes();
    let skip = octets.iter().take(7).take_while(|&&octet| octet == 0).count();
    octets[skip..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(octets: &[u8]) -> Option<usize> {
        let mut reader = Reader::new(octets);
        reader.length().ok().filter(|_| reader.is_empty())
    }

    #[test]
    fn lengths_come_in_their_shortest_form() {
        for value in [0usize, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000] {
            let mut writer = Writer::default();
            writer.length(value);
            assert_eq!(length(&writer.0), Some(value), "{value}");
        }
        assert_eq!(length(&[0x7f]), Some(127));
        assert_eq!(length(&[0x81, 0x80]), Some(128));
        // Longer than needed, indefinite, cut short, absurdly long.
        for octets in [
            &[0x81, 0x7f][..],
            &[0x82, 0x00, 0x80],
            &[0x80],
            &[0x82, 0x01],
            &[0x85, 1, 0, 0, 0, 0],
            &[0xff; 128],
        ] {
            assert_eq!(length(octets), None, "{octets:02x?}");
        }
    }

    #[test]
    fn unsigned_integers_have_no_leading_zeros() {
        for value in [0u64, 1, 127, 128, 255, 256, 0x20_4097, u64::MAX] {
            let mut writer = Writer::default();
            writer.unsigned(value);
            assert_eq!(whole(&writer.0, Reader::unsigned), Ok(value));
        }
        for octets in [&[2, 0, 1][..], &[0], &[9, 1, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(whole(octets, Reader::unsigned).is_err(), "{octets:02x?}");
        }
    }

    #[test]
    fn signed_integers_round_trip() {
        for value in [0, 1, -1, 127, 128, -128, -129, 32_767, -32_769, i32::MAX, i32::MIN] {
            let mut writer = Writer::default();
            writer.signed(value);
            assert_eq!(whole(&writer.0, Reader::signed), Ok(value), "{:02x?}", writer.0);
        }
        assert_eq!(whole(&[1, 0xff], Reader::signed), Ok(-1));
        assert!(whole(&[0], Reader::signed).is_err());
        assert!(whole(&[5, 0, 0, 0, 0, 1], Reader::signed).is_err());
    }

    #[test]
    fn extensions_say_which_they_are() {
        let additions = vec![(0u8, vec![1]), (3, vec![2, 3]), (5, vec![])];
        let mut writer = Writer::default();
        writer.extensions(6, &additions);
        assert_eq!(writer.0, [2, 2, 0b1001_0100, 1, 1, 2, 2, 3, 0]);
        let read = whole(&writer.0, Reader::extensions).expect("as written");
        let owned: Vec<_> = read.into_iter().map(|(index, content)| (index, content.to_vec())).collect();
        assert_eq!(owned, additions);
        for octets in [
            &[2, 2, 0b1001_0110, 1, 1][..], // a bit among the unused ones
            &[2, 8, 0x80, 1, 1],            // more unused bits than a byte has
            &[1, 0],                        // no bits at all
            &[2, 0, 0],                     // the extension bit for nothing
            &[2, 7, 0x80, 2, 1],            // content cut short
        ] {
            assert!(whole(octets, Reader::extensions).is_err(), "{octets:02x?}");
        }
    }

    #[test]
    fn counts_cannot_exceed_what_is_there() {
        assert_eq!(whole(&[1, 2, 7, 8], |r| r.sequence_of(Reader::u8)), Ok(vec![7, 8]));
        assert!(whole(&[4, 0x7f, 0xff, 0xff, 0xff, 0], |r| r.sequence_of(Reader::u8)).is_err());
    }

    #[test]
    fn open_types_are_filled() {
        assert_eq!(whole(&[1, 9], |r| r.open(Reader::u8)), Ok(9));
        assert!(whole(&[2, 9, 9], |r| r.open(Reader::u8)).is_err());
        assert!(whole(&[2, 9], |r| r.open(Reader::u16)).is_err());
        assert!(whole(&[9, 9], |r| r.open(Reader::u16)).is_err());
    }

    #[test]
    fn choices_are_context_tags_below_thirty_one() {
        assert_eq!(whole(&[0x85], Reader::choice), Ok(5));
        for tag in [0x05, 0x45, 0xc5, 0x9f, 0xbf] {
            assert!(whole(&[tag], Reader::choice).is_err(), "{tag:02x}");
        }
    }

    #[test]
    fn errors_say_where() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u16(), Ok(0x0102));
        assert_eq!(reader.u16(), Err(ParseError::Malformed { offset: 2 }));
    }

    #[test]
    fn edits_apply_from_any_origin() {
        let edits = [Edit { range: 2..4, with: vec![9] }, Edit { range: 6..7, with: vec![8, 8] }];
        assert_eq!(apply(&[0, 1, 2, 3, 4, 5, 6, 7], 0, &edits), [0, 1, 9, 4, 5, 8, 8, 7]);
        assert_eq!(apply(&[4, 5, 6, 7], 4, &edits), [4, 5, 8, 8, 7]);
    }
}
