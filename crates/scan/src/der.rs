//! DER read as far as it goes: what a strict parser refuses is noted and read on.

/// One element.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// The identifier octet; tags above 30 do not occur in what is read here.
    pub tag: u8,
    /// Without header.
    pub content: &'a [u8],
    /// With header.
    pub whole: &'a [u8],
    /// Its length was indefinite, not minimal, or beyond its container.
    pub defective: bool,
}

/// The elements of a container, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const OID: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

impl<'a> Elements<'a> {
    /// The elements in `content`.
    #[must_use]
    pub fn new(content: &'a [u8]) -> Self {
        Self { rest: content }
    }

    /// The tag of the next element.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, if it has this tag.
    pub fn next_if(&mut self, tag: u8) -> Option<Element<'a>> {
        if self.peek() == Some(tag) { self.next() } else { None }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, &first) = (self.rest.first()?, self.rest.get(1)?);
        if tag & 0x1f == 0x1f || tag == 0 {
            return None; // a long tag, or the end of an indefinite length
        }
        let (header, length, mut defective) = match first {
            0..0x80 => (2, usize::from(first), false),
            0x80 => (2, self.rest.len() - 2, true),
            0x81..=0x88 => {
                let octets = usize::from(first & 0x7f);
                let length =
                    self.rest.get(2..2 + octets)?.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
                (2 + octets, length, length < 0x80 || length >> (8 * (octets - 1)) == 0)
            }
            _ => return None,
        };
        let said = header.saturating_add(length);
        let end = said.min(self.rest.len());
        defective |= end < said;
        let (whole, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Element { tag, content: &whole[header..], whole, defective })
    }
}

/// An object identifier, dotted; `None` if it is none.
#[must_use]
pub fn dotted(content: &[u8]) -> Option<String> {
    if content.is_empty() || content.len() > 64 {
        return None;
    }
    let mut arcs: Vec<u128> = Vec::new(); // under 2.25 stand whole UUIDs
    let mut arc = 0_u128;
    for octet in content {
        arc = arc.checked_mul(128)? + u128::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.extend([first, arc - 40 * first]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    if content.last().is_some_and(|octet| octet & 0x80 != 0) {
        return None;
    }
    Some(arcs.iter().map(u128::to_string).collect::<Vec<_>>().join("."))
}

/// Significant bits of an INTEGER.
#[must_use]
pub fn integer_bits(content: &[u8]) -> u32 {
    let significant = content.iter().position(|octet| *octet != 0).map_or(&[][..], |start| &content[start..]);
    significant.first().map_or(0, |first| significant.len() as u32 * 8 - first.leading_zeros())
}
